//! Applying a batch: what must still hold is checked under locks, then everything is written in one
//! transaction. Locks are taken assets first, then streams, each in id order; the audit log's end is last.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deskwarden_domain::{
    model::{Alert, Finding, FindingHistory, FindingId, FindingKey},
    port::{Applied, Batch, Op, StoreError, StoreResult},
};
use deskwarden_proto::{Bytes, Message as _, digest, ids::DeviceId, v1};

use crate::{
    Database, audit,
    ingest_load::{finding_row, generation, id_cells},
    ingest_rows::{
        BASELINE, CHANGES, CLAIMS, EVENTS, EVIDENCE, FACETS, GAPS, ITEMS, JUDGED, OUTCOMES, POSITIONS, Runs,
        SAMPLES, SEEDED, SEEN, STAGED, SUMS,
    },
    rows::{self, severity_rank},
    sql::{Cell, Connection, ConnectionExt as _, Kind, Lookup, Reader, Verb},
};

/// Row ids of facets by hash.
type Facets = HashMap<[u8; 32], i64>;
/// Row ids of devices.
type Devices = HashMap<DeviceId, i64>;

/// Applies a batch durably.
pub(crate) fn apply(database: &Database, batch: &Batch) -> StoreResult<Applied> {
    let interned = facets_of(batch);
    let remembered = database.remembered(interned.keys());
    let (applied, new) = database.write(|connection| {
        let devices = check(connection, batch)?;
        let new = intern(connection, &interned, &remembered)?;
        let mut writer = Writer {
            batch,
            devices: &devices,
            facets: [&remembered, &new],
            applied: Applied::default(),
            runs: Runs::default(),
            findings: HashMap::new(),
            counted: BTreeSet::new(),
        };
        writer.run(connection)?;
        Ok((writer.applied, new))
    })?;
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
    if batch.generation.is_some() && batch.generation != Some(generation(connection)?) {
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
            | Op::PutItem { device, .. }
            | Op::RemoveItem { device, .. }
            | Op::Source { device, .. }
            | Op::Sum { device, .. }
            | Op::Stage { device, .. }
            | Op::Unstage { device, .. }
            | Op::Event { device, .. }
            | Op::Sample { device, .. }
            | Op::Gap { device, .. } => {
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
            | Op::Due { asset } => {
                assets.insert(asset.0);
            }
            Op::PutFinding(finding) => assets.extend(finding.key.holder.asset().map(|id| id.0)),
            Op::History { .. } | Op::Alert(_) | Op::Audit(_) => {}
        }
    }
    (assets, devices)
}

/// Every facet that a batch carries, by hash. Sorted: writers that meet on new facets do so in one order.
fn facets_of(batch: &Batch) -> BTreeMap<[u8; 32], &[u8]> {
    let mut facets = BTreeMap::new();
    for op in &batch.ops {
        match op {
            Op::PutItem { put, .. } => {
                facets.insert(put.facet_hash, put.facet.as_ref());
            }
            Op::Change(change) => {
                for facet in [&change.before, &change.after].into_iter().flatten() {
                    facets.insert(digest::facet(facet), facet.as_ref());
                }
            }
            Op::PutBaseline { item, .. } => {
                facets.insert(item.facet_hash, item.facet.as_ref());
            }
            Op::Event { event, .. } if !event.facet.is_empty() => {
                facets.insert(digest::facet(&event.facet), event.facet.as_slice());
            }
            _ => {}
        }
    }
    facets
}

/// Stores the facets that are not remembered, and returns their row ids.
fn intern(
    connection: &mut dyn Connection,
    facets: &BTreeMap<[u8; 32], &[u8]>,
    remembered: &Facets,
) -> StoreResult<Facets> {
    let unknown = || facets.iter().filter(|(hash, _)| !remembered.contains_key(*hash));
    let hashes: Vec<Cell<'_>> = unknown().map(|(hash, _)| Cell::from(hash)).collect();
    let mut ids = Facets::with_capacity(hashes.len());
    if hashes.is_empty() {
        return Ok(ids);
    }
    let cells: Vec<Cell<'_>> = unknown()
        .flat_map(|(hash, bytes)| [Cell::from(hash), Cell::Blob(bytes)])
        .collect();
    connection.write(&FACETS, Verb::AddNew, &cells)?;
    let lookup = Lookup::new("f.hash, f.id", "facets f", &[("f.hash", Kind::Blob)]);
    connection.lookup(&lookup, &hashes, &mut |_, columns| {
        let r = &mut Reader::new(columns);
        ids.insert(r.array()?, r.int()?);
        Ok(())
    })?;
    Ok(ids)
}

