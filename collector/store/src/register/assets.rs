//! The register, as people edit it: one asset at a time or a whole file, with its serials and its history.

use std::collections::BTreeSet;

use deskwarden_domain::{
    model::{Asset, AssetId, AuditEntry},
    port::{Page, Paging, StoreError, StoreResult},
};

use crate::{
    audit,
    due::make_due,
    rows::{self, ASSET},
    sql::{Cell, Conditions, Connection, ConnectionExt as _, unsigned, window},
};

/// Makes or changes an asset. One with a number is registered, and no longer provisional.
pub(crate) fn put_asset(
    connection: &mut dyn Connection,
    asset: &Asset,
    make: bool,
    audit: &AuditEntry,
) -> StoreResult<AssetId> {
    let id = write(connection, asset, make, audit)?;
    audit::append(connection, audit)?;
    Ok(AssetId(id))
}

/// Writes one asset and what changed about it.
pub(crate) fn write(
    connection: &mut dyn Connection,
    asset: &Asset,
    make: bool,
    audit: &AuditEntry,
) -> StoreResult<i64> {
    let before = if make {
        None
    } else {
        Some(locked(connection, asset.id)?)
    };
    let taken = || {
        let number = asset.number.as_deref().unwrap_or_default();
        StoreError::Conflict(format!("asset number {number} is taken by another asset"))
    };
    if asset.number.is_some() {
        let other = "SELECT id FROM assets WHERE number = ?1 AND id <> ?2";
        let own = if make { 0 } else { asset.id.0 };
        if connection
            .row(other, &[Cell::from(&asset.number), Cell::Int(own)], |r| r.int())?
            .is_some()
        {
            return Err(taken());
        }
    }
    let since = |changed: bool, before: i64| if changed { audit.at } else { before };
    let (state_since, custodian_since) = match &before {
        None => (audit.at, audit.at),
        Some(was) => (
            since(was.state != asset.state, was.state_since),
            since(was.custodian != asset.custodian, was.custodian_since),
        ),
    };
    let cells = [
        Cell::from(&asset.number),
        Cell::Text(&asset.name),
        Cell::from(&asset.custodian),
        Cell::from(&asset.department),
        Cell::Text(asset.state.name()),
        Cell::Text(asset.class.name()),
        Cell::from(&asset.provider),
        Cell::from(&asset.responsible),
        Cell::from(&asset.place),
        Cell::Int(state_since),
        Cell::Int(custodian_since),
        Cell::Int(if make { audit.at } else { asset.id.0 }),
    ];
    let id = if make {
        let made = connection.row(
            "INSERT INTO assets (number, name, custodian, department, state, class, provider, responsible, place,
             state_since, custodian_since, provisional, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?12)
             ON CONFLICT (number) DO NOTHING RETURNING id",
            &cells,
            |r| r.int(),
        )?;
        made.ok_or_else(taken)?
    } else {
        connection.execute(
            "UPDATE assets SET number = ?1, name = ?2, custodian = ?3, department = ?4, state = ?5, class = ?6,
             provider = ?7, responsible = ?8, place = ?9, state_since = ?10, custodian_since = ?11,
             provisional = CASE WHEN CAST(?1 AS TEXT) IS NULL THEN provisional ELSE 0 END WHERE id = ?12",
            &cells,
        )?;
        asset.id.0
    };
    for (field, was, becomes) in changes(before.as_ref(), asset) {
        step(connection, id, audit, field, &was, &becomes)?;
    }
    make_due(connection, id, audit.at)?;
    Ok(id)
}

fn locked(connection: &mut dyn Connection, id: AssetId) -> StoreResult<Asset> {
    connection
        .row_locked(
            &format!("SELECT {ASSET} FROM assets a WHERE a.id = ?1"),
            &[Cell::Int(id.0)],
            rows::asset,
        )?
        .ok_or_else(|| StoreError::NotFound(format!("asset {}", id.0)))
}

/// The fields that differ, by the names that pages have words for.
fn changes(before: Option<&Asset>, after: &Asset) -> Vec<(&'static str, String, String)> {
    let all = |asset: &Asset| {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        [
            ("number", text(&asset.number)),
            ("name", asset.name.clone()),
            ("custodian", text(&asset.custodian)),
            ("department", text(&asset.department)),
            ("state", asset.state.name().to_owned()),
            ("class", asset.class.name().to_owned()),
            ("provider", text(&asset.provider)),
            ("responsible", text(&asset.responsible)),
            ("place", text(&asset.place)),
        ]
    };
    let was: Vec<String> = match before {
        Some(before) => all(before).into_iter().map(|(_, value)| value).collect(),
        None => vec![String::new(); 9],
    };
    all(after)
        .into_iter()
        .zip(was)
        .filter(|((_, becomes), was)| becomes != was)
        .map(|((field, becomes), was)| (field, was, becomes))
        .collect()
}

fn step(
    connection: &mut dyn Connection,
    asset: i64,
    audit: &AuditEntry,
    field: &str,
    was: &str,
    becomes: &str,
) -> StoreResult<()> {
    connection.execute(
        "INSERT INTO asset_history (asset_id, at, actor, field, was, becomes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[
            Cell::Int(asset),
            Cell::Int(audit.at),
            Cell::Text(&audit.actor),
            Cell::Text(field),
            Cell::Text(was),
            Cell::Text(becomes),
        ],
    )?;
    Ok(())
}

/// Assets that have a number, by number: a page of them, or the one of a number.
pub(crate) fn registered(
    connection: &mut dyn Connection,
    number: Option<&str>,
    paging: Paging,
) -> StoreResult<Page<Asset>> {
    let mut c = Conditions::new();
    c.and("a.number IS NOT NULL");
    c.and("a.merged_into IS NULL");
    if let Some(number) = number {
        let number = c.bind(Cell::Text(number));
        c.and(format!("a.number = {number}"));
    }
    let mut params = c.params();
    let total = connection.number(&format!("SELECT COUNT(*) FROM assets a{}", c.sql()), &params)?;
    let (limit, offset) = (params.len() + 1, params.len() + 2);
    params.extend(window(paging));
    let rows = connection.rows(
        &format!(
            "SELECT {ASSET} FROM assets a{} ORDER BY a.number LIMIT ?{limit} OFFSET ?{offset}",
            c.sql()
        ),
        &params,
        rows::asset,
    )?;
    Ok(Page {
        rows,
        total: unsigned(total),
    })
}

/// The serials by which an asset is expected.
pub(crate) fn serials(connection: &mut dyn Connection, asset: i64) -> StoreResult<Vec<String>> {
    connection.rows(
        "SELECT value FROM asset_serials WHERE asset_id = ?1 ORDER BY value",
        &[Cell::Int(asset)],
        |r| r.string(),
    )
}

/// Replaces them.
pub(crate) fn put_serials(
    connection: &mut dyn Connection,
    asset: i64,
    serials: &[String],
    audit: &AuditEntry,
) -> StoreResult<()> {
    let before: BTreeSet<String> = self::serials(connection, asset)?.into_iter().collect();
    let after: BTreeSet<String> = serials.iter().cloned().collect();
    if before == after {
        return Ok(());
    }
    connection.execute(
        "DELETE FROM asset_serials WHERE asset_id = ?1",
        &[Cell::Int(asset)],
    )?;
    for value in &after {
        connection.execute(
            "INSERT INTO asset_serials (asset_id, value) VALUES (?1, ?2)",
            &[Cell::Int(asset), Cell::Text(value)],
        )?;
    }
    let words = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
    step(
        connection,
        asset,
        audit,
        "serials",
        &words(&before),
        &words(&after),
    )
}
