//! Applying a batch: what must still hold is checked under locks, then everything is written in one
//! transaction. Locks are taken assets first, then streams, each in id order; the audit log's end is last.

use std::{
    collections::{BTreeSet, HashMap},
    time::Instant,
};

use deskwarden_domain::{
    model::FindingId,
    port::{Applied, Batch, Op, StoreError, StoreResult},
};
use deskwarden_proto::ids::DeviceId;

use crate::{
    Database,
    generation::generation_held,
    ingest_facets::{facets_of, intern},
    ingest_rows::Devices,
    ingest_write,
    ingest_writer::Writer,
    sql::{Cell, Connection, ConnectionExt as _, Kind, Lookup, Reader},
};

/// Applies a batch durably.
pub(crate) fn apply(database: &Database, batch: &Batch) -> StoreResult<Applied> {
    let interned = facets_of(batch);
    let remembered = database.remembered(interned.keys());
    let mut written = Instant::now();
    let (mut applied, new) = database.write(|connection| {
        let devices = check(connection, batch)?;
        let new = intern(connection, &interned, &remembered)?;
        let mut writer = Writer::new(batch, &devices, [&remembered, &new]);
        ingest_write::run(&mut writer, connection)?;
        written = Instant::now();
        Ok((writer.applied, new))
    })?;
    applied.durable = written.elapsed();
    // Not before the commit: an undone row must not be remembered.
    database.remember(new);
    Ok(applied)
}

/// Takes the locks, in order, and compares what was loaded with what is stored.
fn check(connection: &mut dyn Connection, batch: &Batch) -> StoreResult<Devices> {
    let (asset_ids, device_ids) = touched(batch);
    let keys: Vec<Cell<'_>> = asset_ids.iter().map(|id| Cell::Int(*id)).collect();
    let mut versions: HashMap<i64, i64> = HashMap::new();
    let lookup = Lookup::new("a.id, a.version", "assets a", &[("a.id", Kind::Int)]).lock("a");
    connection.lookup(&lookup, &keys, &mut |_, columns| {
        let r = &mut Reader::new(columns);
        versions.insert(r.int()?, r.int()?);
        Ok(())
    })?;
    if batch
        .assets
        .iter()
        .any(|(asset, version)| versions.get(&asset.0) != Some(version))
    {
        return Err(StoreError::Stale);
    }
    if let Some(id) = asset_ids.iter().find(|id| !versions.contains_key(id)) {
        return Err(StoreError::NotFound(format!("asset {id}")));
    }

    let keys: Vec<Cell<'_>> = device_ids.iter().map(|id| Cell::from(id.as_bytes())).collect();
    let mut devices = Devices::new();
    let mut positions: HashMap<DeviceId, (u64, u64)> = HashMap::new();
    let from = "devices d JOIN streams s ON s.device_id = d.id";
    let lookup = Lookup::new(
        "d.uid, d.id, s.epoch, s.next_sequence",
        from,
        &[("d.uid", Kind::Blob)],
    )
    .lock("s");
    connection.lookup(&lookup, &keys, &mut |_, columns| {
        let r = &mut Reader::new(columns);
        let id = DeviceId::from_random(r.array()?);
        devices.insert(id, r.int()?);
        positions.insert(id, (r.bits()?, r.bits()?));
        Ok(())
    })?;
    if let Some(id) = device_ids.iter().find(|id| !devices.contains_key(id)) {
        return Err(StoreError::NotFound(format!("device {id}")));
    }
    if batch
        .positions
        .iter()
        .any(|(device, epoch, next)| positions.get(device) != Some(&(*epoch, *next)))
    {
        return Err(StoreError::Stale);
    }
    if batch.generation.is_some() && batch.generation != Some(generation_held(connection)?) {
        return Err(StoreError::Stale);
    }
    for (FindingId(id), version) in &batch.findings {
        let found = connection.row_locked(
            "SELECT version FROM findings WHERE id = ?1",
            &[Cell::Int(*id)],
            |r| r.int(),
        )?;
        if found != Some(*version) {
            return Err(StoreError::Stale);
        }
    }
    Ok(devices)
}

/// Assets and devices that a batch names, in the order in which they are locked.
fn touched(batch: &Batch) -> (BTreeSet<i64>, BTreeSet<DeviceId>) {
    let mut assets: BTreeSet<i64> = batch.assets.iter().map(|(id, _)| id.0).collect();
    let mut devices: BTreeSet<DeviceId> = batch.positions.iter().map(|(id, _, _)| *id).collect();
    for op in &batch.ops {
        match op {
            Op::Position { device, .. }
            | Op::Seen { device, .. }
            | Op::Hello { device, .. }
            | Op::Forked { device, .. }
            | Op::PutItem { device, .. }
            | Op::RemoveItem { device, .. }
            | Op::Source { device, .. }
            | Op::Sum { device, .. }
            | Op::Stage { device, .. }
            | Op::Unstage { device, .. }
            | Op::Event { device, .. }
            | Op::Sample { device, .. }
            | Op::Gap { device, .. }
            | Op::Returned { device } => {
                devices.insert(*device);
            }
            Op::Change(change) => {
                devices.insert(change.device);
            }
            Op::Claims { device, claims, .. } => {
                devices.insert(*device);
                assets.extend(claims.iter().filter_map(|claim| claim.asset).map(|id| id.0));
            }
            Op::PutEvidence(evidence) => {
                devices.extend(evidence.device);
                assets.insert(evidence.asset.0);
            }
            Op::Seeded { asset, .. }
            | Op::PutBaseline { asset, .. }
            | Op::RemoveBaseline { asset, .. }
            | Op::RemoveEvidence { asset, .. }
            | Op::Outcome { asset, .. }
            | Op::RemoveOutcome { asset, .. }
            | Op::Judged { asset, .. }
            | Op::Due { asset }
            | Op::Accepted { asset, .. }
            | Op::TouchAccepted { asset, .. } => {
                assets.insert(asset.0);
            }
            Op::PutFinding(finding) => assets.extend(finding.key.holder.asset().map(|id| id.0)),
            Op::IssueNotice(notice) => {
                assets.extend(notice.lines.iter().filter_map(|line| line.asset).map(|id| id.0));
            }
            Op::History { .. }
            | Op::Alert(_)
            | Op::Audit(_)
            | Op::Touch { .. }
            | Op::NoticeReply { .. }
            | Op::CloseNotice { .. }
            | Op::Looked { .. } => {}
        }
    }
    (assets, devices)
}
