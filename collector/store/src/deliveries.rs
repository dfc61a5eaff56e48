//! The outbox: alerts, the queues of channels, and the messages made of them.

use deskwarden_domain::{
    alerting::{EntryKind, Fresh, Pack, Planned, Pulse, Waiting},
    model::{
        AlertKind, AlertRow, AuditEntry, Delivery, DeliveryState, FindingState, Holder, Millis, PackKind,
    },
    port::{DeliveryFilter, Page, Paging, StoreError, StoreResult},
};

use crate::{
    audit, rows,
    sql::{Cell, Conditions, Connection, ConnectionExt as _, Reader, window},
};

/// What a message needs of an alert `t`: its finding `f`, asset `a` and the first piece of evidence.
const ALERT: &str = "t.id, t.kind, t.finding_id, f.rule, f.clause, t.severity, f.subject_name, f.holder, f.asset_id, a.number, \
     COALESCE(a.name, ''), a.custodian, a.department, f.first_seen, t.at, \
     COALESCE(f.seen, (SELECT e.detail FROM evidence e WHERE e.asset_id = f.asset_id AND e.rule = f.rule \
      AND e.subject = f.subject ORDER BY e.since, e.section, e.source, e.key LIMIT 1))";
const OF_ALERT: &str = "JOIN findings f ON f.id = t.finding_id LEFT JOIN assets a ON a.id = f.asset_id";
const MESSAGE: &str = "m.id, m.idempotency_key, m.channel, m.kind, m.alerts, m.attempts, m.state, m.last_error, m.due_at, \
     m.made_at, m.delivered_at";

/// Whether every alert is in its queues.
pub(crate) fn none_waits(connection: &mut dyn Connection) -> StoreResult<bool> {
    Ok(connection.number(
        "SELECT COUNT(*) FROM alerts WHERE expanded <> 1 AND expanded = 0",
        &[],
    )? == 0)
}

/// Alerts in no queue, oldest first, and the channels that were told of their findings.
pub(crate) fn fresh(connection: &mut dyn Connection, limit: usize) -> StoreResult<Vec<Fresh>> {
    let alerts = connection.rows(
        &format!("SELECT {ALERT} FROM alerts t {OF_ALERT} WHERE t.expanded <> 1 ORDER BY t.id LIMIT ?1"),
        &[count(limit)],
        alert,
    )?;
    alerts
        .into_iter()
        .map(|alert| {
            let told = if alert.kind == AlertKind::Resolved {
                connection.rows(
                    "SELECT DISTINCT q.channel FROM alerts o JOIN alert_queue q ON q.alert_id = o.id
                     WHERE o.finding_id = ?1 AND q.skipped IS NULL AND (q.kind = 'alert' OR q.delivery_id IS NOT NULL)",
                    &[Cell::Int(alert.finding_id)],
                    |r| r.string(),
                )?
            } else {
                Vec::new()
            };
            Ok(Fresh { alert, told })
        })
        .collect()
}

/// Puts entries into queues; see the port.
pub(crate) fn enqueue(
    connection: &mut dyn Connection,
    planned: &[Planned],
    done: &[i64],
) -> StoreResult<u64> {
    let mut made = 0;
    for entry in planned {
        made += connection.execute(
            "INSERT INTO alert_queue (alert_id, channel, kind, bundle, not_before, held)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (alert_id, channel, kind) DO NOTHING",
            &[
                Cell::Int(entry.alert),
                Cell::Text(&entry.channel),
                Cell::Text(entry.kind.name()),
                Cell::Text(&entry.bundle),
                Cell::Int(entry.not_before),
                Cell::flag(entry.held),
            ],
        )?;
    }
    for id in done {
        connection.execute("UPDATE alerts SET expanded = 1 WHERE id = ?1", &[Cell::Int(*id)])?;
    }
    Ok(made)
}

/// Entries that are due and part of no message.
pub(crate) fn waiting(
    connection: &mut dyn Connection,
    channel: &str,
    now: Millis,
    limit: usize,
) -> StoreResult<Vec<Waiting>> {
    connection.rows(
        &format!(
            "SELECT q.id, q.kind, q.bundle, q.not_before, q.held, f.state, {ALERT}
             FROM alert_queue q JOIN alerts t ON t.id = q.alert_id {OF_ALERT}
             WHERE q.delivery_id IS NULL AND q.skipped IS NULL AND q.channel = ?1 AND q.not_before <= ?2
             ORDER BY q.id LIMIT ?3"
        ),
        &[Cell::Text(channel), Cell::Int(now), count(limit)],
        |r| {
            Ok(Waiting {
                id: r.int()?,
                kind: r.named(EntryKind::by_name)?,
                bundle: r.string()?,
                not_before: r.int()?,
                held: r.flag()?,
                state: r.named(FindingState::by_name)?,
                alert: alert(r)?,
            })
        },
    )
}

