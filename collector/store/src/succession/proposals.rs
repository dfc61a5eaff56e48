//! Proposals: found when a device enrols, shown until somebody decides.

use std::collections::BTreeMap;

use deskwarden_domain::{
    model::{Asset, AssetId, AuditEntry, BaselineItem, Device, HintKind, Millis, Proposal},
    port::{StoreError, StoreResult},
    successor::{self, SHARED_BY},
};
use deskwarden_proto::{
    ids::DeviceId,
    v1::{HostHints, Section},
};

use crate::{
    audit,
    rows::{self, ASSET, BASELINE, BASELINE_FROM, DEVICE, DEVICE_COLUMNS, DEVICE_FROM},
    sql::{Cell, Connection, ConnectionExt as _},
};

/// Proposes a new device for every asset that shares a telling value with it, or that is expected with one.
pub(crate) fn propose(
    connection: &mut dyn Connection,
    device: i64,
    own_asset: i64,
    hints: &HostHints,
    at: Millis,
) -> StoreResult<()> {
    let mut matched: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    let limit = i64::try_from(SHARED_BY + 1).unwrap_or(i64::MAX);
    for (kind, value) in successor::values(hints) {
        let mut holders = connection.rows(
            "SELECT DISTINCT d.asset_id FROM hint_values h JOIN devices d ON d.id = h.device_id
             WHERE h.kind = ?1 AND h.value = ?2 AND d.asset_id <> ?3 AND d.status <> 'pending'
             ORDER BY d.asset_id LIMIT ?4",
            &[
                Cell::Text(kind.name()),
                Cell::Text(&value),
                Cell::Int(own_asset),
                Cell::Int(limit),
            ],
            |r| r.int(),
        )?;
        holders.extend(expected(connection, &value, own_asset)?);
        holders.sort_unstable();
        holders.dedup();
        if holders.len() <= SHARED_BY {
            for holder in holders {
                let line = format!("{}={value}", kind.name());
                matched.entry(holder).or_default().push(line);
            }
        }
    }
    for (asset, lines) in matched {
        connection.execute(
            "INSERT INTO successors (device_id, asset_id, matched, proposed_at, state) VALUES (?1, ?2, ?3, ?4, 'open')
             ON CONFLICT (device_id, asset_id) DO NOTHING",
            &[
                Cell::Int(device),
                Cell::Int(asset),
                Cell::Text(&lines.join("\n")),
                Cell::Int(at),
            ],
        )?;
    }
    Ok(())
}

/// Assets that were registered with this serial before they ever reported.
fn expected(connection: &mut dyn Connection, value: &str, own_asset: i64) -> StoreResult<Vec<i64>> {
    let limit = i64::try_from(SHARED_BY + 1).unwrap_or(i64::MAX);
    connection.rows(
        "SELECT asset_id FROM asset_serials WHERE value = ?1 AND asset_id <> ?2 ORDER BY asset_id LIMIT ?3",
        &[Cell::Text(value), Cell::Int(own_asset), Cell::Int(limit)],
        |r| r.int(),
    )
}

/// Proposals that nobody decided, newest first.
pub(super) fn open(
    connection: &mut dyn Connection,
    device: Option<DeviceId>,
    limit: usize,
) -> StoreResult<Vec<Proposal>> {
    let limit = Cell::Int(i64::try_from(limit).unwrap_or(i64::MAX));
    let only = if device.is_some() { "AND d.uid = ?2" } else { "" };
    let mut params = vec![limit];
    params.extend(device.as_ref().map(|id| Cell::from(id.as_bytes())));
    // A device that was registered or linked meanwhile is no question any more.
    let found = connection.rows(
        &format!(
            "SELECT {DEVICE}, {ASSET}, p.asset_id, p.matched, p.proposed_at
             FROM {DEVICE_FROM} JOIN successors p ON p.device_id = d.id JOIN assets t ON t.id = p.asset_id
             WHERE p.state = 'open' AND d.status IN ('active', 'pending') AND a.provisional = 1 AND t.merged_into IS NULL {only}
             ORDER BY p.proposed_at DESC, p.device_id DESC, p.asset_id LIMIT ?1"
        ),
        &params,
        |r| {
            let device = rows::device(r)?;
            let provisional = rows::asset(r)?;
            Ok((device, provisional, r.int()?, r.string()?, r.int()?))
        },
    )?;
    let mut proposals = Vec::with_capacity(found.len());
    for (device, provisional, asset, matched, proposed_at) in found {
        let target = connection.row(
            &format!(
                "SELECT {ASSET}, {DEVICE} FROM assets a LEFT JOIN devices d ON d.id = a.current_device
                 LEFT JOIN streams s ON s.device_id = d.id WHERE a.id = ?1"
            ),
            &[Cell::Int(asset)],
            |r| {
                let asset = rows::asset(r)?;
                let current = if r.absent(DEVICE_COLUMNS)? {
                    None
                } else {
                    Some(rows::device(r)?)
                };
                Ok((asset, current))
            },
        )?;
        let Some((asset, current)) = target else { continue };
        proposals.push(Proposal {
            device,
            provisional,
            asset,
            current,
            matched: matched.lines().filter_map(pair).collect(),
            proposed_at,
        });
    }
    Ok(proposals)
}

fn pair(line: &str) -> Option<(HintKind, String)> {
    let (kind, value) = line.split_once('=')?;
    Some((HintKind::by_name(kind)?, value.to_owned()))
}

/// Devices that wait for approval, newest first.
pub(super) fn waiting(connection: &mut dyn Connection, limit: usize) -> StoreResult<Vec<(Device, Asset)>> {
    connection.rows(
        &format!(
            "SELECT {DEVICE}, {ASSET} FROM {DEVICE_FROM} WHERE d.status <> 'active' AND d.status = 'pending'
             ORDER BY d.id DESC LIMIT ?1"
        ),
        &[Cell::Int(i64::try_from(limit).unwrap_or(i64::MAX))],
        |r| Ok((rows::device(r)?, rows::asset(r)?)),
    )
}

/// The device is another PC.
pub(super) fn dismiss(
    connection: &mut dyn Connection,
    device: DeviceId,
    asset: AssetId,
    audit: &AuditEntry,
) -> StoreResult<()> {
    let changed = connection.execute(
        "UPDATE successors SET state = 'dismissed' WHERE asset_id = ?2 AND state = 'open'
         AND device_id = (SELECT id FROM devices WHERE uid = ?1)",
        &[Cell::from(device.as_bytes()), Cell::Int(asset.0)],
    )?;
    if changed == 0 {
        return Err(StoreError::NotFound(format!(
            "a proposal of device {device} for asset {}",
            asset.0
        )));
    }
    audit::append(connection, audit)
}

/// What was accepted for an asset in a section.
pub(super) fn accepted(
    connection: &mut dyn Connection,
    asset: AssetId,
    section: Section,
) -> StoreResult<Vec<BaselineItem>> {
    connection.rows(
        &format!(
            "SELECT {BASELINE} FROM {BASELINE_FROM} WHERE b.asset_id = ?1 AND b.section = ?2 ORDER BY b.key, b.source"
        ),
        &[Cell::Int(asset.0), Cell::Int(i64::from(i32::from(section)))],
        rows::baseline,
    )
}
