//! Source `process/running`: programs that run, whoever runs them and however often. No arguments, no process ids. A
//! program stays listed for a week after it was last seen.

use std::{collections::BTreeSet, time::Duration};

use deskwarden_proto::{
    key,
    v1::{Process, Section, facet::Kind},
};

use super::{
    Root, executable,
    gather::Gather,
    host::{monotonic_ms, unix_now},
    memory::{DAY_MS, Memory},
    people,
    processes::running,
    root::file_name,
};
use crate::{Fact, Reading, Seen, Source, SourceId, Unavailable};

const KEEP_MS: u64 = 7 * DAY_MS;
/// Nothing that is cheap to listen to tells of a start.
const EVERY: Duration = Duration::from_secs(300);

/// The system's processes.
#[derive(Default)]
pub(super) struct Programs {
    seen: Memory,
    known: executable::Known,
}

impl Source for Programs {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Process,
            source: "running",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.is_host() {
            let why = "nothing runs below another root".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        let found = match running() {
            Ok(found) => found,
            Err(why) => return Reading::unavailable(self.id(), &why),
        };
        gather.answered();
        let people = people::people(root, &mut gather);
        let programs: BTreeSet<(&str, &str)> = found
            .programs
            .iter()
            .map(|(process, path)| {
                (
                    path.as_str(),
                    found.people.get(process).map_or("", String::as_str),
                )
            })
            .collect();
        let facts = programs
            .into_iter()
            .map(|(path, sid)| {
                let version = self.known.version(root, path);
                let process = Process {
                    name: file_name(path).to_owned(),
                    original_name: version.original_name,
                    publisher: version.company,
                    version: version.version,
                    deleted: !root.exists(path),
                    ..Process::default()
                };
                let account = people
                    .iter()
                    .find(|person| person.sid == sid)
                    .map(|person| person.account.clone());
                Fact::machine(key::process(path), Kind::Process(process))
                    .at(path)
                    .of(sid, account.unwrap_or_default())
            })
            .collect();
        gather.facts = self.seen.merge(monotonic_ms(), KEEP_MS, facts);
        if found.denied && !super::is_privileged() {
            gather.fault(Unavailable::Denied(
                "programs of other users: no right to see them; run the agent as a service".to_owned(),
            ));
        }
        gather.finish(self.id())
    }

    fn every(&self) -> Option<Duration> {
        Some(EVERY)
    }

    fn remembered(&self) -> Vec<Seen> {
        self.seen.remembered(monotonic_ms(), unix_now())
    }

    fn recall(&self, seen: Vec<Seen>) {
        self.seen.recall(monotonic_ms(), unix_now(), seen);
    }
}
