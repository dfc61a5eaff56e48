//! What an edit of rules reaches: looked for over all devices, in a few statements.

use std::collections::BTreeSet;

use deskwarden_domain::port::{Editing, Standing, StoreError, StoreResult};
use deskwarden_proto::{decode::ItemId, ids::DeviceId};

use crate::{
    Database,
    generation::generation,
    rows::{self, ASSET, DEVICE_FROM, SOURCE},
    sql::{Cell, Column, Connection, ConnectionExt as _, Kind, Lookup, Reader},
};

/// Values of one statement; what is looked for is looked for once per so many.
const VALUES: usize = 4_000;
const BY_DEVICE: &[Column] = &[("d.uid", Kind::Blob)];
/// Assets that count.
const FROM: &str = "assets a JOIN devices d ON d.id = a.current_device AND d.status <> 'pending'";

impl Editing for Database {
    fn is_behind(&self, generation: i64) -> StoreResult<bool> {
        self.read(|connection| {
            let sql = format!("SELECT a.id FROM {FROM} WHERE a.judged_generation < ?1 LIMIT 1");
            Ok(connection
                .row(&sql, &[Cell::Int(generation)], |r| r.int())?
                .is_some())
        })
    }

    fn facts_after(&self, after: i64, limit: usize) -> StoreResult<Vec<(i64, Vec<u8>)>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|connection| {
            connection.rows(
                "SELECT id, bytes FROM facets WHERE id > ?1 ORDER BY id LIMIT ?2",
                &[Cell::Int(after), Cell::Int(limit)],
                |r| Ok((r.int()?, r.blob()?.to_vec())),
            )
        })
    }

    fn holders(&self, facts: &[i64], generation: i64) -> StoreResult<Vec<(DeviceId, ItemId)>> {
        self.read(|connection| {
            let mut found = Vec::new();
            for some in facts.chunks(VALUES) {
                let sql = format!(
                    "SELECT d.uid, i.section, i.source, i.key, i.principal FROM items i JOIN devices d ON d.id = i.device_id
                     JOIN assets a ON a.current_device = d.id AND a.id = d.asset_id
                     WHERE a.judged_generation = ?1 AND d.status <> 'pending' AND i.facet_id IN ({})",
                    places(some.len())
                );
                let mut cells = vec![Cell::Int(generation)];
                cells.extend(some.iter().map(|id| Cell::Int(*id)));
                found.extend(connection.rows(&sql, &cells, |r| {
                    Ok((r.array().map(DeviceId::from_random)?, item(r)?))
                })?);
            }
            Ok(found)
        })
    }

    fn shown_by(
        &self,
        rules: &BTreeSet<String>,
        generation: i64,
    ) -> StoreResult<Vec<(DeviceId, Option<ItemId>)>> {
        let rules: Vec<&String> = rules.iter().collect();
        self.read(|connection| {
            let mut found = Vec::new();
            for some in rules.chunks(VALUES) {
                let list = places(some.len());
                let mut cells = vec![Cell::Int(generation)];
                cells.extend(some.iter().map(|rule| Cell::Text(rule)));
                let shown = format!(
                    "SELECT d.uid, e.section, e.source, e.key, e.principal FROM {FROM} JOIN evidence e ON e.asset_id = a.id
                     WHERE a.judged_generation = ?1 AND e.rule IN ({list})"
                );
                found.extend(connection.rows(&shown, &cells, |r| {
                    let device = r.array().map(DeviceId::from_random)?;
                    // What is about the asset as a whole has no section.
                    let section = r.int()?;
                    if section == 0 {
                        return Ok((device, None));
                    }
                    Ok((device, Some(named(section, r)?)))
                })?);
                let failed = format!(
                    "SELECT d.uid FROM {FROM} JOIN outcomes o ON o.asset_id = a.id
                     WHERE a.judged_generation = ?1 AND o.outcome = 'fail' AND o.rule IN ({list})"
                );
                // A finding whose source became unreadable has neither evidence nor a failed outcome.
                let unfinished = format!(
                    "SELECT d.uid FROM {FROM} JOIN findings f ON f.asset_id = a.id
                     WHERE a.judged_generation = ?1 AND f.state <> 'resolved' AND f.rule IN ({list})"
                );
                for sql in [failed, unfinished] {
                    found.extend(connection.rows(&sql, &cells, |r| {
                        Ok((r.array().map(DeviceId::from_random)?, None))
                    })?);
                }
            }
            Ok(found)
        })
    }

    fn judged_under(&self, generation: i64) -> StoreResult<Vec<DeviceId>> {
        self.read(|connection| {
            let sql = format!("SELECT d.uid FROM {FROM} WHERE a.judged_generation = ?1 ORDER BY d.id");
            connection.rows(&sql, &[Cell::Int(generation)], |r| {
                r.array().map(DeviceId::from_random)
            })
        })
    }

    fn standing(&self, devices: &[DeviceId]) -> StoreResult<Vec<Option<Standing>>> {
        self.read(|connection| standing(connection, devices))
    }

    fn caught_up(&self, from: i64, to: i64) -> StoreResult<()> {
        self.write(|connection| {
            if in_force(connection)? != to {
                return Err(StoreError::Stale);
            }
            connection.execute(
                "UPDATE assets SET judged_generation = ?2 WHERE judged_generation = ?1 AND current_device IS NOT NULL",
                &[Cell::Int(from), Cell::Int(to)],
            )?;
            Ok(())
        })
    }
}

fn standing(connection: &mut dyn Connection, devices: &[DeviceId]) -> StoreResult<Vec<Option<Standing>>> {
    let mut found: Vec<Option<Standing>> = devices.iter().map(|_| None).collect();
    let keys: Vec<Cell<'_>> = devices.iter().map(|id| Cell::from(id.as_bytes())).collect();
    let columns = format!("{ASSET}, s.epoch, s.next_sequence");
    let head = Lookup::new(columns, DEVICE_FROM, BY_DEVICE);
    connection.lookup(&head, &keys, &mut |number, columns| {
        let r = &mut Reader::new(columns);
        let standing = Standing {
            asset: rows::asset(r)?,
            position: (r.bits()?, r.bits()?),
            sources: Vec::new(),
        };
        if let Some(place) = found.get_mut(number) {
            *place = Some(standing);
        }
        Ok(())
    })?;
    let sources = Lookup::new(
        SOURCE,
        "sources c JOIN devices d ON d.id = c.device_id",
        BY_DEVICE,
    )
    .order("c.section, c.source");
    connection.lookup(&sources, &keys, &mut |number, columns| {
        if let Some(Some(place)) = found.get_mut(number) {
            place.sources.push(rows::source(&mut Reader::new(columns))?);
        }
        Ok(())
    })?;
    Ok(found)
}

fn in_force(connection: &mut dyn Connection) -> StoreResult<i64> {
    generation(connection)
}

/// `?2, ?3, ...`: the first parameter is the generation.
fn places(count: usize) -> String {
    let all: Vec<String> = (0..count).map(|index| format!("?{}", index + 2)).collect();
    all.join(", ")
}

fn item(r: &mut Reader<'_>) -> StoreResult<ItemId> {
    let section = r.int()?;
    named(section, r)
}

fn named(section: i64, r: &mut Reader<'_>) -> StoreResult<ItemId> {
    let kind = i32::try_from(section)
        .ok()
        .and_then(|number| number.try_into().ok());
    Ok(ItemId {
        section: kind.ok_or_else(|| StoreError::Damaged(format!("{section} is no section")))?,
        source: r.string()?,
        key: r.string()?,
        principal: r.string()?,
    })
}
