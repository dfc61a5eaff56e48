//! Source `health/crashes`: programs that crashed lately, by the names of the files that the system kept of them.
//! The files are not read: they hold what the program had in memory.

use std::collections::BTreeMap;

use deskwarden_parse::crash_names::{Crash, parse_coredump_name, parse_crash_name};
use deskwarden_proto::v1::Section;

use super::{Root, gather::Gather, logon::unix_now};
use crate::{
    Fact, Reading, Source, SourceId, Unavailable, WatchPath, Watched,
    condition::{CRASHES_S, crash},
};

const COREDUMPS: &str = "var/lib/systemd/coredump";
const REPORTS: &str = "var/crash";

/// From a file's name to the crash that it was kept of.
type Parse = fn(&str) -> Option<Crash>;

/// What systemd and the distributions keep.
pub(super) struct Crashes;

impl Source for Crashes {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Health,
            source: "crashes",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if ![COREDUMPS, REPORTS].iter().any(|folder| root.exists(folder)) {
            let why = format!("{}: no crashes are kept here", root.display(COREDUMPS).display());
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        let begin = unix_now() - CRASHES_S;
        let mut crashes: BTreeMap<(String, u32), usize> = BTreeMap::new();
        let places: [(&str, Parse); 2] = [(COREDUMPS, parse_coredump_name), (REPORTS, parse_crash_name)];
        for (folder, parse) in places {
            for path in gather.folder(root, folder, "") {
                let name = path.rsplit('/').next().unwrap_or_default();
                let Some(crash) = parse(name) else { continue };
                let at = crash.seconds.or_else(|| root.modified(&path)).unwrap_or_default();
                if at > begin {
                    *crashes.entry((crash.program, crash.uid)).or_default() += 1;
                }
            }
        }
        gather.facts = crashes
            .into_iter()
            .map(|((program, uid), count)| fact(&program, uid, count))
            .collect();
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        [COREDUMPS, REPORTS]
            .map(|folder| WatchPath {
                path: root.display(folder),
                what: Watched::Folder,
            })
            .to_vec()
    }
}

fn fact(program: &str, uid: u32, count: usize) -> Fact {
    // What the system itself runs belongs to nobody.
    let principal = if uid >= 1_000 {
        uid.to_string()
    } else {
        String::new()
    };
    crash(program, count).of(principal, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::{Band, Look, facet::Kind};
    use std::fs;

    #[test]
    fn crashes_are_counted_by_program_and_old_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(Crashes.read(&root).look, Look::Unsupported);
        let (cores, reports) = (folder.path().join(COREDUMPS), folder.path().join(REPORTS));
        fs::create_dir_all(&cores).unwrap();
        fs::create_dir_all(&reports).unwrap();
        let boot = "0123456789abcdef0123456789abcdef";
        let now = unix_now();
        let core = |name: &str, uid: u32, pid: u32, at: i64| {
            fs::write(
                cores.join(format!("core.{name}.{uid}.{boot}.{pid}.{at}000000.zst")),
                "",
            )
            .unwrap();
        };
        (0..5).for_each(|pid| core("wechat", 1000, pid, now - 60));
        core("cupsd", 0, 9, now - 60);
        core("old", 1000, 10, now - 40 * 86_400);
        fs::write(reports.join("_usr_bin_gedit.1000.crash"), "").unwrap();
        let reading = Crashes.read(&root);
        assert_eq!(reading.look, Look::Looked, "{}", reading.reason);
        let seen: Vec<_> = reading
            .facts
            .iter()
            .map(|fact| match &fact.facet.kind {
                Some(Kind::Health(health)) => (&*fact.key, &*fact.principal, health.band()),
                _ => panic!("not health"),
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("crash:cupsd", "", Band::Warning),
                ("crash:gedit", "1000", Band::Warning),
                ("crash:wechat", "1000", Band::Critical),
            ]
        );
    }
}
