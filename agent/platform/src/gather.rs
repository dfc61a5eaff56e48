//! Collects what a source of several files gave, and what stood in the way. Decides between looked,
//! partial and unavailable; knows no file format.

use crate::{Fact, Reading, Root, SourceId, Unavailable};

/// Largest configuration file that is read.
pub(crate) const MAX_FILE: usize = 1 << 20;
/// Most entries of a configuration folder.
pub(crate) const MAX_ENTRIES: usize = 10_000;
/// Most faults that a reason names.
const MAX_FAULTS: usize = 5;

/// One look in the making.
#[derive(Default)]
pub(crate) struct Gather {
    /// Facts so far.
    pub(crate) facts: Vec<Fact>,
    faults: Vec<Unavailable>,
    answered: bool,
}

impl Gather {
    /// A file's content; `None` when there is none, or a fault was noted.
    pub(crate) fn file(&mut self, root: &Root, path: &str) -> Option<Vec<u8>> {
        let result = root.read_limited(path, MAX_FILE);
        self.answer(result)
    }

    /// Paths of the regular entries of a folder whose names end so, in the order of their names.
    pub(crate) fn folder(&mut self, root: &Root, path: &str, ending: &str) -> Vec<String> {
        let result = root.list(path, MAX_ENTRIES);
        let names = self.answer(result).unwrap_or_default();
        let mut found = Vec::new();
        for name in names {
            match name.into_string() {
                Ok(name) if !name.starts_with('.') && name.ends_with(ending) => {
                    found.push(format!("{path}/{name}"));
                }
                Ok(_) => {}
                // A shell would read it all the same, so it must not go unnoticed.
                Err(name) => {
                    let place = root.display(path).join(name);
                    let place = place.display();
                    self.fault(Unavailable::Failed(format!(
                        "{place}: the name is not UTF-8, not read"
                    )));
                }
            }
        }
        found
    }

    /// Whether something is there. Where that may not be asked it is no, and the missing right is noted.
    pub(crate) fn there(&mut self, root: &Root, path: &str) -> bool {
        match root.probe(path) {
            Ok(there) => there,
            Err(why) => {
                self.fault(why);
                false
            }
        }
    }

    /// An input that this does not read itself gave an answer.
    pub(crate) fn answered(&mut self) {
        self.answered = true;
    }

    /// Notes a fault; what it hides is missing from the facts.
    pub(crate) fn fault(&mut self, why: Unavailable) {
        if !self.faults.contains(&why) {
            self.faults.push(why);
        }
    }

    /// The reading: unavailable when every input failed.
    pub(crate) fn finish(self, id: SourceId) -> Reading {
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
    pub(crate) fn finish_without(self, id: SourceId, absent: Unavailable) -> Reading {
        Reading::unavailable(id, self.faults.first().unwrap_or(&absent))
    }

    /// The reading of a source whose inputs are all absent, so that there is nothing; a fault goes first.
    pub(crate) fn finish_empty(mut self, id: SourceId) -> Reading {
        self.answered = self.faults.is_empty();
        self.finish(id)
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

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::{Look, Section};
    use std::fs;

    const ID: SourceId = SourceId {
        section: Section::Proxy,
        source: "test",
    };

    #[test]
    fn a_folder_gives_what_ends_so_and_is_not_hidden() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.sh", "a.sh", ".hidden.sh", "c.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let mut gather = Gather::default();
        let found = gather.folder(&Root::at(folder.path()), "", ".sh");
        assert_eq!(found, ["/a.sh", "/b.sh"]);
        assert_eq!(gather.finish(ID).look, Look::Looked);
    }

    /// Where names of files are bytes.
    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_text_is_told_rather_than_passed_over() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
        let folder = tempfile::tempdir().unwrap();
        for name in [&b"a.sh"[..], b"b\xff.sh"] {
            fs::write(folder.path().join(OsStr::from_bytes(name)), "").unwrap();
        }
        let mut gather = Gather::default();
        assert_eq!(gather.folder(&Root::at(folder.path()), "", ".sh"), ["/a.sh"]);
        let reading = gather.finish(ID);
        assert_eq!(reading.look, Look::Partial);
        assert!(reading.reason.contains("not UTF-8"), "{}", reading.reason);
    }

    #[test]
    fn when_nothing_could_be_read_the_first_fault_is_the_answer() {
        let mut gather = Gather::default();
        gather.fault(Unavailable::Denied("no right".to_owned()));
        gather.fault(Unavailable::Failed("damaged".to_owned()));
        let reading = gather.finish(ID);
        assert_eq!(
            (reading.look, reading.reason.as_str()),
            (Look::Denied, "no right")
        );
    }

    #[test]
    fn an_absent_file_is_a_full_answer() {
        let folder = tempfile::tempdir().unwrap();
        let mut gather = Gather::default();
        assert_eq!(gather.file(&Root::at(folder.path()), "etc/none"), None);
        assert_eq!(gather.finish(ID).look, Look::Looked);
    }
}
