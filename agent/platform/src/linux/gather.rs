//! Collects what a source of several files gave, and what stood in the way. Decides between looked,
//! partial and unavailable; knows no file format.

use crate::{Fact, Reading, Root, SourceId, Unavailable};

/// Largest configuration file that is read.
pub(super) const MAX_FILE: usize = 1 << 20;
/// Most entries of a configuration folder.
pub(super) const MAX_ENTRIES: usize = 10_000;
/// Most faults that a reason names.
const MAX_FAULTS: usize = 5;

/// One look in the making.
#[derive(Default)]
pub(super) struct Gather {
    /// Facts so far.
    pub(super) facts: Vec<Fact>,
    faults: Vec<Unavailable>,
    answered: bool,
}

impl Gather {
    /// A file's content; `None` when there is none, or a fault was noted.
    pub(super) fn file(&mut self, root: &Root, path: &str) -> Option<Vec<u8>> {
        let result = root.read_limited(path, MAX_FILE);
        self.answer(result)
    }

    /// Paths of the regular entries of a folder whose names end so, in the order of their names.
    pub(super) fn folder(&mut self, root: &Root, path: &str, ending: &str) -> Vec<String> {
        let result = root.list(path, MAX_ENTRIES);
        let names = self.answer(result).unwrap_or_default();
        names
            .into_iter()
            .filter_map(|name| name.into_string().ok())
            .filter(|name| !name.starts_with('.') && name.ends_with(ending))
            .map(|name| format!("{path}/{name}"))
            .collect()
    }

    /// Notes a fault; what it hides is missing from the facts.
    pub(super) fn fault(&mut self, why: Unavailable) {
        if !self.faults.contains(&why) {
            self.faults.push(why);
        }
    }

    /// The reading: unavailable when every input failed.
    pub(super) fn finish(self, id: SourceId) -> Reading {
        if let (Some(why), false) = (self.faults.first(), self.answered) {
            return Reading::unavailable(id, why);
        }
        let mut reasons: Vec<String> = self
            .faults
            .iter()
            .take(MAX_FAULTS)
            .map(ToString::to_string)
            .collect();
        if self.faults.len() > MAX_FAULTS {
            reasons.push(format!("and {} more", self.faults.len() - MAX_FAULTS));
        }
        Reading::looked(id, self.facts, &reasons)
    }

    /// The reading of a source whose only input is absent, or could not be read: the fault goes first.
    pub(super) fn finish_without(self, id: SourceId, absent: Unavailable) -> Reading {
        Reading::unavailable(id, self.faults.first().unwrap_or(&absent))
    }

    fn answer<T>(&mut self, result: Result<Option<T>, Unavailable>) -> Option<T> {
        match result {
            Ok(found) => {
                self.answered = true;
                found
            }
            Err(why) => {
                self.fault(why);
                None
            }
        }
    }
}
