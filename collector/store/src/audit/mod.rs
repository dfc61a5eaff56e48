//! The audit log: a chain in which every entry's hash covers the one before. The database refuses changes
//! by triggers; the chain shows those of somebody who took the triggers away.
//!
//! The chain holds pseudonyms in the place of people ([`pseudonym`]), so that somebody can be forgotten without
//! breaking it, and may begin at its base once old entries were removed ([`prune`]).

mod page;
mod prune;
mod pseudonym;
mod verify;

pub(crate) use page::{about, page, records};
pub(crate) use prune::prune;
pub(crate) use pseudonym::forget;
pub(crate) use verify::verify;

use deskwarden_domain::{
    model::AuditEntry,
    port::{StoreError, StoreResult},
};

use crate::sql::{Cell, Connection, ConnectionExt as _, Reader, storable};

/// Appends an entry. Call last in a transaction: the end of the chain is one row that all writers lock.
pub(crate) fn append(connection: &mut dyn Connection, entry: &AuditEntry) -> StoreResult<()> {
    let (last, previous) = connection
        .row_locked("SELECT sequence, hash FROM audit_head WHERE id = 1", &[], place)?
        .ok_or_else(|| StoreError::Damaged("the end of the audit log is missing: restore a backup".into()))?;
    let entry = pseudonym::disguise(connection, entry)?;
    let sequence = last + 1;
    let hash = link(&previous, sequence, &entry);
    connection.execute(
        "INSERT INTO audit (sequence, at, actor, action, object, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            Cell::Int(sequence),
            Cell::Int(entry.at),
            Cell::Text(&entry.actor),
            Cell::Text(&entry.action),
            Cell::Text(&entry.object),
            Cell::Text(&entry.detail),
            Cell::from(&hash),
        ],
    )?;
    connection.execute(
        "UPDATE audit_head SET sequence = ?1, hash = ?2 WHERE id = 1",
        &[Cell::Int(sequence), Cell::from(&hash)],
    )?;
    Ok(())
}

/// Number and hash of the newest entry.
pub(crate) fn head(connection: &mut dyn Connection) -> StoreResult<(i64, [u8; 32])> {
    let head = connection.row("SELECT sequence, hash FROM audit_head WHERE id = 1", &[], place)?;
    head.ok_or_else(|| StoreError::Damaged("the end of the audit log is missing: restore a backup".into()))
}

/// A place in the chain: number and hash.
fn place(r: &mut Reader<'_>) -> StoreResult<(i64, [u8; 32])> {
    Ok((r.int()?, r.array::<32>()?))
}

/// BLAKE3 over the previous hash, the sequence and the entry as stored, each field length-prefixed.
fn link(previous: &[u8; 32], sequence: i64, entry: &AuditEntry) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut field = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    field(previous);
    field(&sequence.to_le_bytes());
    field(&entry.at.to_le_bytes());
    for text in [&entry.actor, &entry.action, &entry.object, &entry.detail] {
        field(storable(text).as_bytes());
    }
    *hasher.finalize().as_bytes()
}