/// Makes messages of entries; see the port.
pub(crate) fn bind(
    connection: &mut dyn Connection,
    channel: &str,
    packs: &[Pack],
    skipped: &[(i64, &'static str)],
    now: Millis,
) -> StoreResult<()> {
    for pack in packs {
        let id = connection.row(
            "INSERT INTO messages (idempotency_key, channel, kind, cause, alerts, state, due_at, made_at)
             VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6, ?6) ON CONFLICT (idempotency_key) DO NOTHING RETURNING id",
            &[
                Cell::Text(&pack.key(channel)),
                Cell::Text(channel),
                Cell::Text(pack.kind.name()),
                Cell::Text(&pack.cause),
                Cell::Int(i64::try_from(pack.entries.len()).unwrap_or(i64::MAX)),
                Cell::Int(now),
            ],
            |r| r.int(),
        )?;
        let id = id.ok_or(StoreError::Stale)?;
        for entry in &pack.entries {
            let bound = connection.execute(
                "UPDATE alert_queue SET delivery_id = ?2 WHERE id = ?1 AND delivery_id IS NULL AND skipped IS NULL",
                &[Cell::Int(*entry), Cell::Int(id)],
            )?;
            if bound == 0 {
                return Err(StoreError::Stale);
            }
        }
    }
    for (entry, why) in skipped {
        connection.execute(
            "UPDATE alert_queue SET skipped = ?2 WHERE id = ?1 AND delivery_id IS NULL",
            &[Cell::Int(*entry), Cell::Text(why)],
        )?;
    }
    Ok(())
}

/// What a channel was told since.
pub(crate) fn pulse(connection: &mut dyn Connection, channel: &str, since: Millis) -> StoreResult<Pulse> {
    let key = [Cell::Text(channel), Cell::Int(since)];
    Ok(Pulse {
        tried: connection.rows(
            "SELECT tried_at FROM messages WHERE channel = ?1 AND tried_at > ?2 ORDER BY tried_at",
            &key,
            |r| r.int(),
        )?,
        causes: connection.rows(
            "SELECT cause, made_at, alerts FROM messages WHERE channel = ?1 AND made_at > ?2",
            &key,
            |r| Ok((r.string()?, r.int()?, r.int()?.unsigned_abs())),
        )?,
        failing: connection
            .number(
                "SELECT COUNT(*) FROM messages WHERE channel = ?1 AND state = 'pending' AND last_error IS NOT NULL",
                &[Cell::Text(channel)],
            )?
            .unsigned_abs(),
    })
}

/// Messages of a channel that are due, oldest first.
pub(crate) fn due(
    connection: &mut dyn Connection,
    channel: &str,
    now: Millis,
    limit: usize,
) -> StoreResult<Vec<Delivery>> {
    let mut due = connection.rows(
        &format!(
            "SELECT {MESSAGE} FROM messages m WHERE m.state = 'pending' AND m.channel = ?1 AND m.due_at <= ?2
             ORDER BY m.due_at, m.id LIMIT ?3"
        ),
        &[Cell::Text(channel), Cell::Int(now), count(limit)],
        delivery,
    )?;
    for delivery in &mut due {
        delivery.alerts = alerts_of(connection, delivery.id, usize::MAX)?;
    }
    Ok(due)
}

/// Messages, newest first, each with its first alert.
pub(crate) fn list(
    connection: &mut dyn Connection,
    filter: &DeliveryFilter,
    paging: Paging,
) -> StoreResult<Page<Delivery>> {
    let mut c = Conditions::new();
    if let Some(state) = filter.state {
        // Named, not bound: the indexes of what waits and of what was given up hold one state each.
        c.and(format!("m.state = '{}'", state.name()));
    }
    if let Some(channel) = &filter.channel {
        let channel = c.bind(Cell::Text(channel));
        c.and(format!("m.channel = {channel}"));
    }
    let mut params = c.params();
    let total = connection.number(&format!("SELECT COUNT(*) FROM messages m{}", c.sql()), &params)?;
    let (limit, offset) = (params.len() + 1, params.len() + 2);
    params.extend(window(paging));
    let mut rows = connection.rows(
        &format!(
            "SELECT {MESSAGE} FROM messages m{} ORDER BY m.id DESC LIMIT ?{limit} OFFSET ?{offset}",
            c.sql()
        ),
        &params,
        delivery,
    )?;
    for delivery in &mut rows {
        delivery.alerts = alerts_of(connection, delivery.id, 1)?;
    }
    Ok(Page {
        rows,
        total: total.unsigned_abs(),
    })
}

fn alerts_of(connection: &mut dyn Connection, message: i64, most: usize) -> StoreResult<Vec<AlertRow>> {
    connection.rows(
        &format!(
            "SELECT {ALERT} FROM alert_queue q JOIN alerts t ON t.id = q.alert_id {OF_ALERT}
             WHERE q.delivery_id = ?1 ORDER BY q.id LIMIT ?2"
        ),
        &[Cell::Int(message), count(most)],
        alert,
    )
}

/// A message is about to be sent.
pub(crate) fn trying(connection: &mut dyn Connection, id: i64, at: Millis) -> StoreResult<()> {
    let changed = connection.execute(
        "UPDATE messages SET tried_at = ?2 WHERE id = ?1",
        &[Cell::Int(id), Cell::Int(at)],
    )?;
    found(id, changed)
}

/// The channel took these; see the port.
pub(crate) fn delivered(connection: &mut dyn Connection, taken: &[(i64, Millis)]) -> StoreResult<()> {
    for (id, at) in taken {
        let changed = connection.execute(
            "UPDATE messages SET state = 'delivered', attempts = attempts + 1, delivered_at = ?2, last_error = NULL WHERE id = ?1",
            &[Cell::Int(*id), Cell::Int(*at)],
        )?;
        found(*id, changed)?;
    }
    Ok(())
}

/// The channel did not take it.
pub(crate) fn failed(
    connection: &mut dyn Connection,
    id: i64,
    error: &str,
    due_at: Option<Millis>,
    counted: bool,
) -> StoreResult<()> {
    let state = if due_at.is_some() {
        DeliveryState::Pending
    } else {
        DeliveryState::Dead
    };
    let changed = connection.execute(
        "UPDATE messages SET state = ?2, attempts = attempts + ?5, last_error = ?3, due_at = COALESCE(?4, due_at) WHERE id = ?1",
        &[
            Cell::Int(id),
            Cell::Text(state.name()),
            Cell::Text(error),
            Cell::from(due_at),
            Cell::flag(counted),
        ],
    )?;
    found(id, changed)
}

/// Sends a dead message again.
pub(crate) fn resend(
    connection: &mut dyn Connection,
    id: i64,
    now: Millis,
    entry: &AuditEntry,
) -> StoreResult<()> {
    let changed = connection.execute(
        "UPDATE messages SET state = 'pending', attempts = 0, last_error = NULL, due_at = ?2, made_at = ?2
         WHERE id = ?1 AND state = 'dead'",
        &[Cell::Int(id), Cell::Int(now)],
    )?;
    if changed == 0 {
        return Err(StoreError::Conflict(format!(
            "delivery {id} is not dead: only what was given up can be sent again"
        )));
    }
    audit::append(connection, entry)
}

/// Entries that wait, per channel.
pub(crate) fn queued(connection: &mut dyn Connection) -> StoreResult<Vec<(String, u64)>> {
    connection.rows(
        "SELECT channel, COUNT(*) FROM alert_queue WHERE delivery_id IS NULL AND skipped IS NULL GROUP BY channel ORDER BY channel",
        &[],
        |r| Ok((r.string()?, r.int()?.unsigned_abs())),
    )
}

fn count(limit: usize) -> Cell<'static> {
    Cell::Int(i64::try_from(limit).unwrap_or(i64::MAX))
}

fn found(id: i64, changed: u64) -> StoreResult<()> {
    if changed == 0 {
        Err(StoreError::NotFound(format!("delivery {id}")))
    } else {
        Ok(())
    }
}

fn delivery(r: &mut Reader<'_>) -> StoreResult<Delivery> {
    Ok(Delivery {
        id: r.int()?,
        key: r.string()?,
        channel: r.string()?,
        kind: r.named(PackKind::by_name)?,
        total: r.int()?.unsigned_abs(),
        alerts: Vec::new(),
        attempts: r.small()?,
        state: r.named(DeliveryState::by_name)?,
        last_error: r.opt_string()?,
        due_at: r.int()?,
        made_at: r.int()?,
        delivered_at: r.opt_int()?,
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
        provider: None,
        first_seen: r.int()?,
        at: r.int()?,
        evidence: r.opt_string()?.unwrap_or_else(|| "{}".to_owned()),
    })
}
