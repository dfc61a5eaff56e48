//! The IP ledger: assigned addresses, DHCP ranges, subnets; and who has to be judged again when they change.

use std::{collections::BTreeSet, net::IpAddr};

use deskwarden_domain::{
    model::{AuditEntry, DhcpRange, LedgerEntry, Millis},
    port::{StoreError, StoreResult},
};

use crate::{
    audit,
    due::make_due,
    enrolment::address_order,
    generation::raise_generation,
    rows::ledger_mode_name,
    sql::{Cell, Connection, ConnectionExt as _},
};

/// Puts and removes entries; the assets that had an address, those that get it and those that use it are
/// judged again, and what others claim about it is looked at.
pub(crate) fn edit(
    connection: &mut dyn Connection,
    put: &[LedgerEntry],
    remove: &[String],
    audit: &AuditEntry,
) -> StoreResult<()> {
    let mut written: Vec<(IpAddr, &LedgerEntry)> = Vec::with_capacity(put.len());
    for entry in put {
        written.push((address(&entry.address)?, entry));
    }
    let mut addresses: BTreeSet<String> = written.iter().map(|(ip, _)| ip.to_string()).collect();
    for text in remove {
        addresses.insert(address(text)?.to_string());
    }
    let mut assets: BTreeSet<i64> = put
        .iter()
        .filter_map(|entry| entry.asset)
        .map(|id| id.0)
        .collect();
    let mut macs: BTreeSet<String> = put.iter().filter_map(|entry| entry.mac.clone()).collect();
    for text in &addresses {
        touched(connection, text, &mut assets, &mut macs)?;
    }
    // In id order, and before the entries: assets are always locked first.
    for asset in &assets {
        make_due(connection, *asset, audit.at)?;
    }
    for text in remove {
        let text = address(text)?.to_string();
        connection.execute("DELETE FROM ledger WHERE address = ?1", &[Cell::Text(&text)])?;
    }
    for (ip, entry) in written {
        if let Some(id) = entry.asset {
            let found = connection.row("SELECT id FROM assets WHERE id = ?1", &[Cell::Int(id.0)], |r| {
                r.int()
            })?;
            found.ok_or_else(|| StoreError::NotFound(format!("asset {}", id.0)))?;
        }
        put_entry(connection, ip, entry)?;
    }
    let looks = [("ip", addresses), ("mac", macs)];
    for (kind, values) in &looks {
        for value in values {
            touch(connection, kind, value)?;
        }
    }
    audit::append(connection, audit)
}

/// Who had an address by the ledger or uses it.
fn touched(
    connection: &mut dyn Connection,
    address: &str,
    assets: &mut BTreeSet<i64>,
    macs: &mut BTreeSet<String>,
) -> StoreResult<()> {
    let key = [Cell::Text(address)];
    let held = connection.rows("SELECT asset_id, mac FROM ledger WHERE address = ?1", &key, |r| {
        Ok((r.opt_int()?, r.opt_string()?))
    })?;
    for (asset, mac) in held {
        assets.extend(asset);
        macs.extend(mac);
    }
    let used = "SELECT asset_id FROM claims WHERE kind = 'ip' AND value = ?1 AND origin = 'own'";
    assets.extend(
        connection
            .rows(used, &key, |r| r.opt_int())?
            .into_iter()
            .flatten(),
    );
    Ok(())
}

fn touch(connection: &mut dyn Connection, kind: &str, value: &str) -> StoreResult<()> {
    const NOW: Millis = 0;
    connection.execute(
        "INSERT INTO touched (kind, value, due_at) VALUES (?1, ?2, ?3)",
        &[Cell::Text(kind), Cell::Text(value), Cell::Int(NOW)],
    )?;
    Ok(())
}

fn put_entry(connection: &mut dyn Connection, address: IpAddr, entry: &LedgerEntry) -> StoreResult<()> {
    let dns = entry.dns.join(" ");
    connection.execute(
        "INSERT INTO ledger (address, sort_key, prefix, gateway, dns, mode, mac, asset_id, owner, place)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (address) DO UPDATE SET prefix = excluded.prefix, gateway = excluded.gateway, dns = excluded.dns,
           mode = excluded.mode, mac = excluded.mac, asset_id = excluded.asset_id, owner = excluded.owner,
           place = excluded.place",
        &[
            Cell::Text(&address.to_string()),
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
    Ok(())
}

/// All ranges, by first address.
pub(crate) fn ranges(connection: &mut dyn Connection) -> StoreResult<Vec<DhcpRange>> {
    connection.rows(
        "SELECT first_address, last_address, name FROM dhcp_ranges ORDER BY first_key",
        &[],
        |r| {
            Ok(DhcpRange {
                first: r.string()?,
                last: r.string()?,
                name: r.string()?,
            })
        },
    )
}

/// Replaces all ranges. Every asset is judged again, and every address looked at.
pub(crate) fn put_ranges(
    connection: &mut dyn Connection,
    ranges: &[DhcpRange],
    audit: &AuditEntry,
) -> StoreResult<()> {
    connection.execute("DELETE FROM dhcp_ranges", &[])?;
    for range in ranges {
        let (first, last) = (address(&range.first)?, address(&range.last)?);
        let (first_key, last_key) = (address_order(first), address_order(last));
        connection.execute(
            "INSERT INTO dhcp_ranges (first_key, last_key, first_address, last_address, name) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[
                Cell::from(&first_key),
                Cell::from(&last_key),
                Cell::Text(&first.to_string()),
                Cell::Text(&last.to_string()),
                Cell::Text(&range.name),
            ],
        )?;
    }
    raise_generation(connection)?;
    connection.execute(
        "INSERT INTO touched (kind, value, due_at) SELECT DISTINCT kind, value, 0 FROM claims WHERE kind = 'ip'",
        &[],
    )?;
    audit::append(connection, audit)
}

/// Whether the ledger has an entry in the subnet of an address.
pub(crate) fn within_subnet(connection: &mut dyn Connection, text: &str, prefix: u8) -> StoreResult<bool> {
    let Ok(ip) = text.parse::<IpAddr>() else {
        return Ok(false);
    };
    let bits = u32::from(prefix) + if ip.is_ipv4() { 96 } else { 0 };
    if bits > 128 {
        return Ok(false);
    }
    let hosts = u128::MAX.checked_shr(bits).unwrap_or(0);
    let whole = u128::from_be_bytes(address_order(ip));
    let (first, last) = ((whole & !hosts).to_be_bytes(), (whole | hosts).to_be_bytes());
    let found = connection.row(
        "SELECT 1 FROM ledger WHERE sort_key >= ?1 AND sort_key <= ?2 LIMIT 1",
        &[Cell::from(&first), Cell::from(&last)],
        |r| r.int(),
    )?;
    Ok(found.is_some())
}

fn address(text: &str) -> StoreResult<IpAddr> {
    text.trim()
        .parse()
        .map_err(|_| StoreError::Conflict(format!("`{text}` is not an IP address: write one as 10.1.2.3")))
}
