//! Inspection runs: taken in a fixed number of statements whatever the number of PCs, and read as reports.

use std::collections::BTreeMap;

use deskwarden_domain::{
    lifecycle::PRODUCT,
    model::{AssetId, AuditEntry, By, FindingId, Gauge, Inspected, Inspection, Millis, Reassess, Tally},
    port::{Inspections, Page, Paging, StoreError, StoreResult},
};

use crate::{
    Database, audit,
    sql::{Cell, Connection, ConnectionExt as _, Kind, Lookup, Reader, unsigned, window},
};

const HEAD: &str = "n.id, n.label, n.started_by, n.at, n.since_at";
const TALLY: &str = "COUNT(w.asset_id), COALESCE(SUM(CASE WHEN w.active_low + w.active_medium + w.active_high + w.active_critical = 0 \
     THEN 1 ELSE 0 END), 0), \
     COALESCE(SUM(CASE WHEN w.seen_at IS NULL OR w.seen_at < n.at - 604800000 THEN 1 ELSE 0 END), 0), \
     CAST(COALESCE(SUM(w.blind), 0) AS BIGINT), CAST(COALESCE(SUM(w.active_low), 0) AS BIGINT), \
     CAST(COALESCE(SUM(w.active_medium), 0) AS BIGINT), CAST(COALESCE(SUM(w.active_high), 0) AS BIGINT), \
     CAST(COALESCE(SUM(w.active_critical), 0) AS BIGINT)";
const FROM: &str = "inspections n LEFT JOIN inspection_rows w ON w.inspection_id = n.id";

fn head(r: &mut Reader<'_>) -> StoreResult<Inspection> {
    Ok(Inspection {
        id: r.int()?,
        label: r.string()?,
        by: r.string()?,
        at: r.int()?,
        since: r.int()?,
    })
}

fn tally(r: &mut Reader<'_>) -> StoreResult<Tally> {
    let mut numbers = [0u64; 8];
    for number in &mut numbers {
        *number = r.bits()?;
    }
    let [assets, compliant, away, blind, low, medium, high, critical] = numbers;
    // A run without any PC is one empty row of the join.
    Ok(Tally {
        assets,
        compliant: compliant.min(assets),
        away: away.min(assets),
        blind,
        findings: [low, medium, high, critical],
    })
}

impl Inspections for Database {
    fn run_inspection(&self, run: &Inspection, audit: &AuditEntry) -> StoreResult<Option<i64>> {
        self.write(|connection| {
            let made = connection.row(
                "INSERT INTO inspections (label, started_by, at, since_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (label) DO NOTHING RETURNING id",
                &[
                    Cell::Text(&run.label),
                    Cell::Text(&run.by),
                    Cell::Int(run.at),
                    Cell::Int(run.since),
                ],
                |r| r.int(),
            )?;
            let Some(id) = made else { return Ok(None) };
            take(connection, id, run)?;
            let entry = AuditEntry {
                object: format!("inspection:{id}"),
                ..audit.clone()
            };
            audit::append(connection, &entry)?;
            Ok(Some(id))
        })
    }

    fn last_scheduled(&self) -> StoreResult<Option<(String, Millis)>> {
        self.read(|connection| {
            connection.row(
                "SELECT label, at FROM inspections WHERE started_by = ?1 ORDER BY id DESC LIMIT 1",
                &[Cell::Text(PRODUCT)],
                |r| Ok((r.string()?, r.int()?)),
            )
        })
    }

    fn inspections(&self, paging: Paging) -> StoreResult<Page<(Inspection, Tally)>> {
        self.read(|connection| {
            let total = connection.number("SELECT COUNT(*) FROM inspections", &[])?;
            let rows = connection.rows(
                &format!(
                    "SELECT {HEAD}, {TALLY} FROM (SELECT * FROM inspections ORDER BY id DESC LIMIT ?1 OFFSET ?2) n
                     LEFT JOIN inspection_rows w ON w.inspection_id = n.id
                     GROUP BY {HEAD} ORDER BY n.id DESC"
                ),
                &window(paging),
                |r| Ok((head(r)?, tally(r)?)),
            )?;
            Ok(Page {
                rows,
                total: unsigned(total),
            })
        })
    }

    fn inspection(&self, id: i64) -> StoreResult<Option<(Inspection, Tally)>> {
        self.read(|connection| {
            connection.row(
                &format!("SELECT {HEAD}, {TALLY} FROM {FROM} WHERE n.id = ?1 GROUP BY {HEAD}"),
                &[Cell::Int(id)],
                |r| Ok((head(r)?, tally(r)?)),
            )
        })
    }

