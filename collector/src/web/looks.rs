//! Who looked at whose PC: told to the audit log once per reader, object and quarter of an hour, so that a page that
//! renews itself fills no log.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use deskwarden_domain::model::Millis;

/// A look within this time of another one is the same.
const SAME_MS: Millis = 15 * 60_000;
/// Looks that are remembered; when there are more, all are forgotten and told again.
const REMEMBERED: usize = 20_000;

/// The looks of late.
#[derive(Default)]
pub(super) struct Looks(Mutex<HashMap<(String, String), Millis>>);

impl Looks {
    /// Whether this look is one to tell.
    pub(super) fn is_new(&self, reader: &str, object: &str, now: Millis) -> bool {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
}

#[cfg(test)]
mod tests {
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
}
