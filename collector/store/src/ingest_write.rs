//! The operations of a batch as rows: what belongs to a device.

use deskwarden_domain::port::{Op, StoreResult};
use deskwarden_proto::{Bytes, Message as _, digest, v1};

use crate::{
    audit,
    ingest_judged::count_findings,
    ingest_load::id_cells,
    ingest_rows::{CHANGES, EVENTS, GAPS, ITEMS, POSITIONS, SAMPLES, SEEN, STAGED, SUMS},
    ingest_writer::Writer,
    inspections, notices, rows,
    sql::{Cell, Connection, ConnectionExt as _, Verb},
    succession,
};

/// Writes every operation of the batch, in order; the audit log's end is taken last.
pub(crate) fn run<'a>(writer: &mut Writer<'a>, connection: &mut dyn Connection) -> StoreResult<()> {
    for op in &writer.batch.ops {
        writer.op(connection, op)?;
    }
    writer.runs.finish(connection)?;
    for (id, state, at) in &writer.turned {
        notices::follow(connection, *id, *state, *at)?;
    }
    for (id, asset, at) in &writer.critical {
        inspections::raise(connection, *id, *asset, *at)?;
    }
    for asset in &writer.counted {
        count_findings(connection, *asset)?;
    }
    for op in &writer.batch.ops {
        if let Op::Audit(entry) = op {
            audit::append(connection, entry)?;
        }
    }
    Ok(())
}

impl<'a> Writer<'a> {
    fn op(&mut self, connection: &mut dyn Connection, op: &'a Op) -> StoreResult<()> {
        match op {
            Op::Position { device, position } => {
                let row = [
                    self.device(device)?,
                    Cell::bits(position.epoch),
                    Cell::bits(position.next_sequence),
                    Cell::from(&position.last_payload_hash),
                    Cell::from(&position.resume_key),
                    Cell::bits(position.resume_floor),
                ];
                self.runs.push(connection, &POSITIONS, Verb::Change, &row)
            }
            Op::Seen { device, at, goodbye } => {
                let gone = if *goodbye { Cell::Int(*at) } else { Cell::Null };
                let row = [self.device(device)?, Cell::Int(*at), gone];
                self.runs.push(connection, &SEEN, Verb::Change, &row)
            }
            Op::Hello {
                device,
                agent_version,
                platform,
                hints,
            } => {
                let device = self.device(device)?;
                hello(connection, device, agent_version, platform, hints)
            }
            Op::Forked { device, at } => {
                let row = [self.device(device)?, Cell::from(*at)];
                connection.execute("UPDATE streams SET forked_at = ?2 WHERE device_id = ?1", &row)?;
                Ok(())
            }
            Op::PutItem { device, put, at } => {
                let [section, source, key, principal] = id_cells(&put.id);
                let row = [
                    self.device(device)?,
                    section,
                    source,
                    key,
                    principal,
                    self.facet(&put.facet_hash)?,
                    Cell::Blob(&put.local),
                    Cell::Wide(put.digest),
                    Cell::Int(*at),
                    Cell::Int(*at),
                ];
                self.runs.push(connection, &ITEMS, Verb::Put, &row)
            }
            Op::RemoveItem { device, id } => {
                let [section, source, key, principal] = id_cells(id);
                let row = [self.device(device)?, section, source, key, principal];
                self.runs.push(connection, &ITEMS, Verb::Remove, &row)
            }
            Op::Change(change) => {
                let [section, source, key, principal] = id_cells(&change.id);
                let facet = |bytes: &Option<Bytes>| match bytes {
                    Some(bytes) => self.facet(&digest::facet(bytes)),
                    None => Ok(Cell::Null),
                };
                let row = [
                    self.device(&change.device)?,
                    section,
                    source,
                    key,
                    principal,
                    Cell::Text(change.kind.name()),
                    facet(&change.before)?,
                    facet(&change.after)?,
                    Cell::Int(change.received_at),
                    Cell::Int(change.observed_at),
                ];
                self.runs.push(connection, &CHANGES, Verb::Add, &row)
            }
            Op::Source {
                device,
                report,
                at,
                first_looked_at,
            } => {
                let row = [
                    self.device(device)?,
                    Cell::Int(i64::from(report.section as i32)),
                    Cell::Text(&report.source),
                    Cell::Int(i64::from(report.look as i32)),
                    Cell::Text(&report.reason),
                    Cell::Int(*at),
                    Cell::from(*first_looked_at),
                ];
                put_source(connection, &row)
            }
            Op::Sum {
                device,
                section,
                digest,
                count,
            } => {
                let section = Cell::Int(i64::from(*section as i32));
                let row = [
                    self.device(device)?,
                    section,
                    Cell::Wide(*digest),
                    Cell::bits(*count),
                ];
                self.runs.push(connection, &SUMS, Verb::Put, &row)
            }
            Op::Stage {
                device,
                section,
                snapshot_id,
                index,
                payload,
            } => {
                let row = [
                    self.device(device)?,
                    Cell::Int(i64::from(*section as i32)),
                    Cell::from(snapshot_id),
                    Cell::Int(i64::from(*index)),
                    Cell::Blob(payload),
                ];
                self.runs.push(connection, &STAGED, Verb::Put, &row)
            }
            Op::Unstage { device, section } => {
                let row = [self.device(device)?, Cell::Int(i64::from(*section as i32))];
                self.runs.settle(connection, STAGED.name)?;
                connection.execute("DELETE FROM staged WHERE device_id = ?1 AND section = ?2", &row)?;
                Ok(())
            }
            Op::Event { device, event, at } => {
                let facet = if event.facet.is_empty() {
                    Cell::Null
                } else {
                    self.facet(&digest::facet(&event.facet))?
                };
                let row = [
                    self.device(device)?,
                    Cell::Blob(&event.id),
                    Cell::Text(&event.kind),
                    Cell::Int(i64::from(event.section)),
                    Cell::Text(&event.key),
                    Cell::Text(&event.principal),
                    Cell::Int(event.at_ms),
                    facet,
                    Cell::Int(*at),
                ];
                self.runs.push(connection, &EVENTS, Verb::AddNew, &row)
            }
            Op::Sample { device, sample, at } => {
                let row = [
                    self.device(device)?,
                    Cell::Text(&sample.name),
                    Cell::Real(sample.value),
                    Cell::Text(&sample.unit),
                    Cell::Int(*at),
                ];
                self.runs.push(connection, &SAMPLES, Verb::Add, &row)
            }
            Op::Gap { device, gap, at } => {
                let row = [
                    self.device(device)?,
                    Cell::Int(i64::from(gap.section)),
                    Cell::bits(gap.records),
                    Cell::Text(&gap.reason),
                    Cell::Int(gap.from_ms),
                    Cell::Int(gap.to_ms),
                    Cell::Int(*at),
                ];
                self.runs.push(connection, &GAPS, Verb::Add, &row)
            }
            // Written at the end: the end of the audit log is the lock that is taken last.
            Op::Audit(_) => Ok(()),
            Op::Seeded { .. }
            | Op::PutBaseline { .. }
            | Op::RemoveBaseline { .. }
            | Op::PutEvidence(_)
            | Op::RemoveEvidence { .. }
            | Op::Outcome { .. }
            | Op::RemoveOutcome { .. }
            | Op::PutFinding(_)
            | Op::History { .. }
            | Op::Alert(_)
            | Op::Claims { .. }
            | Op::Judged { .. }
            | Op::Due { .. } => self.asset_op(connection, op),
            Op::Touch { .. }
            | Op::TouchAccepted { .. }
            | Op::Accepted { .. }
            | Op::Looked { .. }
            | Op::Returned { .. } => self.across_op(connection, op),
            Op::IssueNotice(_) | Op::NoticeReply { .. } | Op::CloseNotice { .. } => {
                notices::write(connection, op)
            }
        }
    }
}

