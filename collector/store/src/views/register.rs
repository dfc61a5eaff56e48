//! The register, as people edit it.

use deskwarden_domain::{
    model::{Asset, AssetId, AuditEntry},
    port::{StoreError, StoreResult},
};

use crate::{
    audit,
    due::make_due,
    sql::{Cell, Connection, ConnectionExt as _},
};

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
