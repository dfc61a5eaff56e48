//! Linking a device to an earlier asset, and taking that back. Each is one transaction that locks the assets
//! before the devices, in id order.

use deskwarden_domain::{
    model::{AssetId, AuditEntry, DeviceStatus, FindingId, FindingState, Linked, Millis},
    port::{StoreError, StoreResult},
};
use deskwarden_proto::ids::DeviceId;

use crate::{
    audit,
    due::make_due,
    ingest_judged::count_findings,
    notices,
    rows::{self, ACTIVE_AMONG_FEW, ASSET, DEVICE, DEVICE_FROM},
    sql::{Cell, Connection, ConnectionExt as _},
};

/// What is known of the device before.
struct Arriving {
    row: i64,
    asset: i64,
    status: DeviceStatus,
}

/// What is known of an asset before.
struct Held {
    provisional: bool,
    merged: bool,
    current: Option<i64>,
}

/// See [`deskwarden_domain::port::Succession::link`].
pub(super) fn link(
    connection: &mut dyn Connection,
    device: DeviceId,
    asset: AssetId,
    audit: &AuditEntry,
) -> StoreResult<()> {
    let arriving = arriving(connection, device)?;
    let (from, to) = (arriving.asset, asset.0);
    if from == to {
        return Err(conflict("the device belongs to that asset already"));
    }
    let (own, target) = two(connection, from, to)?;
    if !own.provisional || own.current != Some(arriving.row) {
        return Err(conflict(
            "the device's PC is registered, or has another device: only a new PC can be linked",
        ));
    }
    if target.merged {
        return Err(conflict("that asset was itself linked to another one"));
    }
    if arriving.status != DeviceStatus::Active {
        return Err(conflict(
            "the device may not report: approve it first (`device approve`)",
        ));
    }
    let replaced = retire(connection, target.current)?;
    let pair = [Cell::Int(from), Cell::Int(to)];
    let addresses = connection.rows(
        "SELECT address FROM ledger WHERE asset_id = ?1 ORDER BY address",
        &pair[..1],
        |r| r.string(),
    )?;
    for sql in [
        "UPDATE ledger SET asset_id = ?2 WHERE asset_id = ?1",
        "UPDATE approvals SET asset_id = ?2, moved_from = ?1 WHERE asset_id = ?1",
        // What the asset never looked at begins with what the new device showed first.
        "INSERT INTO baseline (asset_id, section, source, key, principal, facet_id, accepted_at, accepted_by)
         SELECT ?2, b.section, b.source, b.key, b.principal, b.facet_id, b.accepted_at, b.accepted_by FROM baseline b
         WHERE b.asset_id = ?1 AND NOT EXISTS (SELECT 1 FROM seeded x WHERE x.asset_id = ?2
           AND x.section = b.section AND x.source = b.source)
         ON CONFLICT DO NOTHING",
        "INSERT INTO seeded (asset_id, section, source) SELECT ?2, s.section, s.source FROM seeded s
         WHERE s.asset_id = ?1 ON CONFLICT DO NOTHING",
        "UPDATE assets SET merged_into = ?2, current_device = NULL, wake_at = NULL, version = version + 1 WHERE id = ?1",
    ] {
        connection.execute(sql, &pair)?;
    }
    settle(connection, from, audit.at, &format!("linked to asset {to}"))?;
    moved(connection, arriving.row, from, to)?;
    connection.execute(
        "UPDATE successors SET state = CASE WHEN asset_id = ?2 THEN 'linked' ELSE 'dismissed' END
         WHERE device_id = ?1 AND state = 'open'",
        &[Cell::Int(arriving.row), Cell::Int(to)],
    )?;
    connection.execute(
        "INSERT INTO links (device_id, from_asset, to_asset, replaced_device, replaced_status, addresses, at, actor)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        &[
            Cell::Int(arriving.row),
            Cell::Int(from),
            Cell::Int(to),
            Cell::from(replaced.as_ref().map(|(row, _)| *row)),
            replaced
                .as_ref()
                .map_or(Cell::Null, |(_, status)| Cell::Text(status.name())),
            Cell::Text(&addresses.join(" ")),
            Cell::Int(audit.at),
            Cell::Text(&audit.actor),
        ],
    )?;
    make_due(connection, to, audit.at)?;
    audit::append(connection, audit)
}

