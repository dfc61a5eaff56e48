//! The vocabulary between a source of facts and whoever schedules it. Holds no source and reads nothing.

use std::{path::PathBuf, time::Duration};

use deskwarden_proto::v1::{Facet, Local, Look, Policy, Section, facet};

use crate::Root;

/// Why something could not be looked at. The text is for a person: what, where, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The right to read is missing.
    #[error("{0}")]
    Denied(String),
    /// This machine or this root has no such thing.
    #[error("{0}")]
    Unsupported(String),
    /// It is there and could not be read.
    #[error("{0}")]
    Failed(String),
}

impl Unavailable {
    /// The state that is reported for it.
    pub fn look(&self) -> Look {
        match self {
            Self::Denied(_) => Look::Denied,
            Self::Unsupported(_) => Look::Unsupported,
            Self::Failed(_) => Look::Failed,
        }
    }
}

/// One fact: what an item is made of, but for the section and source that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Built by the functions of the contract's key module.
    pub key: String,
    /// Uid or SID that the fact belongs to; empty for the machine.
    pub principal: String,
    /// What is equal on every PC that has the same thing.
    pub facet: Facet,
    /// What differs per PC.
    pub local: Local,
}

impl Fact {
    /// A fact of the machine itself, with nothing local.
    pub fn machine(key: String, kind: facet::Kind) -> Self {
        Self {
            key,
            principal: String::new(),
            facet: Facet { kind: Some(kind) },
            local: Local::default(),
        }
    }

    /// The same fact, found at that path.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.local.path = path.into();
        self
    }

    /// The same fact as that of a person: uid or SID, and the account's name.
    #[must_use]
    pub fn of(mut self, principal: impl Into<String>, account: impl Into<String>) -> Self {
        self.principal = principal.into();
        self.local.account = account.into();
        self
    }
}

/// A source by section and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId {
    /// Kind of its facts.
    pub section: Section,
    /// Name, unique inside the section.
    pub source: &'static str,
}

/// What one look at a source gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Kind of the facts.
    pub section: Section,
    /// Name of the source.
    pub source: &'static str,
    /// Whether it was looked at; facts come with `Looked` and `Partial` only.
    pub look: Look,
    /// For a person: what could not be read and why. Empty when looked.
    pub reason: String,
    /// Sorted by key and principal, each pair once.
    pub facts: Vec<Fact>,
}

impl Reading {
    /// A complete look, or a partial one when there are faults.
    /// Where a key comes twice, the later fact stands: in configuration, the last word counts.
    pub fn looked(id: SourceId, mut facts: Vec<Fact>, faults: &[String]) -> Self {
        facts.reverse();
        facts.sort_by(|a, b| (&a.key, &a.principal).cmp(&(&b.key, &b.principal)));
        facts.dedup_by(|later, earlier| later.key == earlier.key && later.principal == earlier.principal);
        let look = if faults.is_empty() {
            Look::Looked
        } else {
            Look::Partial
        };
        Self {
            section: id.section,
            source: id.source,
            look,
            reason: faults.join("; "),
            facts,
        }
    }

    /// No look at all.
    pub fn unavailable(id: SourceId, why: &Unavailable) -> Self {
        Self {
            section: id.section,
            source: id.source,
            look: why.look(),
            reason: why.to_string(),
            facts: Vec::new(),
        }
    }
}

/// Something on disk whose change means that a source must be read again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchPath {
    /// Absolute, below the root's own path; it need not exist yet.
    pub path: PathBuf,
    /// What is meant by it.
    pub what: Watched,
}

/// What a watched path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watched {
    /// One file. Writers replace files by renaming: watch the folder and filter by name.
    File,
    /// A folder: any entry directly in it.
    Folder,
}

/// What the kernel told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KernelEvent {
    /// An interface came, went or changed.
    Link,
    /// An address came, went or changed.
    Address,
    /// A route came, went or changed.
    Route,
    /// A neighbour got a hardware address that it did not have.
    Neighbour,
    /// A disk, adapter, monitor or USB device came, went or changed.
    Device,
    /// The lists of installed titles changed (Windows: the registry; elsewhere files are watched).
    Titles,
    /// Settings of proxies changed there.
    Proxies,
    /// Settings that protect the PC changed there.
    Protection,
    /// The list of shared folders changed there.
    Shares,
}

/// A fact that a source goes on telling for a while after it can be seen no more.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The fact.
    pub fact: Fact,
    /// When it was last seen, in Unix seconds.
    pub at_s: i64,
}

/// A place where facts of one section are read.
pub trait Source: Send + Sync {
    /// Section and name.
    fn id(&self) -> SourceId;
    /// Looks. Never fails: what goes wrong is in the reading.
    fn read(&self, root: &Root) -> Reading;
    /// Files and folders whose change means to read again.
    fn watches(&self, _root: &Root) -> Vec<WatchPath> {
        Vec::new()
    }
    /// Stamp of the inputs: an equal one means that nothing needs reading. `None`: always read.
    fn stamp(&self, _root: &Root) -> Option<u64> {
        None
    }
    /// Kernel events that mean to read again.
    fn events(&self) -> &'static [KernelEvent] {
        &[]
    }
    /// How often to look because nothing tells of a change; `None`: with the full scans only.
    fn every(&self) -> Option<Duration> {
        None
    }
    /// What the collector wants, before the first look and whenever it changes. Ignored by sources that it does
    /// not concern.
    fn instruct(&self, _policy: &Policy) {}
    /// What the source would not see again after a restart.
    fn remembered(&self) -> Vec<Seen> {
        Vec::new()
    }
    /// What it remembered before the agent was restarted, given before the first look.
    fn recall(&self, _seen: Vec<Seen>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_a_key_counts_and_faults_make_it_partial() {
        let fact = |key: &str, path: &str| Fact {
            key: key.to_owned(),
            principal: String::new(),
            facet: Facet::default(),
            local: Local {
                path: path.to_owned(),
                ..Local::default()
            },
        };
        let id = SourceId {
            section: Section::Proxy,
            source: "test",
        };
        let facts = vec![fact("b", "1"), fact("a", "2"), fact("b", "3")];
        let reading = Reading::looked(id, facts, &["one file is damaged".to_owned()]);
        let found: Vec<_> = reading
            .facts
            .iter()
            .map(|f| (f.key.as_str(), f.local.path.as_str()))
            .collect();
        assert_eq!(found, [("a", "2"), ("b", "3")]);
        assert_eq!(
            (reading.look, reading.reason.as_str()),
            (Look::Partial, "one file is damaged")
        );
    }

    #[test]
    fn a_source_that_was_not_looked_at_has_no_facts_and_a_reason() {
        let id = SourceId {
            section: Section::Part,
            source: "test",
        };
        for (why, look) in [
            (Unavailable::Denied("x".to_owned()), Look::Denied),
            (Unavailable::Unsupported("x".to_owned()), Look::Unsupported),
            (Unavailable::Failed("x".to_owned()), Look::Failed),
        ] {
            let reading = Reading::unavailable(id, &why);
            assert_eq!(
                (reading.look, reading.reason.as_str(), reading.facts.len()),
                (look, "x", 0)
            );
        }
    }
}
