//! Recomputes stored content: facets are stored under their hash, items with a digest, sections with the sum of the
//! digests of their items and sources. What judging reads of a device is read as it reads it:
//! what no build could have written is told. The rest is left to the engine's own check.

use std::collections::BTreeMap;

use deskwarden_domain::port::{
    ContentLook, ContentPlace, Integrity, LoadRequest, Scope, StoreError, StoreResult,
};
use deskwarden_proto::{digest, ids::DeviceId, section, v1::Section};

use crate::{
    Database,
    ingest_load::load,
    rows::{self, SOURCE},
    sql::{Cell, Connection, ConnectionExt as _, Reader},
};

/// Digest and number of items of each section.
type Sums = BTreeMap<i32, (u128, u64)>;

impl Integrity for Database {
    fn check_structure(&self) -> StoreResult<Vec<String>> {
        self.engine.check(None)
    }

    fn structure_parts(&self) -> StoreResult<Vec<String>> {
        self.engine.parts()
    }

    fn check_part(&self, part: &str) -> StoreResult<Vec<String>> {
        self.engine.check(Some(part))
    }

    fn accept_tables(&self) -> StoreResult<()> {
        self.write(|connection| connection.accept())
    }

    fn check_content(&self, from: ContentPlace, limit: u32) -> StoreResult<ContentLook> {
        self.read(|connection| match from {
            ContentPlace::Facets(after) => facets(connection, after, limit),
            ContentPlace::Devices(after) => devices(connection, after, limit),
        })
    }
}

fn facets(connection: &mut dyn Connection, after: i64, limit: u32) -> StoreResult<ContentLook> {
    let mut look = ContentLook::default();
    let mut last = after;
    connection.query(
        "SELECT id, hash, bytes FROM facets WHERE id > ?1 ORDER BY id LIMIT ?2",
        &[Cell::Int(after), Cell::Int(i64::from(limit))],
        &mut |columns| {
            let mut r = Reader::new(columns);
            last = r.int()?;
            let hash: [u8; 32] = r.array()?;
            if digest::facet(r.blob()?) != hash {
                look.fault(format!("content {last} is not what was stored"));
            }
            look.rows += 1;
            Ok(())
        },
    )?;
    look.next = Some(if look.rows < u64::from(limit) {
        ContentPlace::Devices(0)
    } else {
        ContentPlace::Facets(last)
    });
    Ok(look)
}

fn devices(connection: &mut dyn Connection, after: i64, limit: u32) -> StoreResult<ContentLook> {
    let mut look = ContentLook::default();
    let found: Vec<(i64, DeviceId, String)> = connection.rows(
        "SELECT d.id, d.uid, a.name FROM devices d JOIN assets a ON a.id = d.asset_id WHERE d.id > ?1
         ORDER BY d.id LIMIT ?2",
        &[Cell::Int(after), Cell::Int(i64::from(limit))],
        |r| Ok((r.int()?, DeviceId::from_random(r.array()?), r.string()?)),
    )?;
    for (row, device, name) in &found {
        let name = format!("{name} ({device})");
        readable(connection, *device, &name, &mut look)?;
        one(connection, *row, &name, &mut look)?;
    }
    look.next = match found.last() {
        Some((last, ..)) if found.len() as u64 == u64::from(limit) => Some(ContentPlace::Devices(*last)),
        _ => None,
    };
    Ok(look)
}

/// Reads of a device what judging reads of it.
fn readable(
    connection: &mut dyn Connection,
    device: DeviceId,
    name: &str,
    look: &mut ContentLook,
) -> StoreResult<()> {
    let everything = LoadRequest {
        device,
        scope: Scope::Everything,
        staged: None,
    };
    match load(connection, &[everything]) {
        Ok(_) => Ok(()),
        Err(StoreError::Damaged(why)) => {
            look.fault(format!("{name}: {why}"));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Compares what a device's rows make with what was noted when they were written.
fn one(connection: &mut dyn Connection, row: i64, name: &str, look: &mut ContentLook) -> StoreResult<()> {
    let by_device = [Cell::Int(row)];
    let mut made = Sums::new();
    connection.query(
        "SELECT i.section, i.source, i.key, i.principal, i.local, i.digest, f.bytes FROM items i
         LEFT JOIN facets f ON f.id = i.facet_id WHERE i.device_id = ?1",
        &by_device,
        &mut |columns| {
            let mut r = Reader::new(columns);
            let section: Section = r.numbered()?;
            let (source, key, principal) = (r.string()?, r.string()?, r.string()?);
            let (local, noted) = (r.blob()?, r.wide()?);
            let now = match r.opt_blob()? {
                Some(facet) => digest::item(section, &source, &key, &principal, facet, local),
                None => noted.wrapping_add(1),
            };
            if now != noted {
                look.fault(format!(
                    "{name}: {key} of {} ({source}) is not what was stored",
                    section::name(section)
                ));
            }
            let sum = made.entry(section as i32).or_default();
            *sum = (sum.0.wrapping_add(noted), sum.1 + 1);
            look.rows += 1;
            Ok(())
        },
    )?;
    let sources = connection.rows(
        &format!("SELECT {SOURCE} FROM sources c WHERE c.device_id = ?1"),
        &by_device,
        rows::source,
    )?;
    for state in sources {
        let sum = made.entry(state.section as i32).or_default();
        sum.0 = sum.0.wrapping_add(digest::source(
            state.section,
            &state.source,
            state.look,
            &state.reason,
        ));
    }
    let noted: Sums = connection
        .rows(
            "SELECT section, digest, items FROM sums WHERE device_id = ?1",
            &by_device,
            |r| Ok((r.numbered::<Section>()? as i32, (r.wide()?, r.bits()?))),
        )?
        .into_iter()
        .collect();
    for section in made
        .keys()
        .chain(noted.keys().filter(|section| !made.contains_key(*section)))
    {
        let of = |sums: &Sums| sums.get(section).copied().unwrap_or_default();
        let (now, before) = (of(&made), of(&noted));
        if now != before {
            let section = Section::try_from(*section).map_or("a section", section::name);
            look.fault(format!(
                "{name}: {section} has {} items that add up otherwise than the {} that were stored",
                now.1, before.1
            ));
        }
    }
    Ok(())
}