/// See [`deskwarden_domain::port::Succession::unlink`].
pub(super) fn unlink(
    connection: &mut dyn Connection,
    device: DeviceId,
    audit: &AuditEntry,
) -> StoreResult<()> {
    let arriving = arriving(connection, device)?;
    let last = connection.row(
        "SELECT id, from_asset, to_asset, replaced_device, replaced_status, addresses FROM links
         WHERE device_id = ?1 AND undone_at IS NULL ORDER BY id DESC LIMIT 1",
        &[Cell::Int(arriving.row)],
        |r| {
            Ok((
                (r.int()?, r.int()?, r.int()?),
                r.opt_int()?,
                r.opt_named(DeviceStatus::by_name)?,
                r.string()?,
            ))
        },
    )?;
    let Some(((link, from, to), replaced, status, addresses)) = last else {
        return Err(conflict(
            "the device was not linked to an asset, so there is nothing to take back",
        ));
    };
    let (_, target) = two(connection, from, to)?;
    if arriving.asset != to || target.current != Some(arriving.row) {
        return Err(conflict(
            "another device took its place since: take that link back first",
        ));
    }
    for address in addresses.split_whitespace() {
        connection.execute(
            "UPDATE ledger SET asset_id = ?1 WHERE address = ?3 AND asset_id = ?2",
            &[Cell::Int(from), Cell::Int(to), Cell::Text(address)],
        )?;
    }
    connection.execute(
        "UPDATE approvals SET asset_id = ?1, moved_from = NULL WHERE asset_id = ?2 AND moved_from = ?1",
        &[Cell::Int(from), Cell::Int(to)],
    )?;
    // What came with the device goes with it: the sources that the earlier device never had.
    let theirs = [Cell::Int(from), Cell::Int(to), Cell::Int(replaced.unwrap_or(0))];
    for table in ["baseline", "seeded"] {
        connection.execute(
            &format!(
                "DELETE FROM {table} WHERE asset_id = ?2
                 AND EXISTS (SELECT 1 FROM seeded f WHERE f.asset_id = ?1 AND f.section = {table}.section
                   AND f.source = {table}.source)
                 AND NOT EXISTS (SELECT 1 FROM sources c WHERE c.device_id = ?3 AND c.section = {table}.section
                   AND c.source = {table}.source AND c.first_looked_at IS NOT NULL)"
            ),
            &theirs,
        )?;
    }
    moved(connection, arriving.row, to, from)?;
    connection.execute("UPDATE assets SET merged_into = NULL WHERE id = ?1", &theirs[..1])?;
    connection.execute(
        "UPDATE assets SET current_device = ?2 WHERE id = ?1",
        &[Cell::Int(to), Cell::from(replaced)],
    )?;
    if let (Some(replaced), Some(status)) = (replaced, status) {
        connection.execute(
            "UPDATE devices SET status = ?2 WHERE id = ?1",
            &[Cell::Int(replaced), Cell::Text(status.name())],
        )?;
    } else {
        settle(connection, to, audit.at, "the link was taken back")?;
    }
    connection.execute(
        "UPDATE links SET undone_at = ?2 WHERE id = ?1",
        &[Cell::Int(link), Cell::Int(audit.at)],
    )?;
    connection.execute(
        "UPDATE successors SET state = 'open' WHERE device_id = ?1 AND asset_id = ?2",
        &[Cell::Int(arriving.row), Cell::Int(to)],
    )?;
    for asset in [from.min(to), from.max(to)] {
        make_due(connection, asset, audit.at)?;
    }
    audit::append(connection, audit)
}

/// Links that stand, newest first.
pub(super) fn standing(connection: &mut dyn Connection, limit: usize) -> StoreResult<Vec<Linked>> {
    connection.rows(
        &format!(
            "SELECT {DEVICE}, {ASSET}, r.uid, l.at, l.actor FROM {DEVICE_FROM} JOIN links l ON l.device_id = d.id
             LEFT JOIN devices r ON r.id = l.replaced_device
             WHERE l.undone_at IS NULL AND l.to_asset = a.id AND a.current_device = d.id ORDER BY l.id DESC LIMIT ?1"
        ),
        &[Cell::Int(i64::try_from(limit).unwrap_or(i64::MAX))],
        |r| {
            Ok(Linked {
                device: rows::device(r)?,
                asset: rows::asset(r)?,
                replaced: r.opt_array()?.map(DeviceId::from_random),
                at: r.int()?,
                by: r.string()?,
            })
        },
    )
}

fn conflict(why: &str) -> StoreError {
    StoreError::Conflict(why.to_owned())
}

