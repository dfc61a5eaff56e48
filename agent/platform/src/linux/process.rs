//! Source `process/proc`: programs that run, whoever runs them and however often. No arguments, no process
//! ids. A program stays listed for a week after it was last seen. Contents are hashed only where the policy asks.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deskwarden_proto::{
    key,
    v1::{Policy, Process, Section, facet::Kind},
};

use super::{
    Root,
    gather::Gather,
    homes,
    host::monotonic_ms,
    logon::unix_now,
    memory::{DAY_MS, Memory},
    program::{Hashes, Owners, Walk, file_name},
};
use crate::{Fact, Reading, Seen, Source, SourceId, Unavailable};

const KEEP_MS: u64 = 7 * DAY_MS;
/// Nothing that is cheap to listen to tells of a start.
const EVERY: Duration = Duration::from_secs(300);
/// User ids of people, as distributions give them out.
const PEOPLE: std::ops::Range<u32> = 1_000..60_000;

/// The kernel's processes.
pub(super) struct Programs {
    owners: Arc<Owners>,
    walk: Arc<Walk>,
    seen: Memory,
    hashes: Hashes,
    hashing: AtomicBool,
}

impl Programs {
    pub(super) fn new(owners: Arc<Owners>, walk: Arc<Walk>) -> Self {
        Self {
            owners,
            walk,
            seen: Memory::default(),
            hashes: Hashes::default(),
            hashing: AtomicBool::new(false),
        }
    }
}

impl Source for Programs {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Process,
            source: "proc",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let found = match self.walk.anew(root) {
            Ok(found) => found,
            Err(why) => return Reading::unavailable(self.id(), &why),
        };
        let mut gather = Gather::default();
        let bytes = gather.file(root, homes::PASSWD).unwrap_or_default();
        let people: BTreeMap<u32, String> = deskwarden_parse::passwd::parse_homes(&bytes)
            .into_iter()
            .map(|home| (home.uid, home.name))
            .collect();
        // One item per program and person; a copy that is still on the disk goes before a deleted one.
        let mut programs: BTreeMap<(&str, String), (bool, u32)> = BTreeMap::new();
        for process in &found.running {
            let uid = root.owner(&format!("proc/{}", process.pid)).unwrap_or_default();
            let principal = if PEOPLE.contains(&uid) {
                uid.to_string()
            } else {
                String::new()
            };
            let slot = programs
                .entry((process.exe.as_str(), principal))
                .or_insert((true, uid));
            slot.0 &= process.deleted;
        }
        let paths: Vec<&str> = programs.keys().map(|(exe, _)| *exe).collect();
        let packages = self.owners.packages(root, &paths);
        let mut hashes = Vec::new();
        if self.hashing.load(Ordering::Relaxed) {
            let waiting;
            (hashes, waiting) = self.hashes.of(root, &paths);
            if waiting > 0 {
                gather.fault(Unavailable::Unsupported(format!(
                    "{waiting} programs are hashed with the next look, so that no look takes long"
                )));
            }
        }
        let mut hashes = hashes.into_iter();
        let facts = programs
            .iter()
            .zip(packages)
            .map(|(((exe, principal), (deleted, uid)), package)| {
                let process = Process {
                    name: file_name(exe).to_owned(),
                    package,
                    deleted: *deleted,
                    sha256: hashes.next().unwrap_or_default(),
                    ..Process::default()
                };
                let account = people.get(uid).filter(|_| !principal.is_empty());
                Fact::machine(key::process(exe), Kind::Process(process))
                    .at(*exe)
                    .of(principal.clone(), account.cloned().unwrap_or_default())
            })
            .collect();
        gather.facts = self.seen.merge(monotonic_ms(), KEEP_MS, facts);
        if let Some(why) = &found.denied {
            gather.fault(why.clone());
        }
        gather.finish(self.id())
    }

    fn every(&self) -> Option<Duration> {
        Some(EVERY)
    }

    fn instruct(&self, policy: &Policy) {
        self.hashing.store(policy.hash_programs, Ordering::Relaxed);
    }

    fn remembered(&self) -> Vec<Seen> {
        self.seen.remembered(monotonic_ms(), unix_now())
    }

    fn recall(&self, seen: Vec<Seen>) {
        self.seen.recall(monotonic_ms(), unix_now(), seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn many_processes_of_one_program_are_one_item_and_it_outlives_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let source = Programs::new(Arc::default(), Arc::default());
        assert_eq!(source.read(&root).look, Look::Unsupported);
        for pid in [5, 6] {
            let place = folder.path().join(format!("proc/{pid}"));
            fs::create_dir_all(&place).unwrap();
            symlink("/opt/qq/qq", place.join("exe")).unwrap();
        }
        fs::create_dir_all(folder.path().join("proc/7")).unwrap();
        let info = folder.path().join("var/lib/dpkg/info");
        fs::create_dir_all(&info).unwrap();
        fs::write(info.join("linuxqq.list"), "/opt/qq/qq\n").unwrap();
        let reading = source.read(&root);
        assert_eq!((reading.look, reading.facts.len()), (Look::Looked, 1));
        let Some(Kind::Process(process)) = &reading.facts[0].facet.kind else {
            panic!("not a process")
        };
        assert_eq!(
            (
                &*reading.facts[0].key,
                &*process.name,
                &*process.package,
                process.deleted
            ),
            ("/opt/qq/qq", "qq", "linuxqq", false)
        );
        for pid in [5, 6] {
            fs::remove_dir_all(folder.path().join(format!("proc/{pid}"))).unwrap();
        }
        assert_eq!(source.read(&root).facts, reading.facts);
    }

    #[test]
    fn contents_are_hashed_only_when_the_policy_asks() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let place = folder.path().join("proc/5");
        fs::create_dir_all(&place).unwrap();
        fs::create_dir_all(folder.path().join("opt")).unwrap();
        fs::write(folder.path().join("opt/qq"), "abc").unwrap();
        symlink("/opt/qq", place.join("exe")).unwrap();
        let source = Programs::new(Arc::default(), Arc::default());
        let hash = || match &source.read(&root).facts[0].facet.kind {
            Some(Kind::Process(process)) => process.sha256.clone(),
            _ => panic!("not a process"),
        };
        assert_eq!(hash(), "");
        source.instruct(&Policy {
            hash_programs: true,
            ..Policy::default()
        });
        // The published answer for these three letters.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash(), abc);
        source.instruct(&Policy::default());
        assert_eq!(hash(), "");
    }

    #[test]
    fn the_running_system_shows_this_program() {
        let reading = Programs::new(Arc::default(), Arc::default()).read(&Root::host());
        let own = std::env::current_exe().unwrap();
        assert!(
            reading
                .facts
                .iter()
                .any(|fact| own.to_str() == Some(&fact.local.path))
        );
    }
}
