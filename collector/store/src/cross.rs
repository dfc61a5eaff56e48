//! What rules over several devices look at: the touched values, and the picture of what is claimed, assigned
//! and known of them. The number of rows per value is bounded, whatever the number of devices.

use std::collections::{BTreeMap, BTreeSet};

use deskwarden_domain::{
    ledger::{Addresses, Subnet},
    model::{AssetId, AuditEntry, Claim, ClaimKind, ClaimNote, ClaimOrigin, Millis},
    port::{CrossDevice, Kept, Known, Picture, Said, StoreResult, Touched, Used, Value},
    register::{Book, Licence, licence_subject},
};

use deskwarden_proto::v1::Section;

use crate::{
    Database, approvals, audit, grid,
    ledger::{ranges, within_subnet},
    register::books::{self, ROW},
    rows::{self, ASSET, FINDING, LEDGER},
    sql::{Cell, Connection, ConnectionExt as _},
};

/// Rows of a value that one PC each stands behind.
const EACH: i64 = 200;
/// Rows of a value that many PCs say alike.
const ALIKE: i64 = 500;
/// A heartbeat comes every 10 minutes: whoever missed two is not counted as present.
const PRESENT: Millis = 25 * 60_000;
/// Marks what is said of a gateway, in an encoded note.
const ROUTER: &str = "%\"router\":true%";

impl CrossDevice for Database {
    fn touched(&self, now: Millis, limit: usize) -> StoreResult<Vec<Touched>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|connection| {
            connection.rows(
                "SELECT id, kind, value FROM touched WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2",
                &[Cell::Int(now), Cell::Int(limit)],
                |r| {
                    let id = r.int()?;
                    let kind = r.named(ClaimKind::by_name)?;
                    let value = r.string()?;
                    Ok(Touched {
                        id,
                        value: Value { kind, value },
                    })
                },
            )
        })
    }

    fn picture(&self, values: &[Value], now: Millis) -> StoreResult<Picture> {
        self.read(|connection| {
            let mut picture = Picture {
                at: now,
                ranges: ranges(connection)?,
                ..Picture::default()
            };
            let values: BTreeSet<&Value> = values.iter().collect();
            for value in &values {
                said(connection, value, &mut picture.said)?;
                findings(connection, value, &mut picture)?;
            }
            ledger(connection, &values, &mut picture)?;
            owners(connection, &mut picture)?;
            assets(connection, now, &mut picture)?;
            managed(connection, &values, &mut picture)?;
            registered(connection, &values, &mut picture)?;
            Ok(picture)
        })
    }

    fn addresses(&self, subnet: Subnet) -> StoreResult<Addresses> {
        self.read(|connection| grid::addresses(connection, subnet))
    }

    fn touch_everything(&self, rules: &str) -> StoreResult<()> {
        self.write(|connection| {
            let known = connection.row(
                "SELECT value FROM settings WHERE name = 'cross.rules'",
                &[],
                |r| r.string(),
            )?;
            if known.as_deref() == Some(rules) {
                return Ok(());
            }
            connection.execute(
                "INSERT INTO settings (name, value) VALUES ('cross.rules', ?1)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                &[Cell::Text(rules)],
            )?;
            connection.execute(
                "INSERT INTO touched (kind, value, due_at) SELECT DISTINCT kind, value, 0 FROM claims",
                &[],
            )?;
            connection.execute(
                "INSERT INTO touched (kind, value, due_at) SELECT 'licence', key, 0 FROM book_rows WHERE book = 'licences'",
                &[],
            )?;
            Ok(())
        })
    }

    fn custody(&self, asset: AssetId) -> StoreResult<Vec<Kept>> {
        self.read(|connection| custody(connection, asset))
    }

    fn reported_networks(&self, limit: usize) -> StoreResult<Vec<(AssetId, Vec<u8>)>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|connection| {
            connection.rows(
                "SELECT a.id, f.bytes FROM assets a JOIN devices d ON d.id = a.current_device
                 JOIN items i ON i.device_id = d.id JOIN facets f ON f.id = i.facet_id
                 WHERE i.section = ?1 AND d.status <> 'pending' ORDER BY a.id, i.source, i.key LIMIT ?2",
                &[Cell::Int(i64::from(Section::Network as i32)), Cell::Int(limit)],
                |r| Ok((AssetId(r.int()?), r.blob()?.to_vec())),
            )
        })
    }

    fn put_observations(&self, name: &str, claims: &[Claim], audit: &AuditEntry) -> StoreResult<()> {
        let key = imported_key(name);
        self.write(|connection| {
            // Both what was there before and what comes is looked at.
            let touch = "INSERT INTO touched (kind, value, due_at) SELECT DISTINCT kind, value, 0 FROM claims \
                 WHERE device_id IS NULL AND item_key = ?1";
            connection.execute(touch, &[Cell::Text(&key)])?;
            connection.execute(
                "DELETE FROM claims WHERE device_id IS NULL AND item_key = ?1",
                &[Cell::Text(&key)],
            )?;
            for claim in claims {
                connection.execute(
                    "INSERT INTO claims (kind, value, origin, item_key, note) VALUES (?1, ?2, ?3, ?4, ?5)",
                    &[
                        Cell::Text(claim.kind.name()),
                        Cell::Text(&claim.value),
                        Cell::Text(ClaimOrigin::Imported.name()),
                        Cell::Text(&key),
                        Cell::Text(&claim.note),
                    ],
                )?;
            }
            connection.execute(touch, &[Cell::Text(&key)])?;
            audit::append(connection, audit)
        })
    }
}