fn arriving(connection: &mut dyn Connection, device: DeviceId) -> StoreResult<Arriving> {
    let found = connection.row(
        "SELECT id, asset_id, status FROM devices WHERE uid = ?1",
        &[Cell::from(device.as_bytes())],
        |r| {
            Ok(Arriving {
                row: r.int()?,
                asset: r.int()?,
                status: r.named(DeviceStatus::by_name)?,
            })
        },
    )?;
    found.ok_or_else(|| StoreError::NotFound(format!("device {device}")))
}

/// Locks both assets, the one with the lower id first.
fn two(connection: &mut dyn Connection, one: i64, other: i64) -> StoreResult<(Held, Held)> {
    let (low, high) = (one.min(other), one.max(other));
    let (low, high) = (held(connection, low)?, held(connection, high)?);
    Ok(if one < other { (low, high) } else { (high, low) })
}

fn held(connection: &mut dyn Connection, asset: i64) -> StoreResult<Held> {
    let found = connection.row_locked(
        "SELECT provisional, CASE WHEN merged_into IS NULL THEN 0 ELSE 1 END, current_device FROM assets WHERE id = ?1",
        &[Cell::Int(asset)],
        |r| {
            Ok(Held {
                provisional: r.flag()?,
                merged: r.flag()?,
                current: r.opt_int()?,
            })
        },
    )?;
    found.ok_or_else(|| StoreError::NotFound(format!("asset {asset}")))
}

/// Retires the device that was current, unless it is barred already. Returns it with its status before.
fn retire(connection: &mut dyn Connection, current: Option<i64>) -> StoreResult<Option<(i64, DeviceStatus)>> {
    let Some(row) = current else { return Ok(None) };
    let status = connection.row_locked(
        "SELECT status FROM devices WHERE id = ?1",
        &[Cell::Int(row)],
        |r| r.named(DeviceStatus::by_name),
    )?;
    let Some(status) = status else { return Ok(None) };
    if status != DeviceStatus::Revoked {
        connection.execute(
            "UPDATE devices SET status = ?2 WHERE id = ?1",
            &[Cell::Int(row), Cell::Text(DeviceStatus::Retired.name())],
        )?;
    }
    Ok(Some((row, status)))
}

/// The device belongs to another asset, as its current one, and what it claims with it.
fn moved(connection: &mut dyn Connection, device: i64, from: i64, to: i64) -> StoreResult<()> {
    let three = [Cell::Int(device), Cell::Int(from), Cell::Int(to)];
    connection.execute(
        "UPDATE claims SET asset_id = ?3 WHERE device_id = ?1 AND asset_id = ?2",
        &three,
    )?;
    let two = [Cell::Int(device), Cell::Int(to)];
    connection.execute("UPDATE devices SET asset_id = ?2 WHERE id = ?1", &two)?;
    connection.execute("UPDATE assets SET current_device = ?1 WHERE id = ?2", &two)?;
    // What it shares with others is another asset's now.
    connection.execute(
        "INSERT INTO touched (kind, value, due_at) SELECT DISTINCT kind, value, 0 FROM claims WHERE device_id = ?1",
        &[Cell::Int(device)],
    )?;
    Ok(())
}

/// Ends the open business of an asset that has no device any more. Its findings stay, resolved.
fn settle(connection: &mut dyn Connection, asset: i64, at: Millis, note: &str) -> StoreResult<()> {
    let open = connection.rows(
        &format!(
            "SELECT f.id, f.state FROM findings f WHERE f.asset_id = ?1 AND {ACTIVE_AMONG_FEW} ORDER BY f.id"
        ),
        &[Cell::Int(asset)],
        |r| Ok((r.int()?, r.string()?)),
    )?;
    let resolved = FindingState::Resolved.name();
    for (finding, state) in open {
        connection.execute(
            "UPDATE findings SET state = ?2, active = 0, resolved_at = ?3, last_seen = ?3, version = version + 1
             WHERE id = ?1",
            &[Cell::Int(finding), Cell::Text(resolved), Cell::Int(at)],
        )?;
        connection.execute(
            "INSERT INTO finding_history (finding_id, at, actor, from_state, to_state, note)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                Cell::Int(finding),
                Cell::Int(at),
                Cell::Text(deskwarden_domain::lifecycle::PRODUCT),
                Cell::Text(&state),
                Cell::Text(resolved),
                Cell::Text(note),
            ],
        )?;
        notices::follow(connection, FindingId(finding), FindingState::Resolved, at)?;
    }
    connection.execute("DELETE FROM evidence WHERE asset_id = ?1", &[Cell::Int(asset)])?;
    connection.execute("DELETE FROM outcomes WHERE asset_id = ?1", &[Cell::Int(asset)])?;
    count_findings(connection, asset)
}
