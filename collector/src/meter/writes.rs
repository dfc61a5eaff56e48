//! Whether the store takes what agents report. A small write may go through where theirs does not: a full disk still
//! has the room of its write-ahead log.

use std::sync::{Mutex, PoisonError};

use deskwarden_domain::{model::Millis, operations::Refused};

/// For how long reports count as refused when no more come: agents that were refused come back within a minute.
const HELD: Millis = 120_000;

/// The reports that were refused since one was taken.
#[derive(Debug, Default)]
pub struct Writes(Mutex<Option<Refused>>);

impl Writes {
    /// Reports were taken.
    pub fn taken(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Reports were refused.
    pub fn refused(&self, now: Millis) {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused
            .get_or_insert(Refused {
                first: now,
                last: now,
            })
            .last = now;
    }

    /// What the store refused since it took any, if that was lately.
    pub fn read(&self, now: Millis) -> Option<Refused> {
        let refused = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.filter(|refused| now.saturating_sub(refused.last) < HELD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_refused_until_one_is_taken_or_none_comes() {
        let writes = Writes::default();
        assert_eq!(writes.read(1_000), None);
        writes.refused(1_000);
        writes.refused(5_000);
        let refused = Refused {
            first: 1_000,
            last: 5_000,
        };
        assert_eq!(writes.read(5_000 + HELD - 1), Some(refused));
        assert_eq!(writes.read(5_000 + HELD), None, "nobody asks any more");
        writes.taken();
        assert_eq!(writes.read(5_000), None);
        writes.refused(9_000);
        assert_eq!(writes.read(9_000).map(|refused| refused.first), Some(9_000));
    }
}