    fn inspection_before(&self, id: i64) -> StoreResult<Option<i64>> {
        self.read(|connection| {
            connection.row(
                "SELECT id FROM inspections WHERE id < ?1 ORDER BY id DESC LIMIT 1",
                &[Cell::Int(id)],
                |r| r.int(),
            )
        })
    }

    fn inspection_tallies(&self, id: i64, by: By) -> StoreResult<Vec<(String, Tally)>> {
        let (column, only) = match by {
            By::Department => ("COALESCE(w.department, '')", ""),
            By::Provider => ("COALESCE(w.provider, '')", " AND w.provider IS NOT NULL"),
        };
        self.read(|connection| {
            connection.rows(
                &format!(
                    "SELECT {column}, {TALLY} FROM inspections n JOIN inspection_rows w ON w.inspection_id = n.id
                     WHERE n.id = ?1{only} GROUP BY {column} ORDER BY {column}"
                ),
                &[Cell::Int(id)],
                |r| Ok((r.string()?, tally(r)?)),
            )
        })
    }

    fn inspected(&self, id: i64, paging: Paging) -> StoreResult<Page<Inspected>> {
        self.read(|connection| inspected(connection, id, paging))
    }

    fn prune_inspections(&self, before: Millis) -> StoreResult<u64> {
        self.write(|connection| {
            let old = "SELECT id FROM inspections WHERE at < ?1
                       AND id NOT IN (SELECT MAX(id) FROM inspections GROUP BY started_by)";
            for table in ["inspection_gauges", "inspection_rows"] {
                connection.execute(
                    &format!("DELETE FROM {table} WHERE inspection_id IN ({old})"),
                    &[Cell::Int(before)],
                )?;
            }
            let gone = connection.execute(
                &format!("DELETE FROM inspections WHERE id IN ({old})"),
                &[Cell::Int(before)],
            )?;
            Ok(gone)
        })
    }

    fn reassessments(&self, settled: bool, limit: usize) -> StoreResult<Vec<Reassess>> {
        let only = if settled { "" } else { " WHERE settled_at IS NULL" };
        self.read(|connection| {
            connection.rows(
                &format!(
                    "SELECT id, provider, finding_id, raised_at, settled_at, settled_by, note FROM reassessments{only}
                     ORDER BY settled_at IS NOT NULL, id DESC LIMIT ?1"
                ),
                &[Cell::Int(i64::try_from(limit).unwrap_or(i64::MAX))],
                |r| {
                    Ok(Reassess {
                        id: r.int()?,
                        provider: r.string()?,
                        finding: FindingId(r.int()?),
                        raised_at: r.int()?,
                        settled: match (r.opt_int()?, r.opt_string()?, r.opt_string()?) {
                            (Some(at), by, note) => {
                                Some((at, by.unwrap_or_default(), note.unwrap_or_default()))
                            }
                            (None, ..) => None,
                        },
                    })
                },
            )
        })
    }

    fn settle_reassessment(&self, id: i64, note: &str, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| {
            let known = connection.row(
                "SELECT id FROM reassessments WHERE id = ?1",
                &[Cell::Int(id)],
                |r| r.int(),
            )?;
            known.ok_or_else(|| StoreError::NotFound(format!("re-assessment {id}")))?;
            let changed = connection.execute(
                "UPDATE reassessments SET settled_at = ?2, settled_by = ?3, note = ?4
                 WHERE id = ?1 AND settled_at IS NULL",
                &[
                    Cell::Int(id),
                    Cell::Int(audit.at),
                    Cell::Text(&audit.actor),
                    Cell::Text(note),
                ],
            )?;
            if changed == 0 {
                return Err(StoreError::Stale);
            }
            audit::append(connection, audit)
        })
    }
}

