//! Marking assets that must be judged again.

use deskwarden_domain::port::StoreResult;

use crate::sql::{Cell, Connection};

/// The asset must be judged again at once, by whoever loads it from now on.
pub(crate) fn make_due(connection: &mut dyn Connection, asset: i64, at: i64) -> StoreResult<()> {
    connection.execute(
        "UPDATE assets SET version = version + 1, wake_at = ?2 WHERE id = ?1",
        &[Cell::Int(asset), Cell::Int(at)],
    )?;
    Ok(())
}
