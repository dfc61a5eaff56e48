//! Recomputing the chain.

use deskwarden_domain::port::{AuditFault, StoreResult};

use crate::sql::{Connection, ConnectionExt as _};

use super::{link, page::stored, place, prune::is_told, pseudonym};

/// Records that are read at a time while the chain is recomputed.
const PAGE: i64 = 1000;

/// Recomputes the chain; the number of its entries, or where it is broken.
pub(crate) fn verify(connection: &mut dyn Connection) -> StoreResult<Result<i64, AuditFault>> {
    let base = connection.row("SELECT sequence, hash FROM audit_base WHERE id = 1", &[], place)?;
    let Some((base, mut previous)) = base else {
        return Ok(fault(0, "the beginning of the log is missing".to_owned()));
    };
    let base_hash = previous;
    let mut told = base == 0;
    let mut expected = base + 1;
    // From the smallest there is: an entry before the first is a fault too.
    let mut from = i64::MIN;
    loop {
        let page = stored(connection, from, PAGE)?;
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
            told = told || is_told(&record.entry, base, &base_hash);
            previous = record.hash;
            expected += 1;
        }
        if page.is_empty() {
            break;
        }
        from = expected;
    }
    let count = expected - 1;
    if !told {
        return Ok(fault(
            base,
            format!("the log begins after entry {base}, and no entry tells who removed those before"),
        ));
    }
    let head = connection.row("SELECT sequence, hash FROM audit_head WHERE id = 1", &[], place)?;
    match head {
        Some((last, hash)) if last == count && hash == previous => {}
        Some((last, _)) if last > count => {
            return Ok(fault(
                expected,
                format!("the log ends at entry {count}, but {last} were written"),
            ));
        }
        _ => {
            return Ok(fault(
                expected,
                "the end of the log does not fit its entries".to_owned(),
            ));
        }
    }
    Ok(match pseudonym::exchanged(connection)? {
        Some(name) => fault(0, format!("another person was put behind the pseudonym {name}")),
        None => Ok(count - base),
    })
}

fn fault(sequence: i64, reason: String) -> Result<i64, AuditFault> {
    Err(AuditFault { sequence, reason })
}
