//! Who looked at whose PC: told to the audit log once per reader, object and quarter of an hour, so that a page that
//! renews itself fills no log. What cannot be written is owed, in memory, and written as soon as it can be: pages are read
//! also while the disk is full. One at a time writes, so that the log has the looks in their order.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use deskwarden_domain::{
    model::{AuditEntry, Millis},
    port::StoreResult,
};

/// A look within this time of another one is the same.
const SAME_MS: Millis = 15 * 60_000;
/// Looks that are remembered; when there are more, all are forgotten and told again.
const REMEMBERED: usize = 20_000;

/// Looks that may be owed to the log; whoever looks further is refused.
const OWED: usize = 10_000;

/// The looks of late.
#[derive(Default)]
pub(super) struct Looks {
    told: Mutex<HashMap<(String, String), Millis>>,
    owed: Mutex<Owed>,
}

#[derive(Default)]
struct Owed {
    entries: VecDeque<AuditEntry>,
    /// Somebody writes them, and goes on until there are none.
    paying: bool,
}

/// Whoever writes them. Who ends before all is written, however that comes about, leaves it to the next one.
struct Paying<'a> {
    looks: &'a Looks,
    done: bool,
}

impl Drop for Paying<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.looks.owed().paying = false;
        }
    }
}

impl Looks {
    /// Whether this look is one to tell.
    pub(super) fn is_new(&self, reader: &str, object: &str, now: Millis) -> bool {
        let mut looks = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= REMEMBERED {
            looks.retain(|_, at| now.saturating_sub(*at) < SAME_MS);
            if looks.len() >= REMEMBERED {
                looks.clear();
            }
        }
        let key = (reader.to_owned(), object.to_owned());
        let known = looks
            .get(&key)
            .is_some_and(|at| now.saturating_sub(*at) < SAME_MS);
        if !known {
            looks.insert(key, now);
        }
        !known
    }

    /// The look came to nothing.
    pub(super) fn forget(&self, reader: &str, object: &str) {
        let mut looks = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        looks.remove(&(reader.to_owned(), object.to_owned()));
    }

    /// Takes a look that is to be told; `false` where too many could not be.
    pub(super) fn owe(&self, entry: AuditEntry) -> bool {
        let mut owed = self.owed();
        let room = owed.entries.len() < OWED;
        if room {
            owed.entries.push_back(entry);
        }
        room
    }

    /// Whether anything is owed.
    pub(super) fn owes(&self) -> bool {
        !self.owed().entries.is_empty()
    }

    /// Writes what is owed, in its order, or leaves it to who does so already. What cannot be written stays owed.
    pub(super) fn pay(&self, write: impl Fn(&AuditEntry) -> StoreResult<()>) {
        let mut owed = self.owed();
        if owed.paying {
            return;
        }
        owed.paying = true;
        drop(owed);
        let mut paying = Paying {
            looks: self,
            done: false,
        };
        while let Some(entry) = self.first() {
            if let Err(error) = write(&entry) {
                tracing::warn!(%error, object = entry.object, "a look could not be told to the audit log yet");
                return;
            }
            self.owed().entries.pop_front();
        }
        paying.done = true;
    }

    /// What is to be written next. Where there is nothing, the next one to owe something writes it.
    fn first(&self) -> Option<AuditEntry> {
        let mut owed = self.owed();
        let first = owed.entries.front().cloned();
        owed.paying = first.is_some();
        first
    }

    fn owed(&self) -> MutexGuard<'_, Owed> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use deskwarden_domain::port::StoreError;

    use super::*;

    #[test]
    fn a_look_is_told_once_for_a_while_and_for_each_reader_and_object() {
        let looks = Looks::default();
        assert!(looks.is_new("wang", "asset:1", 0));
        assert!(!looks.is_new("wang", "asset:1", SAME_MS - 1));
        assert!(looks.is_new("li", "asset:1", 1));
        assert!(looks.is_new("wang", "asset:2", 1));
        assert!(looks.is_new("wang", "asset:1", SAME_MS));
    }

    fn look(object: usize) -> AuditEntry {
        AuditEntry {
            at: 0,
            actor: "wang".into(),
            action: "view".into(),
            object: format!("asset:{object}"),
            detail: String::new(),
        }
    }

    #[test]
    fn looks_that_cannot_be_written_are_owed_and_written_later_in_their_order() {
        let looks = Looks::default();
        let full = |_: &AuditEntry| {
            Err(StoreError::Unavailable {
                context: "full".into(),
                source: "full".into(),
            })
        };
        for object in 1..=3 {
            assert!(looks.owe(look(object)));
            looks.pay(full);
        }
        let written = Mutex::new(Vec::new());
        let write = |entry: &AuditEntry| {
            written.lock().unwrap().push(entry.object.clone());
            Ok(())
        };
        looks.pay(write);
        looks.pay(write);
        assert_eq!(*written.lock().unwrap(), ["asset:1", "asset:2", "asset:3"]);
    }

    #[test]
    fn of_several_who_write_one_does_and_in_the_order_of_the_looks() {
        let looks = Looks::default();
        let written = Mutex::new(Vec::new());
        let write = |entry: &AuditEntry| {
            // The first one is slow: the others would overtake it.
            if entry.object == "asset:0" {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            written.lock().unwrap().push(entry.object.clone());
            Ok(())
        };
        assert!(looks.owe(look(0)));
        std::thread::scope(|scope| {
            scope.spawn(|| looks.pay(write));
            while !looks.owed().paying && !looks.owed().entries.is_empty() {
                std::thread::yield_now();
            }
            for object in 1..=20 {
                assert!(looks.owe(look(object)));
                scope.spawn(|| looks.pay(write));
            }
        });
        let wanted: Vec<String> = (0..=20).map(|object| format!("asset:{object}")).collect();
        assert_eq!(*written.lock().unwrap(), wanted);
        assert!(!looks.owed().paying);
    }

    #[test]
    fn a_write_that_panics_keeps_nobody_from_writing_later() {
        let looks = Looks::default();
        assert!(looks.owe(look(1)));
        let broken = std::panic::AssertUnwindSafe(|| looks.pay(|_| panic!("broken")));
        assert!(std::panic::catch_unwind(broken).is_err());
        looks.pay(|_| Ok(()));
        assert!(looks.owed().entries.is_empty());
    }

    #[test]
    fn there_is_an_end_to_what_may_be_owed() {
        let looks = Looks::default();
        assert!((0..OWED).all(|object| looks.owe(look(object))));
        assert!(!looks.owe(look(OWED)));
        assert!(looks.is_new("wang", "asset:1", 0));
        looks.forget("wang", "asset:1");
        assert!(looks.is_new("wang", "asset:1", 0), "and it is not taken for told");
    }
}
