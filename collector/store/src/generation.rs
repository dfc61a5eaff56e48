//! The generation of rules and settings: one row that judging compares and every edit raises.

use deskwarden_domain::port::StoreResult;

use crate::sql::{Connection, ConnectionExt as _, Reader};

const GENERATION: &str = "SELECT generation FROM context_generation WHERE id = 1";

/// The generation in force.
pub(crate) fn generation(connection: &mut dyn Connection) -> StoreResult<i64> {
    connection.number(GENERATION, &[])
}

/// The generation in force, which no edit raises before the transaction ends. What was judged under it and is not yet
/// committed is nothing that an edit could look for: so the edit waits for it.
pub(crate) fn generation_held(connection: &mut dyn Connection) -> StoreResult<i64> {
    let mut held = 0;
    connection.query_shared(GENERATION, &[], &mut |columns| {
        held = Reader::new(columns).int()?;
        Ok(())
    })?;
    Ok(held)
}

/// Something that judging reads was edited.
pub(crate) fn raise_generation(connection: &mut dyn Connection) -> StoreResult<()> {
    connection.execute(
        "UPDATE context_generation SET generation = generation + 1 WHERE id = 1",
        &[],
    )?;
    Ok(())
}
