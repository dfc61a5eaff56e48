//! The values of devices' hints as rows, so that a device is found by any of them.

use deskwarden_domain::{port::StoreResult, successor};
use deskwarden_proto::{Message as _, v1::HostHints};

use crate::sql::{Cell, Connection, ConnectionExt as _};

/// Replaces what is known of a device.
pub(crate) fn remember(
    connection: &mut dyn Connection,
    device: Cell<'_>,
    hints: &HostHints,
) -> StoreResult<()> {
    connection.execute("DELETE FROM hint_values WHERE device_id = ?1", &[device])?;
    for (kind, value) in successor::values(hints) {
        connection.execute(
            "INSERT INTO hint_values (device_id, kind, value) VALUES (?1, ?2, ?3)",
            &[device, Cell::Text(kind.name()), Cell::Text(&value)],
        )?;
    }
    Ok(())
}

/// Once, for devices that enrolled before there were rows.
pub(crate) fn backfill(connection: &mut dyn Connection) -> StoreResult<()> {
    const DONE: &str = "hints.indexed";
    let done = "SELECT COUNT(*) FROM settings WHERE name = ?1";
    if connection.number(done, &[Cell::Text(DONE)])? > 0 {
        return Ok(());
    }
    let known = connection.rows("SELECT id, hints FROM devices ORDER BY id", &[], |r| {
        Ok((r.int()?, HostHints::decode(r.blob()?).unwrap_or_default()))
    })?;
    for (device, hints) in known {
        remember(connection, Cell::Int(device), &hints)?;
    }
    connection.execute(
        "INSERT INTO settings (name, value) VALUES (?1, '1') ON CONFLICT (name) DO NOTHING",
        &[Cell::Text(DONE)],
    )?;
    Ok(())
}
