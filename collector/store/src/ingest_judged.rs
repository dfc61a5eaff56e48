//! The operations of a batch as rows: what belongs to an asset, as judging left it.

use deskwarden_domain::{
    model::{Alert, Finding, FindingHistory, FindingId, FindingKey, FindingState, Severity},
    port::{Op, StoreError, StoreResult},
};

use crate::{
    due::make_due,
    ingest_load::{finding_row, id_cells},
    ingest_rows::{BASELINE, CLAIMS, EVIDENCE, JUDGED, OUTCOMES, SEEDED},
    ingest_writer::Writer,
    rows::{ACTIVE_AMONG_FEW, severity_rank},
    sql::{Cell, Connection, ConnectionExt as _, Reader, Verb},
};

/// Stands for the asset itself.
const NO_ITEM: [Cell<'static>; 4] = [Cell::Int(0), Cell::Text(""), Cell::Text(""), Cell::Text("")];

impl<'a> Writer<'a> {
    /// Writes an operation on an asset.
    pub(crate) fn asset_op(&mut self, connection: &mut dyn Connection, op: &'a Op) -> StoreResult<()> {
        match op {
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
                // A decision is later than what was seen last.
                for (turned, _, at) in &mut self.turned {
                    if *turned == id {
                        *at = step.at.max(*at);
                    }
                }
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
            // All others are of a device.
            _ => Ok(()),
        }
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
            Cell::from(&finding.seen),
        ];
        let id = match stored {
            Some((id, _)) => {
                cells.push(Cell::Int(id.0));
                connection.execute(
                    "UPDATE findings SET severity = ?1, clause = ?2, subject_name = ?3, state = ?4, active = ?5, first_seen = ?6,
                     last_seen = ?7, opened_at = ?8, resolved_at = ?9, reopened = ?10, seen = ?11,
                     version = version + 1 WHERE id = ?12",
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
                     resolved_at, reopened, seen, holder, asset_id, rule, subject, version)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 1)
                     ON CONFLICT (holder, rule, subject) DO NOTHING RETURNING id",
                    &cells,
                    |r| r.int().map(FindingId),
                )?;
                // Another writer made it a moment ago.
                made.ok_or(StoreError::Stale)?
            }
        };
        self.counted.extend(asset);
        let at = finding.resolved_at.unwrap_or(finding.last_seen);
        self.turned.push((id, finding.state, at));
        if let (Some(asset), Severity::Critical, FindingState::Open) =
            (asset, finding.severity, finding.state)
        {
            self.critical.push((id, asset, finding.opened_at));
        }
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
pub(crate) fn count_findings(connection: &mut dyn Connection, asset: i64) -> StoreResult<()> {
    let mut counts = [0i64; 4];
    connection.query(
        &format!(
            "SELECT f.severity, COUNT(*) FROM findings f WHERE f.asset_id = ?1 AND {ACTIVE_AMONG_FEW} GROUP BY f.severity"
        ),
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
