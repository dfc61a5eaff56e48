//! The register and the IP ledger, as people edit them.

use std::{collections::BTreeSet, net::IpAddr};

use deskwarden_domain::{
    model::{Asset, AssetId, AuditEntry, LedgerEntry},
    port::{Page, Paging, StoreError, StoreResult},
};

use crate::{
    audit,
    due::make_due,
    enrolment::address_order,
    rows::{self, LEDGER, ledger_mode_name},
    sql::{Cell, Connection, ConnectionExt as _},
};

use super::{unsigned, window};

/// Makes or changes an asset. One with a number is registered, and no longer provisional.
pub(super) fn put_asset(
    connection: &mut dyn Connection,
    asset: &Asset,
    make: bool,
    audit: &AuditEntry,
) -> StoreResult<AssetId> {
    let words = [
        Cell::from(&asset.number),
        Cell::Text(&asset.name),
        Cell::from(&asset.custodian),
        Cell::from(&asset.department),
        Cell::Text(asset.state.name()),
    ];
    let taken = |number: &Option<String>| {
        StoreError::Conflict(format!(
            "asset number {} is taken by another asset",
            number.as_deref().unwrap_or_default()
        ))
    };
    let id = if make {
        let [number, name, custodian, department, state] = words;
        let params = [number, name, custodian, department, state, Cell::Int(audit.at)];
        let made = connection.row(
            "INSERT INTO assets (number, name, custodian, department, state, provisional, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6) ON CONFLICT (number) DO NOTHING RETURNING id",
            &params,
            |r| r.int(),
        )?;
        made.ok_or_else(|| taken(&asset.number))?
    } else {
        change_asset(connection, asset, words, &taken)?
    };
    make_due(connection, id, audit.at)?;
    audit::append(connection, audit)?;
    Ok(AssetId(id))
}

fn change_asset(
    connection: &mut dyn Connection,
    asset: &Asset,
    words: [Cell<'_>; 5],
    taken: &dyn Fn(&Option<String>) -> StoreError,
) -> StoreResult<i64> {
    let id = Cell::Int(asset.id.0);
    if connection
        .row_locked("SELECT id FROM assets WHERE id = ?1", &[id], |r| r.int())?
        .is_none()
    {
        return Err(StoreError::NotFound(format!("asset {}", asset.id.0)));
    }
    if asset.number.is_some() {
        let other = "SELECT id FROM assets WHERE number = ?1 AND id <> ?2";
        if connection
            .row(other, &[Cell::from(&asset.number), id], |r| r.int())?
            .is_some()
        {
            return Err(taken(&asset.number));
        }
    }
    let [number, name, custodian, department, state] = words;
    connection.execute(
        "UPDATE assets SET number = ?1, name = ?2, custodian = ?3, department = ?4, state = ?5,
         provisional = CASE WHEN CAST(?1 AS TEXT) IS NULL THEN provisional ELSE 0 END WHERE id = ?6",
        &[number, name, custodian, department, state, id],
    )?;
    Ok(asset.id.0)
}

/// Writes a ledger entry; the asset that had the address, the one that gets it and those that use it are
/// judged again.
pub(super) fn put_ledger_entry(
    connection: &mut dyn Connection,
    entry: &LedgerEntry,
    audit: &AuditEntry,
) -> StoreResult<()> {
    let address: IpAddr = entry.address.trim().parse().map_err(|_| {
        StoreError::Conflict(format!(
            "`{}` is not an IP address: write one as 10.1.2.3",
            entry.address
        ))
    })?;
    let text = address.to_string();
    let key = [Cell::Text(&text)];
    let mut touched: BTreeSet<i64> = entry.asset.iter().map(|id| id.0).collect();
    let held = "SELECT asset_id FROM ledger WHERE address = ?1";
    touched.extend(
        connection
            .rows(held, &key, |r| r.opt_int())?
            .into_iter()
            .flatten(),
    );
    let used = "SELECT asset_id FROM claims WHERE kind = 'ip' AND value = ?1 AND origin = 'own'";
    touched.extend(
        connection
            .rows(used, &key, |r| r.opt_int())?
            .into_iter()
            .flatten(),
    );
    // In id order, and before the entry: assets are always locked first.
    for asset in &touched {
        make_due(connection, *asset, audit.at)?;
    }
    if let Some(id) = entry.asset {
        let found = connection.row("SELECT id FROM assets WHERE id = ?1", &[Cell::Int(id.0)], |r| {
            r.int()
        })?;
        found.ok_or_else(|| StoreError::NotFound(format!("asset {}", id.0)))?;
    }
    let dns = entry.dns.join(" ");
    connection.execute(
        "INSERT INTO ledger (address, sort_key, prefix, gateway, dns, mode, mac, asset_id, owner, place)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (address) DO UPDATE SET prefix = excluded.prefix, gateway = excluded.gateway, dns = excluded.dns,
           mode = excluded.mode, mac = excluded.mac, asset_id = excluded.asset_id, owner = excluded.owner,
           place = excluded.place",
        &[
            Cell::Text(&text),
            Cell::from(&address_order(address)),
            Cell::from(entry.prefix.map(i64::from)),
            Cell::from(&entry.gateway),
            Cell::Text(&dns),
            entry.mode.map_or(Cell::Null, |mode| Cell::Text(ledger_mode_name(mode))),
            Cell::from(&entry.mac),
            Cell::from(entry.asset.map(|id| id.0)),
            Cell::from(&entry.owner),
            Cell::from(&entry.place),
        ],
    )?;
    audit::append(connection, audit)
}

/// The ledger in the order of addresses.
pub(super) fn ledger(connection: &mut dyn Connection, paging: Paging) -> StoreResult<Page<LedgerEntry>> {
    let total = connection.number("SELECT COUNT(*) FROM ledger", &[])?;
    let rows = connection.rows(
        &format!("SELECT {LEDGER} FROM ledger l ORDER BY l.sort_key LIMIT ?1 OFFSET ?2"),
        &window(paging),
        rows::ledger,
    )?;
    Ok(Page {
        rows,
        total: unsigned(total),
    })
}