/// A batch on its way into the tables.
struct Writer<'a> {
    batch: &'a Batch,
    devices: &'a Devices,
    facets: [&'a Facets; 2],
    applied: Applied,
    runs: Runs<'a>,
    /// Findings that this batch wrote already: their version moved through this batch alone.
    findings: HashMap<&'a FindingKey, FindingId>,
    /// Assets whose numbers of active findings may have changed.
    counted: BTreeSet<i64>,
}

impl<'a> Writer<'a> {
    fn run(&mut self, connection: &mut dyn Connection) -> StoreResult<()> {
        for op in &self.batch.ops {
            self.op(connection, op)?;
        }
        self.runs.finish(connection)?;
        for asset in &self.counted {
            count_findings(connection, *asset)?;
        }
        for op in &self.batch.ops {
            if let Op::Audit(entry) = op {
                audit::append(connection, entry)?;
            }
        }
        Ok(())
    }

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
            Op::Seeded {
                asset,
                section,
                source,
            } => {
                let row = [
                    Cell::Int(asset.0),
                    Cell::Int(i64::from(*section as i32)),
                    Cell::Text(source),
                ];
                self.runs.push(connection, &SEEDED, Verb::AddNew, &row)
            }
            Op::PutBaseline { asset, item } => {
                let [section, source, key, principal] = id_cells(&item.id);
                let row = [
                    Cell::Int(asset.0),
                    section,
                    source,
                    key,
                    principal,
                    self.facet(&item.facet_hash)?,
                    Cell::Int(item.accepted_at),
                    Cell::Text(&item.accepted_by),
                ];
                self.runs.push(connection, &BASELINE, Verb::Put, &row)
            }
            Op::RemoveBaseline { asset, id } => {
                let [section, source, key, principal] = id_cells(id);
                let row = [Cell::Int(asset.0), section, source, key, principal];
                self.runs.push(connection, &BASELINE, Verb::Remove, &row)
            }
            Op::PutEvidence(evidence) => {
                let [section, source, key, principal] = evidence.item.as_ref().map_or(NO_ITEM, id_cells);
                let device = match &evidence.device {
                    Some(device) => self.device(device)?,
                    None => Cell::Null,
                };
                let row = [
                    Cell::Int(evidence.asset.0),
                    Cell::Text(&evidence.rule),
                    Cell::Text(&evidence.subject),
                    section,
                    source,
                    key,
                    principal,
                    Cell::Text(&evidence.subject_name),
                    device,
                    Cell::Text(&evidence.detail),
                    Cell::Int(evidence.since),
                ];
                self.runs.push(connection, &EVIDENCE, Verb::Put, &row)
            }
            Op::RemoveEvidence {
                asset,
                rule,
                subject,
                item,
            } => {
                let [section, source, key, principal] = item.as_ref().map_or(NO_ITEM, id_cells);
                let row = [
                    Cell::Int(asset.0),
                    Cell::Text(rule),
                    Cell::Text(subject),
                    section,
                    source,
                    key,
                    principal,
                ];
                self.runs.push(connection, &EVIDENCE, Verb::Remove, &row)
            }
            Op::Outcome { asset, row } => {
                let row = [
                    Cell::Int(asset.0),
                    Cell::Text(&row.rule),
                    Cell::Text(row.outcome.name()),
                    Cell::Text(&row.reason),
                ];
                self.runs.push(connection, &OUTCOMES, Verb::Put, &row)
            }
            Op::RemoveOutcome { asset, rule } => self.runs.push(
                connection,
                &OUTCOMES,
                Verb::Remove,
                &[Cell::Int(asset.0), Cell::Text(rule)],
            ),
            Op::PutFinding(finding) => self.finding(connection, finding),
            Op::History { finding, step } => {
                let id = self.finding_id(connection, finding)?;
                add_history(connection, id, step)
            }
            Op::Alert(alert) => {
                let finding = self.finding_id(connection, &alert.finding)?;
                self.applied.alerts.push(add_alert(connection, finding, alert)?);
                Ok(())
            }
            Op::Claims {
                device,
                item_key,
                claims,
            } => {
                let device = self.device(device)?;
                self.runs
                    .push(connection, &CLAIMS, Verb::Remove, &[device, Cell::Text(item_key)])?;
                for claim in claims {
                    let row = [
                        device,
                        Cell::Text(item_key),
                        Cell::Text(claim.kind.name()),
                        Cell::Text(&claim.value),
                        Cell::Text(claim.origin.name()),
                        Cell::from(claim.asset.map(|asset| asset.0)),
                        Cell::Text(&claim.note),
                    ];
                    self.runs.push(connection, &CLAIMS, Verb::Add, &row)?;
                }
                Ok(())
            }
            Op::Judged {
                asset,
                generation,
                wake_at,
            } => {
                let row = [Cell::Int(asset.0), Cell::Int(*generation), Cell::from(*wake_at)];
                self.runs.push(connection, &JUDGED, Verb::Change, &row)
            }
            Op::Due { asset } => {
                self.runs.settle(connection, JUDGED.name)?;
                make_due(connection, asset.0, 0)
            }
            // Written at the end: the end of the audit log is the lock that is taken last.
            Op::Audit(_) => Ok(()),
        }
    }

    fn device(&self, id: &DeviceId) -> StoreResult<Cell<'a>> {
        let row = self
            .devices
            .get(id)
            .ok_or_else(|| StoreError::NotFound(format!("device {id}")))?;
        Ok(Cell::Int(*row))
    }

    fn facet(&self, hash: &[u8; 32]) -> StoreResult<Cell<'a>> {
        let id = self.facets.iter().find_map(|facets| facets.get(hash));
        id.map(|id| Cell::Int(*id))
            .ok_or_else(|| StoreError::NotFound("a facet of the batch".into()))
    }

    /// Writes a finding unless somebody else changed it since it was loaded.
    fn finding(&mut self, connection: &mut dyn Connection, finding: &'a Finding) -> StoreResult<()> {
        let key = &finding.key;
        let holder = key.holder.to_string();
        let stored = finding_row(connection, &holder, &key.rule, &key.subject)?;
        let loaded = finding.id.map(|id| (id, finding.version));
        if !self.findings.contains_key(key) && stored != loaded {
            return Err(StoreError::Stale);
        }
        let asset = key.holder.asset().map(|id| id.0);
        let mut cells = vec![
            Cell::Int(severity_rank(finding.severity)),
            Cell::Text(&finding.clause),
            Cell::Text(&finding.subject_name),
            Cell::Text(finding.state.name()),
            Cell::flag(finding.state.is_active()),
            Cell::Int(finding.first_seen),
            Cell::Int(finding.last_seen),
            Cell::Int(finding.opened_at),
            Cell::from(finding.resolved_at),
            Cell::Int(i64::from(finding.reopened)),
        ];
        let id = match stored {
            Some((id, _)) => {
                cells.push(Cell::Int(id.0));
                connection.execute(
                    "UPDATE findings SET severity = ?1, clause = ?2, subject_name = ?3, state = ?4, active = ?5, first_seen = ?6,
                     last_seen = ?7, opened_at = ?8, resolved_at = ?9, reopened = ?10,
                     version = version + 1 WHERE id = ?11",
                    &cells,
                )?;
                id
            }
            None => {
                cells.extend([
                    Cell::Text(&holder),
                    Cell::from(asset),
                    Cell::Text(&key.rule),
                    Cell::Text(&key.subject),
                ]);
                let made = connection.row(
                    "INSERT INTO findings (severity, clause, subject_name, state, active, first_seen, last_seen, opened_at,
                     resolved_at, reopened, holder, asset_id, rule, subject, version)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 1)
                     ON CONFLICT (holder, rule, subject) DO NOTHING RETURNING id",
                    &cells,
                    |r| r.int().map(FindingId),
                )?;
                // Another writer made it a moment ago.
                made.ok_or(StoreError::Stale)?
            }
        };
        self.counted.extend(asset);
        self.findings.insert(key, id);
        self.applied.findings.push((key.clone(), id));
        Ok(())
    }

    fn finding_id(&self, connection: &mut dyn Connection, key: &FindingKey) -> StoreResult<FindingId> {
        if let Some(id) = self.findings.get(key) {
            return Ok(*id);
        }
        let row = finding_row(connection, &key.holder.to_string(), &key.rule, &key.subject)?;
        row.map(|(id, _)| id).ok_or_else(|| {
            StoreError::NotFound(format!(
                "the finding of rule {} on {} about {}",
                key.rule, key.holder, key.subject
            ))
        })
    }
}

