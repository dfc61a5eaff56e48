//! Devices: lists, facts, timeline.

use std::collections::BTreeMap;

use deskwarden_domain::{
    model::{Asset, Change, ChangeKind, Device, Millis},
    port::{ChangeRow, DeviceDetail, DeviceFilter, ItemRow, Page, Paging, StoreResult},
};
use deskwarden_proto::{Bytes, ids::DeviceId, v1::Section};

use crate::{
    rows::{self, ASSET, DEVICE, DEVICE_FROM, ITEM, ITEM_FROM, LEDGER, OUTCOME, SOURCE},
    sql::{Cell, Conditions, Connection, ConnectionExt as _, Reader, unsigned, window},
};

/// Newest first.
pub(super) fn list(
    connection: &mut dyn Connection,
    filter: &DeviceFilter,
    paging: Paging,
) -> StoreResult<Page<(Device, Asset)>> {
    let mut c = Conditions::new();
    if filter.sight.is_limited() {
        c.one_of("a.department", filter.sight.departments());
    }
    if let Some(before) = &filter.before {
        let before = c.bind(Cell::from(before.as_bytes()));
        c.and(format!("d.id < (SELECT id FROM devices WHERE uid = {before})"));
    }
    let mut params = c.params();
    let total = connection.number(
        &format!(
            "SELECT COUNT(*) FROM devices d JOIN assets a ON a.id = d.asset_id{}",
            c.sql()
        ),
        &params,
    )?;
    let (limit, offset) = (params.len() + 1, params.len() + 2);
    params.extend(window(paging));
    let rows = connection.rows(
        &format!(
            "SELECT {DEVICE}, {ASSET} FROM {DEVICE_FROM}{} ORDER BY d.id DESC LIMIT ?{limit} OFFSET ?{offset}",
            c.sql()
        ),
        &params,
        |r| Ok((rows::device(r)?, rows::asset(r)?)),
    )?;
    Ok(Page {
        rows,
        total: unsigned(total),
    })
}

/// A device with everything but its items.
pub(super) fn detail(connection: &mut dyn Connection, id: DeviceId) -> StoreResult<Option<DeviceDetail>> {
    let found = connection.row(
        &format!("SELECT d.id, {DEVICE}, {ASSET} FROM {DEVICE_FROM} WHERE d.uid = ?1"),
        &[Cell::from(id.as_bytes())],
        |r| Ok((r.int()?, rows::device(r)?, rows::asset(r)?)),
    )?;
    let Some((row, device, asset)) = found else {
        return Ok(None);
    };
    let (by_device, by_asset) = ([Cell::Int(row)], [Cell::Int(asset.id.0)]);
    Ok(Some(DeviceDetail {
        device,
        sources: connection.rows(
            &format!("SELECT {SOURCE} FROM sources c WHERE c.device_id = ?1 ORDER BY c.section, c.source"),
            &by_device,
            rows::source,
        )?,
        counts: connection.rows(
            "SELECT section, items FROM sums WHERE device_id = ?1 AND items > 0 ORDER BY section",
            &by_device,
            |r| Ok((r.numbered()?, r.bits()?)),
        )?,
        outcomes: connection.rows(
            &format!("SELECT {OUTCOME} FROM outcomes o WHERE o.asset_id = ?1 ORDER BY o.rule"),
            &by_asset,
            rows::outcome,
        )?,
        ledger: connection.rows(
            &format!("SELECT {LEDGER} FROM ledger l WHERE l.asset_id = ?1 ORDER BY l.sort_key"),
            &by_asset,
            rows::ledger,
        )?,
        asset,
    }))
}

/// Row ids of a device and its asset.
fn row_ids(connection: &mut dyn Connection, id: DeviceId) -> StoreResult<Option<(i64, i64)>> {
    connection.row(
        "SELECT id, asset_id FROM devices WHERE uid = ?1",
        &[Cell::from(id.as_bytes())],
        |r| Ok((r.int()?, r.int()?)),
    )
}

const fn nothing<T>() -> Page<T> {
    Page {
        rows: Vec::new(),
        total: 0,
    }
}

/// Items of a section, by key.
pub(super) fn items(
    connection: &mut dyn Connection,
    id: DeviceId,
    section: Section,
    paging: Paging,
) -> StoreResult<Page<ItemRow>> {
    let Some((device, asset)) = row_ids(connection, id)? else {
        return Ok(nothing());
    };
    let section = Cell::Int(i64::from(section as i32));
    let total = connection.number(
        "SELECT COUNT(*) FROM items WHERE device_id = ?1 AND section = ?2",
        &[Cell::Int(device), section],
    )?;
    let [limit, offset] = window(paging);
    let rows = connection.rows(
        &format!(
            "SELECT {ITEM}, bf.bytes, bf.hash, b.accepted_at, b.accepted_by FROM {ITEM_FROM}
             LEFT JOIN baseline b ON b.asset_id = ?3 AND b.section = i.section AND b.source = i.source
               AND b.key = i.key AND b.principal = i.principal
             LEFT JOIN facets bf ON bf.id = b.facet_id
             WHERE i.device_id = ?1 AND i.section = ?2
             ORDER BY i.key, i.source, i.principal LIMIT ?4 OFFSET ?5"
        ),
        &[Cell::Int(device), section, Cell::Int(asset), limit, offset],
        item_row,
    )?;
    Ok(Page {
        rows,
        total: unsigned(total),
    })
}

