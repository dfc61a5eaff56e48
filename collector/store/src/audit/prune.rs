//! Removing the oldest entries after their time, so that what stays is a whole chain and tells of it.

use deskwarden_domain::{
    lifecycle::PRODUCT,
    model::{AUDIT_FLOOR_DAYS, AuditEntry, Millis},
    port::{StoreError, StoreResult},
};

use crate::sql::{Cell, Connection, ConnectionExt as _};

use super::{append, head};

const DAY_MS: Millis = 86_400_000;
const ACTION: &str = "audit.prune";

/// Removes entries older than `days` days; how many.
pub(crate) fn prune(connection: &mut dyn Connection, now: Millis, days: u32) -> StoreResult<u64> {
    if days < AUDIT_FLOOR_DAYS {
        return Err(StoreError::Conflict(format!(
            "the audit log is kept for at least {AUDIT_FLOOR_DAYS} days: {days} is too few"
        )));
    }
    let oldest = now.saturating_sub(Millis::from(days) * DAY_MS);
    // Clocks may have been wrong: what is removed ends before the first entry that is young enough.
    let first_kept = connection.row(
        "SELECT sequence FROM audit WHERE at >= ?1 ORDER BY sequence LIMIT 1",
        &[Cell::Int(oldest)],
        |r| r.int(),
    )?;
    let newest = head(connection)?.0;
    let last = first_kept.unwrap_or(newest) - 1;
    let hash = connection.row(
        "SELECT hash FROM audit WHERE sequence = ?1",
        &[Cell::Int(last)],
        |r| r.array::<32>(),
    )?;
    let Some(hash) = hash else { return Ok(0) };
    connection.execute(
        "UPDATE audit_base SET sequence = ?1, hash = ?2 WHERE id = 1",
        &[Cell::Int(last), Cell::from(&hash)],
    )?;
    let removed = connection.execute("DELETE FROM audit WHERE sequence <= ?1", &[Cell::Int(last)])?;
    append(
        connection,
        &AuditEntry {
            at: now,
            actor: PRODUCT.to_owned(),
            action: ACTION.to_owned(),
            object: object(last),
            detail: hex(&hash),
        },
    )?;
    Ok(removed)
}

/// Whether an entry tells that the chain was cut at this place.
pub(super) fn is_told(entry: &AuditEntry, base: i64, hash: &[u8; 32]) -> bool {
    entry.action == ACTION && entry.object == object(base) && entry.detail == hex(hash)
}

fn object(sequence: i64) -> String {
    format!("audit:{sequence}")
}

fn hex(hash: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}
