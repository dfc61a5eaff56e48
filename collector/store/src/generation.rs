//! The generation of rules and settings: one row that judging compares and every edit raises.

use deskwarden_domain::port::StoreResult;

use crate::sql::{Connection, ConnectionExt as _};

/// The generation in force.
pub(crate) fn generation(connection: &mut dyn Connection) -> StoreResult<i64> {
    connection.number("SELECT generation FROM context_generation WHERE id = 1", &[])
}

/// Something that judging reads was edited.
pub(crate) fn raise_generation(connection: &mut dyn Connection) -> StoreResult<()> {
    connection.execute(
        "UPDATE context_generation SET generation = generation + 1 WHERE id = 1",
        &[],
    )?;
    Ok(())
}
