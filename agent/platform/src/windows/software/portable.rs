//! Source `software/running`: programs that run from where people put them rather than an installer, with what they say
//! about themselves, also after they were renamed. Each stays listed for a week after it was last seen.

use std::collections::BTreeMap;

use super::{copied, id};
use crate::{
    Reading, Root, Seen, Source, SourceId, Unavailable,
    windows::{
        executable,
        gather::Gather,
        host::{monotonic_ms, unix_now},
        memory::{DAY_MS, Memory},
        people,
        processes::running,
        root::is_below,
    },
};

const KEEP_MS: u64 = 7 * DAY_MS;

/// Programs that run without having been installed.
#[derive(Default)]
pub(in crate::windows) struct RunningPortable {
    seen: Memory,
    known: executable::Known,
}

impl Source for RunningPortable {
    fn id(&self) -> SourceId {
        id("running")
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
        let installed = copied::installed(root);
        let mut programs: BTreeMap<&str, &str> = BTreeMap::new();
        for (process, path) in &found.programs {
            if installed.iter().any(|folder| is_below(path, folder)) || !gather.there(root, path) {
                continue;
            }
            let sid = found.people.get(process).map_or("", String::as_str);
            programs.entry(path).or_insert(sid);
        }
        let facts = programs
            .into_iter()
            .map(|(path, sid)| {
                let account = people
                    .iter()
                    .find(|person| person.sid == sid)
                    .map(|person| person.account.clone());
                copied::fact(&self.known, root, path, "").of(sid, account.unwrap_or_default())
            })
            .collect();
        gather.facts = self.seen.merge(monotonic_ms(), KEEP_MS, facts);
        if found.denied && !crate::windows::is_privileged() {
            gather.fault(Unavailable::Denied(
                "programs of other users: no right to see them; run the agent as a service".to_owned(),
            ));
        }
        gather.finish(self.id())
    }

    fn remembered(&self) -> Vec<Seen> {
        self.seen.remembered(monotonic_ms(), unix_now())
    }

    fn recall(&self, seen: Vec<Seen>) {
        self.seen.recall(monotonic_ms(), unix_now(), seen);
    }
}