fn item_row(r: &mut Reader<'_>) -> StoreResult<ItemRow> {
    let item = rows::item(r)?;
    let baseline = if r.absent(4)? {
        None
    } else {
        Some(deskwarden_domain::model::BaselineItem {
            id: item.id.clone(),
            facet: Bytes::copy_from_slice(r.blob()?),
            facet_hash: r.array()?,
            accepted_at: r.int()?,
            accepted_by: r.string()?,
        })
    };
    Ok(ItemRow { item, baseline })
}

/// Timeline, newest first.
pub(super) fn changes(
    connection: &mut dyn Connection,
    id: DeviceId,
    section: Option<Section>,
    paging: Paging,
) -> StoreResult<Page<ChangeRow>> {
    let Some((device, _)) = row_ids(connection, id)? else {
        return Ok(nothing());
    };
    let [limit, offset] = window(paging);
    let section = section.map(|section| Cell::Int(i64::from(section as i32)));
    let (condition, mut params) = match section {
        Some(section) => (" AND h.section = ?2", vec![Cell::Int(device), section]),
        None => ("", vec![Cell::Int(device)]),
    };
    let total = connection.number(
        &format!("SELECT COUNT(*) FROM changes h WHERE h.device_id = ?1{condition}"),
        &params,
    )?;
    let (limit_at, offset_at) = (params.len() + 1, params.len() + 2);
    params.extend([limit, offset]);
    let rows = connection.rows(
        &format!(
            "SELECT h.id, h.section, h.source, h.key, h.principal, h.kind, x.bytes, y.bytes, h.received_at, h.observed_at
             FROM changes h LEFT JOIN facets x ON x.id = h.before_id LEFT JOIN facets y ON y.id = h.after_id
             WHERE h.device_id = ?1{condition} ORDER BY h.id DESC LIMIT ?{limit_at} OFFSET ?{offset_at}"
        ),
        &params,
        |r| {
            Ok(ChangeRow {
                id: r.int()?,
                change: Change {
                    device: id,
                    id: rows::item_id(r)?,
                    kind: r.named(ChangeKind::by_name)?,
                    before: r.opt_blob()?.map(Bytes::copy_from_slice),
                    after: r.opt_blob()?.map(Bytes::copy_from_slice),
                    received_at: r.int()?,
                    observed_at: r.int()?,
                },
            })
        },
    )?;
    Ok(Page {
        rows,
        total: unsigned(total),
    })
}

/// Gaps, newest first.
pub(super) fn gaps(
    connection: &mut dyn Connection,
    id: DeviceId,
    limit: usize,
) -> StoreResult<Vec<(Millis, Section, u64, String)>> {
    connection.rows(
        "SELECT g.received_at, g.section, g.records, g.reason FROM gaps g JOIN devices d ON d.id = g.device_id
         WHERE d.uid = ?1 ORDER BY g.id DESC LIMIT ?2",
        &[Cell::from(id.as_bytes()), Cell::Int(i64::try_from(limit).unwrap_or(i64::MAX))],
        |r| {
            let at = r.int()?;
            // A gap may be of no section, or of one that only a newer agent knows.
            let section = Section::try_from(r.small::<i32>()?).unwrap_or(Section::Unspecified);
            Ok((at, section, r.bits()?, r.string()?))
        },
    )
}

/// Sums are made here: an agent may name any number, and a database stops at what it can hold.
pub(super) fn lost_since(
    connection: &mut dyn Connection,
    since: Millis,
    limit: usize,
) -> StoreResult<Vec<(DeviceId, String, u64)>> {
    let gaps = connection.rows(
        "SELECT d.uid, a.number, a.name, g.records, g.received_at FROM gaps g
         JOIN devices d ON d.id = g.device_id JOIN assets a ON a.id = d.asset_id
         ORDER BY g.id DESC LIMIT ?1",
        &[Cell::Int(i64::try_from(limit).unwrap_or(i64::MAX))],
        |r| {
            let device = DeviceId::from_random(r.array()?);
            let (number, name) = (r.opt_string()?, r.string()?);
            let shown = number.map_or_else(|| name.clone(), |number| format!("{number} {name}"));
            Ok((device, shown, r.bits()?, r.int()?))
        },
    )?;
    let mut lost: BTreeMap<DeviceId, (String, u64)> = BTreeMap::new();
    for (device, shown, records, at) in gaps {
        if at > since && records > 0 {
            let sum = &mut lost.entry(device).or_insert((shown, 0)).1;
            *sum = sum.saturating_add(records);
        }
    }
    Ok(lost
        .into_iter()
        .map(|(device, (shown, records))| (device, shown, records))
        .collect())
}
