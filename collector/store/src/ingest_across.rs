//! The operations of a batch that rules over several devices ask for: accepted claims, and which values are
//! to be looked at.

use deskwarden_domain::{
    model::{AssetId, Claim},
    port::{Op, StoreError, StoreResult},
};

use crate::{
    ingest_rows::TOUCHED,
    ingest_writer::Writer,
    sql::{Cell, Connection, Verb},
};

impl<'a> Writer<'a> {
    /// Writes an operation of rules over several devices.
    pub(crate) fn across_op(&mut self, connection: &mut dyn Connection, op: &'a Op) -> StoreResult<()> {
        match op {
            Op::Touch { kind, value, at } => {
                let row = [Cell::Text(kind.name()), Cell::Text(value), Cell::Int(*at)];
                self.runs.push(connection, &TOUCHED, Verb::Add, &row)
            }
            Op::Looked { ids } => looked(connection, ids),
            Op::Accepted {
                asset,
                item_key,
                claims,
            } => accepted(connection, *asset, item_key, claims),
            Op::TouchAccepted { asset, item_key } => {
                connection.execute(
                    "INSERT INTO touched (kind, value, due_at) SELECT kind, value, 0 FROM claims
                     WHERE device_id IS NULL AND item_key = ?1 AND asset_id = ?2",
                    &[Cell::Text(&accepted_key(item_key)), Cell::Int(asset.0)],
                )?;
                Ok(())
            }
            Op::Returned { device } => {
                let device = self.device(device)?;
                connection.execute(
                    "INSERT INTO touched (kind, value, due_at) SELECT c.kind, c.value, 0 FROM claims c
                     WHERE c.device_id = ?1 AND c.origin = 'own' AND EXISTS
                       (SELECT 1 FROM claims o WHERE o.kind = c.kind AND o.value = c.value AND o.origin = 'own'
                        AND o.device_id <> c.device_id)",
                    &[device],
                )?;
                Ok(())
            }
            // All others are of a device or of an asset.
            _ => Ok(()),
        }
    }
}

fn looked(connection: &mut dyn Connection, ids: &[i64]) -> StoreResult<()> {
    for id in ids {
        if connection.execute("DELETE FROM touched WHERE id = ?1", &[Cell::Int(*id)])? != 1 {
            // Another collector looked at it; what it saw counts.
            return Err(StoreError::Stale);
        }
    }
    Ok(())
}

fn accepted(
    connection: &mut dyn Connection,
    asset: AssetId,
    item_key: &str,
    claims: &[Claim],
) -> StoreResult<()> {
    let key = accepted_key(item_key);
    connection.execute(
        "DELETE FROM claims WHERE device_id IS NULL AND item_key = ?1 AND asset_id = ?2",
        &[Cell::Text(&key), Cell::Int(asset.0)],
    )?;
    for claim in claims {
        connection.execute(
            "INSERT INTO claims (kind, value, origin, asset_id, item_key, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                Cell::Text(claim.kind.name()),
                Cell::Text(&claim.value),
                Cell::Text(claim.origin.name()),
                Cell::Int(asset.0),
                Cell::Text(&key),
                Cell::Text(&claim.note),
            ],
        )?;
    }
    Ok(())
}

fn accepted_key(item_key: &str) -> String {
    format!("accepted/{item_key}")
}