fn custody(connection: &mut dyn Connection, asset: AssetId) -> StoreResult<Vec<Kept>> {
    let mut kept: BTreeMap<String, Kept> = BTreeMap::new();
    // What was accepted first: its note stands for what is there too. Sorted here, not by the statement, which would go
    // through the parts of all PCs.
    let mut rows = connection.rows(
        "SELECT c.value, c.note, c.origin FROM claims c JOIN assets a ON a.id = c.asset_id
         WHERE c.asset_id = ?1 AND c.kind = 'part_serial' AND (c.origin = 'accepted' OR a.current_device = c.device_id)",
        &[Cell::Int(asset.0)],
        |r| {
            Ok((
                r.string()?,
                ClaimNote::parse(r.text()?),
                r.named(ClaimOrigin::by_name)?,
            ))
        },
    )?;
    rows.sort_by_key(|(.., origin)| *origin == ClaimOrigin::Own);
    for (identity, note, origin) in rows {
        let part = kept.entry(identity.clone()).or_insert(Kept {
            identity,
            note,
            accepted: false,
            here: false,
            elsewhere: Vec::new(),
        });
        match origin {
            ClaimOrigin::Own => part.here = true,
            _ => part.accepted = true,
        }
    }
    for part in kept.values_mut() {
        part.elsewhere = connection.rows(
            "SELECT DISTINCT a.id, a.name FROM claims c JOIN devices d ON d.id = c.device_id
             JOIN assets a ON a.id = d.asset_id AND a.current_device = d.id
             WHERE c.kind = 'part_serial' AND c.value = ?1 AND c.origin = 'own' AND a.id <> ?2 ORDER BY a.id LIMIT 5",
            &[Cell::Text(&part.identity), Cell::Int(asset.0)],
            |r| Ok((AssetId(r.int()?), r.string()?)),
        )?;
    }
    Ok(kept.into_values().collect())
}

fn imported_key(name: &str) -> String {
    format!("import/{name}")
}