fn put_source(connection: &mut dyn Connection, row: &[Cell<'_>]) -> StoreResult<()> {
    // `since` moves when the state does; the first complete look is kept.
    connection.execute(
        "INSERT INTO sources (device_id, section, source, look, reason, since, first_looked_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (device_id, section, source) DO UPDATE SET
           since = CASE WHEN sources.look = excluded.look THEN sources.since ELSE excluded.since END,
           look = excluded.look, reason = excluded.reason,
           first_looked_at = COALESCE(sources.first_looked_at, excluded.first_looked_at)",
        row,
    )?;
    Ok(())
}

fn hello(
    connection: &mut dyn Connection,
    device: Cell<'_>,
    agent_version: &str,
    platform: &str,
    hints: &v1::HostHints,
) -> StoreResult<()> {
    let hostname = rows::printable(&hints.hostname);
    let before = connection.row("SELECT hostname FROM devices WHERE id = ?1", &[device], |r| {
        r.string()
    })?;
    let encoded = hints.encode_to_vec();
    connection.execute(
        "UPDATE devices SET agent_version = ?2, platform = ?3, hints = ?4, hostname = ?5 WHERE id = ?1",
        &[
            device,
            Cell::Text(agent_version),
            Cell::Text(platform),
            Cell::Blob(&encoded),
            Cell::Text(&hostname),
        ],
    )?;
    succession::remember(connection, device, hints)?;
    if let Some(before) = before.filter(|before| *before != hostname && !hostname.is_empty()) {
        // A name that nobody gave follows the host name.
        connection.execute(
            "UPDATE assets SET name = ?2
             WHERE id = (SELECT d.asset_id FROM devices d WHERE d.id = ?1) AND current_device = ?1 AND name = ?3",
            &[device, Cell::Text(&hostname), Cell::Text(&before)],
        )?;
    }
    Ok(())
}
