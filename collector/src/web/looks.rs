//! Who looked at whose PC: told to the audit log once per reader, object and quarter of an hour, so that a page that
//! renews itself fills no log. What cannot be written is owed and written with the next look: pages are read also while
//! the disk is full.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
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
    owed: Mutex<Vec<AuditEntry>>,
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
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let room = owed.len() < OWED;
        if room {
            owed.push(entry);
        }
        room
    }

    /// Writes what is owed, in its order. What cannot be written stays owed.
    pub(super) fn pay(&self, write: impl Fn(&AuditEntry) -> StoreResult<()>) {
        let entries = std::mem::take(&mut *self.owed.lock().unwrap_or_else(PoisonError::into_inner));
        let mut rest = entries.into_iter();
        while let Some(entry) = rest.next() {
            if let Err(error) = write(&entry) {
                tracing::warn!(%error, actor = entry.actor, object = entry.object, "a look could not be told to the audit log yet");
                let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
                let later = std::mem::take(&mut *owed);
                owed.push(entry);
                owed.extend(rest);
                owed.extend(later);
                return;
            }
        }
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
    fn there_is_an_end_to_what_may_be_owed() {
        let looks = Looks::default();
        assert!((0..OWED).all(|object| looks.owe(look(object))));
        assert!(!looks.owe(look(OWED)));
        assert!(looks.is_new("wang", "asset:1", 0));
        looks.forget("wang", "asset:1");
        assert!(looks.is_new("wang", "asset:1", 0), "and it is not taken for told");
    }
}