/// What is said of a value by each PC, and what many say alike.
fn said(connection: &mut dyn Connection, value: &Value, out: &mut Vec<Said>) -> StoreResult<()> {
    let key = [
        Cell::Text(value.kind.name()),
        Cell::Text(&value.value),
        Cell::Int(EACH),
    ];
    out.extend(connection.rows(
        "SELECT c.note, d.asset_id, a.name FROM claims c JOIN devices d ON d.id = c.device_id
         JOIN assets a ON a.id = d.asset_id AND a.current_device = d.id
         WHERE c.kind = ?1 AND c.value = ?2 AND c.origin = 'own' AND d.status <> 'pending' ORDER BY d.id LIMIT ?3",
        &key,
        |r| {
            Ok(Said {
                value: value.clone(),
                origin: ClaimOrigin::Own,
                note: ClaimNote::parse(r.text()?),
                asset: Some(AssetId(r.int()?)),
                by: vec![r.string()?],
                count: 1,
            })
        },
    )?);
    out.extend(connection.rows(
        &format!(
            "SELECT c.note, c.asset_id, a.name FROM claims c JOIN assets a ON a.id = c.asset_id AND a.merged_into IS NULL
             WHERE c.kind = ?1 AND c.value = ?2 AND c.origin = 'accepted' AND c.note NOT LIKE '{ROUTER}'
             ORDER BY c.asset_id, c.note LIMIT ?3"
        ),
        &key,
        |r| {
            Ok(Said {
                value: value.clone(),
                origin: ClaimOrigin::Accepted,
                note: ClaimNote::parse(r.text()?),
                asset: Some(AssetId(r.int()?)),
                by: vec![r.string()?],
                count: 1,
            })
        },
    )?);
    let [kind, text, _] = key;
    out.extend(connection.rows(
        &format!(
            "SELECT c.origin, c.note, COUNT(*), MIN(COALESCE(a.name, c.item_key)), MAX(COALESCE(a.name, c.item_key))
             FROM claims c LEFT JOIN devices d ON d.id = c.device_id
             LEFT JOIN assets a ON a.id = COALESCE(d.asset_id, c.asset_id)
             WHERE c.kind = ?1 AND c.value = ?2 AND c.origin <> 'own'
               AND (c.origin <> 'accepted' OR c.note LIKE '{ROUTER}')
               AND (c.device_id IS NULL OR a.current_device = c.device_id)
             GROUP BY c.origin, c.note ORDER BY c.origin, c.note LIMIT ?3"
        ),
        &[kind, text, Cell::Int(ALIKE)],
        |r| {
            let origin = r.named(ClaimOrigin::by_name)?;
            let note = ClaimNote::parse(r.text()?);
            let count = r.bits()?;
            let by: BTreeSet<String> = [r.string()?, r.string()?].into();
            Ok(Said {
                value: value.clone(),
                origin,
                note,
                asset: None,
                by: by.into_iter().collect(),
                count,
            })
        },
    )?);
    Ok(())
}

fn findings(connection: &mut dyn Connection, value: &Value, picture: &mut Picture) -> StoreResult<()> {
    picture.findings.extend(connection.rows(
        &format!(
            "SELECT {FINDING} FROM findings f WHERE f.subject = ?1 AND f.seen IS NOT NULL ORDER BY f.id"
        ),
        &[Cell::Text(&value.value)],
        rows::finding,
    )?);
    Ok(())
}

/// Addresses and hardware addresses that the values are or that are said of them.
fn mentioned(picture: &Picture, values: &BTreeSet<&Value>, kind: ClaimKind) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = values
        .iter()
        .filter(|value| value.kind == kind)
        .map(|value| value.value.clone())
        .collect();
    found.extend(picture.said.iter().map(|said| match kind {
        ClaimKind::Mac => said.note.mac.clone(),
        _ => said.note.ip.clone(),
    }));
    found.remove("");
    found
}

fn ledger(
    connection: &mut dyn Connection,
    values: &BTreeSet<&Value>,
    picture: &mut Picture,
) -> StoreResult<()> {
    let mut found = BTreeMap::new();
    for (kind, column) in [(ClaimKind::Ip, "address"), (ClaimKind::Mac, "mac")] {
        for value in mentioned(picture, values, kind) {
            let sql = format!("SELECT {LEDGER} FROM ledger l WHERE l.{column} = ?1");
            for entry in connection.rows(&sql, &[Cell::Text(&value)], rows::ledger)? {
                found.insert(entry.address.clone(), entry);
            }
        }
    }
    let claimants: BTreeSet<AssetId> = picture.said.iter().filter_map(|said| said.asset).collect();
    for asset in claimants {
        let sql = format!("SELECT {LEDGER} FROM ledger l WHERE l.asset_id = ?1 ORDER BY l.sort_key LIMIT 16");
        for entry in connection.rows(&sql, &[Cell::Int(asset.0)], rows::ledger)? {
            found.insert(entry.address.clone(), entry);
        }
    }
    picture.ledger = found.into_values().collect();
    Ok(())
}

/// Whose the hardware addresses are, as their PCs say.
fn owners(connection: &mut dyn Connection, picture: &mut Picture) -> StoreResult<()> {
    let mut macs: BTreeSet<String> = picture.said.iter().map(|said| said.note.mac.clone()).collect();
    macs.extend(
        picture
            .said
            .iter()
            .filter(|said| said.value.kind == ClaimKind::Mac)
            .map(|said| said.value.value.clone()),
    );
    macs.remove("");
    for mac in macs {
        let owner = connection.row(
            "SELECT d.asset_id FROM claims c JOIN devices d ON d.id = c.device_id
             JOIN assets a ON a.id = d.asset_id AND a.current_device = d.id
             WHERE c.kind = 'mac' AND c.value = ?1 AND c.origin = 'own' ORDER BY d.asset_id LIMIT 1",
            &[Cell::Text(&mac)],
            |r| r.int(),
        )?;
        if let Some(owner) = owner {
            picture.owners.insert(mac, AssetId(owner));
        }
    }
    Ok(())
}