/// Stands for the asset itself.
const NO_ITEM: [Cell<'static>; 4] = [Cell::Int(0), Cell::Text(""), Cell::Text(""), Cell::Text("")];

/// The asset must be judged again at once, by whoever loads it from now on.
pub(crate) fn make_due(connection: &mut dyn Connection, asset: i64, at: i64) -> StoreResult<()> {
    connection.execute(
        "UPDATE assets SET version = version + 1, wake_at = ?2 WHERE id = ?1",
        &[Cell::Int(asset), Cell::Int(at)],
    )?;
    Ok(())
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
    if let Some(before) = before.filter(|before| *before != hostname && !hostname.is_empty()) {
        // A name that nobody gave follows the host name.
        connection.execute(
            "UPDATE assets SET name = ?2 WHERE current_device = ?1 AND name = ?3",
            &[device, Cell::Text(&hostname), Cell::Text(&before)],
        )?;
    }
    Ok(())
}

fn add_history(
    connection: &mut dyn Connection,
    finding: FindingId,
    step: &FindingHistory,
) -> StoreResult<()> {
    connection.execute(
        "INSERT INTO finding_history (finding_id, at, actor, from_state, to_state, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[
            Cell::Int(finding.0),
            Cell::Int(step.at),
            Cell::Text(&step.actor),
            step.from.map_or(Cell::Null, |state| Cell::Text(state.name())),
            Cell::Text(step.to.name()),
            Cell::Text(&step.note),
        ],
    )?;
    Ok(())
}

