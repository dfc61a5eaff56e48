//! Whether the store takes what agents report. A small write may go through where theirs does not: a full disk still
//! has the room of its write-ahead log.

use std::sync::atomic::{AtomicI64, Ordering};

use deskwarden_domain::model::Millis;

/// For how long reports count as refused when no more come: agents that were refused come back within a minute.
const HELD: Millis = 120_000;
/// Nothing is refused.
const NEVER: Millis = 0;

/// When reports were refused last, if none was taken since.
#[derive(Debug, Default)]
pub struct Writes(AtomicI64);

impl Writes {
    /// Notes whether the store took reports.
    pub fn note(&self, now: Millis, taken: bool) {
        self.0.store(if taken { NEVER } else { now }, Ordering::Relaxed);
    }

    /// Whether the store refused reports lately and took none since.
    pub fn are_refused(&self, now: Millis) -> bool {
        match self.0.load(Ordering::Relaxed) {
            NEVER => false,
            at => now.saturating_sub(at) < HELD,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_refused_until_one_is_taken_or_none_comes() {
        let writes = Writes::default();
        assert!(!writes.are_refused(1_000_000));
        writes.note(1_000_000, false);
        assert!(writes.are_refused(1_000_000) && writes.are_refused(1_000_000 + HELD - 1));
        assert!(!writes.are_refused(1_000_000 + HELD), "nobody asks any more");
        writes.note(1_200_000, false);
        assert!(writes.are_refused(1_210_000));
        writes.note(1_210_000, true);
        assert!(!writes.are_refused(1_210_000));
    }
}