fn assets(connection: &mut dyn Connection, now: Millis, picture: &mut Picture) -> StoreResult<()> {
    let mut ids: BTreeSet<AssetId> = picture.said.iter().filter_map(|said| said.asset).collect();
    ids.extend(picture.ledger.iter().filter_map(|entry| entry.asset));
    ids.extend(picture.owners.values().copied());
    for id in ids {
        let sql = format!(
            "SELECT {ASSET}, s.last_seen_at, s.goodbye_at FROM assets a
             LEFT JOIN streams s ON s.device_id = a.current_device WHERE a.id = ?1"
        );
        let found = connection.row(&sql, &[Cell::Int(id.0)], |r| {
            Ok((rows::asset(r)?, r.opt_int()?, r.opt_int()?))
        })?;
        let Some((asset, seen, goodbye)) = found else {
            continue;
        };
        let mut known = Known {
            asset,
            present: goodbye.is_none() && seen.is_some_and(|at| at >= now.saturating_sub(PRESENT)),
            macs: Vec::new(),
            addresses: Vec::new(),
            boards: Vec::new(),
            approvals: approvals::of_asset(connection, id.0)?,
        };
        let own = connection.rows(
            "SELECT c.kind, c.value FROM assets a JOIN claims c ON c.device_id = a.current_device
             WHERE a.id = ?1 AND c.origin = 'own' ORDER BY c.kind, c.value",
            &[Cell::Int(id.0)],
            |r| Ok((r.named(ClaimKind::by_name)?, r.string()?)),
        )?;
        for (kind, value) in own {
            match kind {
                ClaimKind::Ip => known.addresses.push(value),
                ClaimKind::Mac => known.macs.push(value),
                ClaimKind::PartSerial if deskwarden_domain::custody::is_board(&value) => {
                    known.boards.push(value);
                }
                ClaimKind::PartSerial | ClaimKind::Media | ClaimKind::Licence => {}
            }
        }
        picture.assets.insert(id, known);
    }
    Ok(())
}

/// Which media are in the register, and how many PCs have the licensed titles.
fn registered(
    connection: &mut dyn Connection,
    values: &BTreeSet<&Value>,
    picture: &mut Picture,
) -> StoreResult<()> {
    for value in values {
        let book = match value.kind {
            ClaimKind::Media => Book::Media,
            ClaimKind::Licence => Book::Licences,
            ClaimKind::Ip | ClaimKind::Mac | ClaimKind::PartSerial => continue,
        };
        let sql = format!("SELECT {ROW} FROM book_rows b WHERE b.book = ?1 AND b.key = ?2");
        let key = [Cell::Text(book.name()), Cell::Text(&value.value)];
        let Some(row) = connection.row(&sql, &key, books::row)? else {
            continue;
        };
        if book == Book::Media {
            picture.media.insert(row.key);
            continue;
        }
        let subject = licence_subject(&row.key);
        let from = "FROM evidence e JOIN assets a ON a.id = e.asset_id AND a.current_device = e.device_id \
             WHERE e.subject = ?1 AND a.merged_into IS NULL";
        let count = connection.number(
            &format!("SELECT COUNT(DISTINCT e.asset_id) {from}"),
            &[Cell::Text(&subject)],
        )?;
        let by = connection.rows(
            &format!("SELECT DISTINCT a.name {from} ORDER BY a.name LIMIT 10"),
            &[Cell::Text(&subject)],
            |r| r.string(),
        )?;
        picture.licences.push(Used {
            licence: Licence::of(&row),
            count: u64::try_from(count).unwrap_or(0),
            by,
        });
    }
    Ok(())
}

/// Which of the addresses lie in a subnet that the ledger knows.
fn managed(
    connection: &mut dyn Connection,
    values: &BTreeSet<&Value>,
    picture: &mut Picture,
) -> StoreResult<()> {
    for value in values.iter().filter(|value| value.kind == ClaimKind::Ip) {
        let prefix = picture
            .said
            .iter()
            .filter(|said| said.value == **value && said.origin == ClaimOrigin::Own)
            .find_map(|said| said.note.prefix);
        if let Some(prefix) = prefix
            && within_subnet(connection, &value.value, prefix)?
        {
            picture.managed.push(value.value.clone());
        }
    }
    Ok(())
}
