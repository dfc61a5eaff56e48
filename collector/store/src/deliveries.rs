//! The outbox: alerts, and one delivery per alert and channel.

use deskwarden_domain::{
    model::{AlertKind, AlertRow, Delivery, DeliveryState, Holder, Millis, Severity},
    port::{StoreError, StoreResult},
};

use crate::{
    rows,
    sql::{Cell, Connection, ConnectionExt as _, Reader},
};

/// A delivery `v` with its alert `t`, finding `f`, asset `a` and the first piece of evidence.
const DELIVERY: &str = "SELECT v.id, v.channel, v.attempts, v.state, v.last_error, v.due_at, v.delivered_at, \
     t.id, t.kind, t.finding_id, f.rule, f.clause, t.severity, f.subject_name, f.holder, f.asset_id, a.number, \
     COALESCE(a.name, ''), a.custodian, a.department, f.first_seen, t.at, \
     COALESCE(f.seen, (SELECT e.detail FROM evidence e WHERE e.asset_id = f.asset_id AND e.rule = f.rule \
      AND e.subject = f.subject ORDER BY e.since, e.section, e.source, e.key LIMIT 1)) \
     FROM deliveries v JOIN alerts t ON t.id = v.alert_id JOIN findings f ON f.id = t.finding_id \
     LEFT JOIN assets a ON a.id = f.asset_id";

/// Whether every alert has its deliveries.
pub(crate) fn none_waits(connection: &mut dyn Connection) -> StoreResult<bool> {
    Ok(connection.number(
        "SELECT COUNT(*) FROM alerts WHERE expanded <> 1 AND expanded = 0",
        &[],
    )? == 0)
}

/// Makes the deliveries of alerts that have none; the number of deliveries. An alert that no channel wants
/// is done with: a channel that is set up later is not told of the past.
pub(crate) fn expand(
    connection: &mut dyn Connection,
    channels: &[(String, Severity)],
    now: Millis,
) -> StoreResult<u64> {
    // In one statement: an alert that is committed meanwhile waits for the next call, with all its channels.
    connection.execute(
        "UPDATE alerts SET expanded = 2 WHERE expanded <> 1 AND expanded = 0",
        &[],
    )?;
    let mut made = 0;
    for (channel, least) in channels {
        made += connection.execute(
            "INSERT INTO deliveries (idempotency_key, channel, alert_id, state, due_at)
             SELECT CAST(?1 AS TEXT) || ':' || CAST(id AS TEXT), CAST(?1 AS TEXT), id, 'pending', CAST(?2 AS BIGINT)
             FROM alerts WHERE expanded <> 1 AND expanded = 2 AND severity >= ?3 ORDER BY id
             ON CONFLICT (idempotency_key) DO NOTHING",
            &[Cell::Text(channel), Cell::Int(now), Cell::Int(rows::severity_rank(*least))],
        )?;
    }
    connection.execute(
        "UPDATE alerts SET expanded = 1 WHERE expanded <> 1 AND expanded = 2",
        &[],
    )?;
    Ok(made)
}

/// Deliveries of a channel that are due, oldest first.
pub(crate) fn due(
    connection: &mut dyn Connection,
    channel: &str,
    now: Millis,
    limit: usize,
) -> StoreResult<Vec<Delivery>> {
    connection.rows(
        &format!(
            "{DELIVERY} WHERE v.state = 'pending' AND v.channel = ?1 AND v.due_at <= ?2 ORDER BY v.due_at, v.id LIMIT ?3"
        ),
        &[Cell::Text(channel), Cell::Int(now), Cell::Int(i64::try_from(limit).unwrap_or(i64::MAX))],
        delivery,
    )
}

/// The newest deliveries.
pub(crate) fn newest(connection: &mut dyn Connection, limit: usize) -> StoreResult<Vec<Delivery>> {
    connection.rows(
        &format!("{DELIVERY} ORDER BY v.id DESC LIMIT ?1"),
        &[Cell::Int(i64::try_from(limit).unwrap_or(i64::MAX))],
        delivery,
    )
}

/// The channel took it.
pub(crate) fn delivered(connection: &mut dyn Connection, id: i64, at: Millis) -> StoreResult<()> {
    let changed = connection.execute(
        "UPDATE deliveries SET state = 'delivered', attempts = attempts + 1, delivered_at = ?2, last_error = NULL WHERE id = ?1",
        &[Cell::Int(id), Cell::Int(at)],
    )?;
    found(id, changed)
}

/// The channel did not take it.
pub(crate) fn failed(
    connection: &mut dyn Connection,
    id: i64,
    error: &str,
    due_at: Option<Millis>,
) -> StoreResult<()> {
    let state = if due_at.is_some() {
        DeliveryState::Pending
    } else {
        DeliveryState::Dead
    };
    let changed = connection.execute(
        "UPDATE deliveries SET state = ?2, attempts = attempts + 1, last_error = ?3, due_at = COALESCE(?4, due_at) WHERE id = ?1",
        &[Cell::Int(id), Cell::Text(state.name()), Cell::Text(error), Cell::from(due_at)],
    )?;
    found(id, changed)
}

fn found(id: i64, changed: u64) -> StoreResult<()> {
    if changed == 0 {
        Err(StoreError::NotFound(format!("delivery {id}")))
    } else {
        Ok(())
    }
}

fn delivery(r: &mut Reader<'_>) -> StoreResult<Delivery> {
    let (id, channel, attempts) = (r.int()?, r.string()?, r.small()?);
    let state = r.named(DeliveryState::by_name)?;
    let (last_error, due_at, delivered_at) = (r.opt_string()?, r.int()?, r.opt_int()?);
    Ok(Delivery {
        id,
        channel,
        alert: alert(r)?,
        attempts,
        state,
        last_error,
        due_at,
        delivered_at,
    })
}

fn alert(r: &mut Reader<'_>) -> StoreResult<AlertRow> {
    let id = r.int()?;
    let kind = r.named(AlertKind::by_name)?;
    let (finding_id, rule, clause) = (r.int()?, r.string()?, r.string()?);
    let severity = rows::severity(r)?;
    let subject_name = r.string()?;
    let holder = r.named(Holder::parse)?;
    let (asset_id, asset_number, name) = (r.opt_int()?, r.opt_string()?, r.string()?);
    let asset_name = match holder {
        // A machine without an agent is known by its address only.
        Holder::Machine(mac) => mac,
        Holder::Asset(_) | Holder::Organisation => name,
    };
    Ok(AlertRow {
        id,
        kind,
        finding_id,
        rule,
        clause,
        severity,
        subject_name,
        asset_id,
        asset_number,
        asset_name,
        custodian: r.opt_string()?,
        department: r.opt_string()?,
        first_seen: r.int()?,
        at: r.int()?,
        evidence: r.opt_string()?.unwrap_or_else(|| "{}".to_owned()),
    })
}