fn add_alert(connection: &mut dyn Connection, finding: FindingId, alert: &Alert) -> StoreResult<i64> {
    let id = connection.row(
        "INSERT INTO alerts (kind, finding_id, severity, at) VALUES (?1, ?2, ?3, ?4) RETURNING id",
        &[
            Cell::Text(alert.kind.name()),
            Cell::Int(finding.0),
            Cell::Int(severity_rank(alert.severity)),
            Cell::Int(alert.at),
        ],
        |r| r.int(),
    )?;
    id.ok_or_else(|| StoreError::Damaged("an alert was written without an id".into()))
}

/// Counts the active findings of an asset anew: lists and the first page read the numbers.
fn count_findings(connection: &mut dyn Connection, asset: i64) -> StoreResult<()> {
    let mut counts = [0i64; 4];
    connection.query(
        "SELECT severity, COUNT(*) FROM findings WHERE asset_id = ?1 AND active = 1 GROUP BY severity",
        &[Cell::Int(asset)],
        &mut |columns| {
            let r = &mut Reader::new(columns);
            let rank: usize = r.small()?;
            let count = r.int()?;
            if let Some(slot) = counts.get_mut(rank) {
                *slot = count;
            }
            Ok(())
        },
    )?;
    let [low, medium, high, critical] = counts.map(Cell::Int);
    let flagged = Cell::flag(counts.iter().any(|count| *count > 0));
    connection.execute(
        "UPDATE assets SET flagged = ?2, active_low = ?3, active_medium = ?4, active_high = ?5, active_critical = ?6
         WHERE id = ?1",
        &[Cell::Int(asset), flagged, low, medium, high, critical],
    )?;
    Ok(())
}