/// Every PC as it is now: two statements.
fn take(connection: &mut dyn Connection, id: i64, run: &Inspection) -> StoreResult<()> {
    connection.execute(
        "INSERT INTO inspection_rows (inspection_id, asset_id, number, name, custodian, department, provider, seen_at,
           passed, failed, blind, active_low, active_medium, active_high, active_critical)
         SELECT CAST(?1 AS BIGINT), a.id, a.number, a.name, a.custodian, a.department, a.provider, s.last_seen_at,
           COALESCE(o.passed, 0), COALESCE(o.failed, 0), COALESCE(o.blind, 0),
           a.active_low, a.active_medium, a.active_high, a.active_critical
         FROM assets a JOIN streams s ON s.device_id = a.current_device
         LEFT JOIN (SELECT asset_id, SUM(CASE WHEN outcome = 'pass' THEN 1 ELSE 0 END) AS passed,
             SUM(CASE WHEN outcome = 'fail' THEN 1 ELSE 0 END) AS failed,
             SUM(CASE WHEN outcome = 'could_not_look' THEN 1 ELSE 0 END) AS blind
           FROM outcomes GROUP BY asset_id) o ON o.asset_id = a.id
         WHERE a.merged_into IS NULL",
        &[Cell::Int(id)],
    )?;
    connection.execute(
        "INSERT INTO inspection_gauges (inspection_id, asset_id, name, unit, average, lowest, highest, samples)
         SELECT CAST(?1 AS BIGINT), a.id, p.name, MIN(p.unit), AVG(p.value), MIN(p.value), MAX(p.value), COUNT(*)
         FROM samples p JOIN assets a ON a.current_device = p.device_id AND a.merged_into IS NULL
         WHERE p.received_at >= ?2 AND p.received_at < ?3 GROUP BY a.id, p.name",
        &[Cell::Int(id), Cell::Int(run.since), Cell::Int(run.at)],
    )?;
    Ok(())
}

fn inspected(connection: &mut dyn Connection, id: i64, paging: Paging) -> StoreResult<Page<Inspected>> {
    let total = connection.number(
        "SELECT COUNT(*) FROM inspection_rows WHERE inspection_id = ?1",
        &[Cell::Int(id)],
    )?;
    let mut params = vec![Cell::Int(id)];
    params.extend(window(paging));
    let mut rows = connection.rows(
        "SELECT asset_id, number, name, custodian, department, provider, seen_at, passed, failed, blind, active_low,
           active_medium, active_high, active_critical FROM inspection_rows WHERE inspection_id = ?1
         ORDER BY active_critical DESC, active_high DESC, active_medium DESC, active_low DESC, name, asset_id
         LIMIT ?2 OFFSET ?3",
        &params,
        |r| {
            Ok(Inspected {
                asset: AssetId(r.int()?),
                number: r.opt_string()?,
                name: r.string()?,
                custodian: r.opt_string()?,
                department: r.opt_string()?,
                provider: r.opt_string()?,
                seen_at: r.opt_int()?,
                outcomes: [r.bits()?, r.bits()?, r.bits()?],
                findings: [r.bits()?, r.bits()?, r.bits()?, r.bits()?],
                gauges: Vec::new(),
            })
        },
    )?;
    let keys: Vec<Cell<'_>> = rows
        .iter()
        .flat_map(|row| [Cell::Int(id), Cell::Int(row.asset.0)])
        .collect();
    let lookup = Lookup::new(
        "g.name, g.unit, g.average, g.lowest, g.highest, g.samples",
        "inspection_gauges g",
        &[("g.inspection_id", Kind::Int), ("g.asset_id", Kind::Int)],
    )
    .order("g.name");
    let mut gauges: BTreeMap<usize, Vec<Gauge>> = BTreeMap::new();
    connection.lookup(&lookup, &keys, &mut |number, columns| {
        let r = &mut Reader::new(columns);
        gauges.entry(number).or_default().push(Gauge {
            name: r.string()?,
            unit: r.string()?,
            average: r.real()?,
            lowest: r.real()?,
            highest: r.real()?,
            samples: r.bits()?,
        });
        Ok(())
    })?;
    for (number, gauges) in gauges {
        if let Some(row) = rows.get_mut(number) {
            row.gauges = gauges;
        }
    }
    Ok(Page {
        rows,
        total: unsigned(total),
    })
}

/// A critical finding of a provider's PC: the provider is to be assessed anew, unless it is already, or was assessed
/// since the finding opened.
pub(crate) fn raise(
    connection: &mut dyn Connection,
    finding: FindingId,
    asset: i64,
    at: Millis,
) -> StoreResult<()> {
    connection.execute(
        "INSERT INTO reassessments (provider, finding_id, raised_at)
         SELECT a.provider, CAST(?1 AS BIGINT), CAST(?2 AS BIGINT) FROM assets a
         WHERE a.id = ?3 AND a.provider IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM reassessments r WHERE r.provider = a.provider AND r.settled_at > ?2)
         ON CONFLICT DO NOTHING",
        &[Cell::Int(finding.0), Cell::Int(at), Cell::Int(asset)],
    )?;
    Ok(())
}
