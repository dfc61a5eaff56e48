//! The audit log: a chain in which every entry's hash covers the one before. The database refuses changes
//! by triggers; the chain shows those of somebody who took the triggers away.

use deskwarden_domain::{
    model::{AuditEntry, AuditRecord},
    port::{AuditFault, StoreError, StoreResult},
};

use crate::sql::{Cell, Connection, ConnectionExt as _, Reader, storable};

/// Records that are read at a time while the chain is recomputed.
const PAGE: i64 = 1000;

/// Appends an entry. Call last in a transaction: the end of the chain is one row that all writers lock.
pub(crate) fn append(connection: &mut dyn Connection, entry: &AuditEntry) -> StoreResult<()> {
    let head = connection.row_locked("SELECT sequence, hash FROM audit_head WHERE id = 1", &[], |r| {
        Ok((r.int()?, r.array::<32>()?))
    })?;
    let (last, previous) = head
        .ok_or_else(|| StoreError::Damaged("the end of the audit log is missing: restore a backup".into()))?;
    let sequence = last + 1;
    let hash = link(&previous, sequence, entry);
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

/// Records from a sequence on.
pub(crate) fn records(
    connection: &mut dyn Connection,
    from: i64,
    limit: i64,
) -> StoreResult<Vec<AuditRecord>> {
    connection.rows(
        "SELECT sequence, at, actor, action, object, detail, hash FROM audit WHERE sequence >= ?1
         ORDER BY sequence LIMIT ?2",
        &[Cell::Int(from), Cell::Int(limit)],
        record,
    )
}

/// Recomputes the chain; the number of its entries, or where it is broken.
pub(crate) fn verify(connection: &mut dyn Connection) -> StoreResult<Result<i64, AuditFault>> {
    let mut expected = 1i64;
    let mut previous = [0u8; 32];
    loop {
        // From the smallest there is: an entry before the first is a fault too.
        let from = if expected == 1 { i64::MIN } else { expected };
        let page = records(connection, from, PAGE)?;
        for record in &page {
            let found = record.sequence;
            if found != expected {
                return Ok(fault(
                    expected.min(found),
                    format!("entry {expected} is missing, entry {found} follows"),
                ));
            }
            if record.hash != link(&previous, expected, &record.entry) {
                return Ok(fault(
                    expected,
                    format!("entry {expected} was changed, or the one before it"),
                ));
            }
            previous = record.hash;
            expected += 1;
        }
        if page.is_empty() {
            break;
        }
    }
    let count = expected - 1;
    let head = connection.row("SELECT sequence, hash FROM audit_head WHERE id = 1", &[], |r| {
        Ok((r.int()?, r.array::<32>()?))
    })?;
    Ok(match head {
        Some((last, hash)) if last == count && hash == previous => Ok(count),
        Some((last, _)) if last > count => fault(
            expected,
            format!("the log ends at entry {count}, but {last} were written"),
        ),
        _ => fault(expected, "the end of the log does not fit its entries".to_owned()),
    })
}

fn fault(sequence: i64, reason: String) -> Result<i64, AuditFault> {
    Err(AuditFault { sequence, reason })
}

fn record(r: &mut Reader<'_>) -> StoreResult<AuditRecord> {
    Ok(AuditRecord {
        sequence: r.int()?,
        entry: AuditEntry {
            at: r.int()?,
            actor: r.string()?,
            action: r.string()?,
            object: r.string()?,
            detail: r.string()?,
        },
        hash: r.array()?,
    })
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
