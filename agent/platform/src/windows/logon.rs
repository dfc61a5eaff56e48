//! Source `logon/profiles`: who used this PC and on which day, by when each person's profile was loaded. Whether from the
//! screen or from elsewhere is not told there.

use deskwarden_parse::clock::civil_day;
use deskwarden_proto::{
    key,
    v1::{Logon, LogonKind, Section, facet::Kind},
};

use super::{
    Root,
    gather::Gather,
    host::{monotonic_ms, unix_now, zone_seconds},
    memory::{DAY_MS, Memory},
    people,
};
use crate::{Fact, KernelEvent, Reading, Seen, Source, SourceId};

const KEEP_MS: u64 = 60 * DAY_MS;
/// Days that are looked back.
const WINDOW_S: i64 = 60 * 86_400;

/// Profiles and when they were loaded.
#[derive(Default)]
pub(super) struct Profiles {
    seen: Memory,
}

impl Source for Profiles {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Logon,
            source: "profiles",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let people = people::people(root, &mut gather);
        let signed_in = if root.is_host() {
            people::signed_in()
        } else {
            Vec::new()
        };
        let now = unix_now();
        let mut facts = Vec::new();
        for person in people {
            let open = signed_in.iter().any(|sid| sid.eq_ignore_ascii_case(&person.sid));
            let times = [person.used.filter(|at| *at > now - WINDOW_S), open.then_some(now)];
            for at in times.into_iter().flatten() {
                let day = civil_day((at + zone_seconds()).div_euclid(86_400));
                let logon = Logon {
                    user: person.account.clone(),
                    day: day.clone(),
                    kind: LogonKind::Unspecified.into(),
                    from: String::new(),
                };
                let key = key::logon(&person.account, &day, false);
                facts.push(Fact::machine(key, Kind::Logon(logon)).of(person.sid.clone(), &person.account));
            }
        }
        gather.facts = self.seen.merge(monotonic_ms(), KEEP_MS, facts);
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        // Who signs in brings a registry of its own.
        &[KernelEvent::Titles]
    }

    fn remembered(&self) -> Vec<Seen> {
        self.seen.remembered(monotonic_ms(), unix_now())
    }

    fn recall(&self, seen: Vec<Seen>) {
        self.seen.recall(monotonic_ms(), unix_now(), seen);
    }
}
