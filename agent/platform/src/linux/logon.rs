//! Source `logon/wtmp`: who signed in on which day, at the screen or from where. Also reads those logs for
//! what they tell of shutdowns.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use deskwarden_parse::{
    accounts::parse_passwd,
    clock::{Zone, parse_tzif},
    utmp::{self, Kind as Entry, Record, parse_utmp},
};
use deskwarden_proto::{
    key,
    v1::{Logon, LogonKind, Section, facet::Kind},
};

use super::{Root, gather::Gather, homes::PASSWD};
use crate::{Fact, Reading, Source, SourceId, Unavailable, WatchPath, Watched};

const WTMP: [&str; 2] = ["var/log/wtmp.1", "var/log/wtmp"];
const UTMP: [&str; 2] = ["run/utmp", "var/run/utmp"];
const LOCALTIME: &str = "etc/localtime";
/// What newer systems keep instead.
const SUCCESSORS: [&str; 2] = ["var/lib/wtmpdb/wtmp.db", "var/lib/lastlog/lastlog2.db"];
const MAX_LOG: usize = 64 << 20;
/// Days that are reported.
const WINDOW_DAYS: i64 = 31;
/// Most hosts of one user and day.
const MAX_HOSTS: usize = 8;

/// The logs of sign-ins.
pub(super) struct Wtmp;

impl Source for Wtmp {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Logon,
            source: "wtmp",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let Some(records) = logs(root, &mut gather) else {
            return gather.finish_without(self.id(), absent(root));
        };
        let now = unix_now();
        let mut open: Vec<Record> = Vec::new();
        if let Some(bytes) = UTMP.iter().find_map(|path| gather.file(root, path)) {
            // Who is signed in now uses the PC today, whenever the session began.
            open = parse_utmp(&bytes).records;
            open.retain(|record| record.kind == Entry::SignIn);
            open.iter_mut().for_each(|record| record.seconds = now);
        }
        let zone = gather
            .file(root, LOCALTIME)
            .map(|bytes| parse_tzif(&bytes))
            .unwrap_or_default();
        let accounts = gather.file(root, PASSWD).unwrap_or_default();
        let uids: BTreeMap<String, u32> = parse_passwd(&accounts)
            .into_iter()
            .map(|line| (line.name, line.uid))
            .collect();
        let recent = records
            .into_iter()
            .chain(open)
            .filter(|record| record.seconds > now - WINDOW_DAYS * 86_400);
        gather.facts = facts(recent, &zone, &uids);
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        // Only the log itself: the other files follow it.
        vec![WatchPath {
            path: root.display(WTMP[1]),
            what: Watched::File,
        }]
    }
}

/// Records of the logs, oldest first; `None` when there is no log.
pub(super) fn logs(root: &Root, gather: &mut Gather) -> Option<Vec<Record>> {
    let mut any = false;
    let mut records = Vec::new();
    for path in WTMP {
        match root.read_limited(path, MAX_LOG) {
            Ok(Some(bytes)) => {
                any |= path == WTMP[1];
                let log: utmp::Log = parse_utmp(&bytes);
                if log.damaged {
                    let place = root.display(path);
                    gather.fault(Unavailable::Failed(format!(
                        "{}: some records are damaged",
                        place.display()
                    )));
                }
                records.extend(log.records);
            }
            Ok(None) => {}
            Err(why) => gather.fault(why),
        }
    }
    any.then(|| {
        gather.answered();
        records
    })
}

/// Why there is no log.
pub(super) fn absent(root: &Root) -> Unavailable {
    let successor = SUCCESSORS.iter().find(|path| root.exists(path));
    Unavailable::Unsupported(match successor {
        Some(path) => format!(
            "{}: this system logs sign-ins in a database that is not read yet",
            root.display(path).display()
        ),
        None => format!(
            "{}: sign-ins are not logged here",
            root.display(WTMP[1]).display()
        ),
    })
}

/// Unix seconds of the wall clock.
pub(super) fn unix_now() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn facts(records: impl Iterator<Item = Record>, zone: &Zone, uids: &BTreeMap<String, u32>) -> Vec<Fact> {
    let mut days: BTreeMap<(String, String, bool), BTreeSet<String>> = BTreeMap::new();
    for record in records.filter(|record| record.kind == Entry::SignIn) {
        let remote = record.is_remote();
        let hosts = days
            .entry((record.user, zone.day(record.seconds), remote))
            .or_default();
        if remote && hosts.len() < MAX_HOSTS {
            hosts.insert(record.host);
        }
    }
    days.into_iter()
        .map(|((user, day, remote), hosts)| {
            let principal = uids.get(&user).map(ToString::to_string).unwrap_or_default();
            let key = key::logon(&user, &day, remote);
            let logon = Logon {
                user: user.clone(),
                day,
                kind: if remote {
                    LogonKind::Remote
                } else {
                    LogonKind::Console
                }
                .into(),
                from: hosts.into_iter().collect::<Vec<_>>().join(", "),
            };
            Fact::machine(key, Kind::Logon(logon)).of(principal, user)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::fs;

    pub(in crate::linux) fn entry(kind: i16, user: &str, line: &str, host: &str, seconds: i64) -> Vec<u8> {
        let mut raw = vec![0u8; 384];
        raw[..2].copy_from_slice(&kind.to_ne_bytes());
        raw[8..8 + line.len()].copy_from_slice(line.as_bytes());
        raw[44..44 + user.len()].copy_from_slice(user.as_bytes());
        raw[76..76 + host.len()].copy_from_slice(host.as_bytes());
        raw[340..344].copy_from_slice(&u32::try_from(seconds).unwrap().to_ne_bytes());
        raw
    }

    #[test]
    fn a_user_and_a_day_are_one_item_per_way_in() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(Wtmp.read(&root).look, Look::Unsupported);
        fs::create_dir_all(folder.path().join("var/log")).unwrap();
        fs::create_dir_all(folder.path().join("etc")).unwrap();
        fs::write(
            folder.path().join("etc/passwd"),
            "wang:x:1000:1000::/home/wang:/bin/sh\n",
        )
        .unwrap();
        let now = unix_now();
        let log = [
            entry(7, "wang", "tty2", ":0", now - 40 * 86_400),
            entry(7, "wang", "tty2", ":0", now - 60),
            entry(7, "wang", "pts/0", ":0", now - 60),
            entry(7, "wang", "pts/1", "192.0.2.7", now - 60),
            entry(8, "", "pts/1", "", now),
        ];
        fs::write(folder.path().join(WTMP[1]), log.concat()).unwrap();
        let reading = Wtmp.read(&root);
        let day = Zone::default().day(now - 60);
        let keys: Vec<_> = reading
            .facts
            .iter()
            .map(|f| (f.key.clone(), f.principal.as_str()))
            .collect();
        assert_eq!(
            keys,
            [
                (format!("wang:{day}:console"), "1000"),
                (format!("wang:{day}:remote"), "1000")
            ]
        );
        let Some(Kind::Logon(remote)) = &reading.facts[1].facet.kind else {
            panic!("not a sign-in")
        };
        assert_eq!(remote.from, "192.0.2.7");
        fs::write(folder.path().join(WTMP[1]), [&log[1][..], b"rest"].concat()).unwrap();
        assert_eq!(Wtmp.read(&root).look, Look::Partial);
    }

    #[test]
    fn a_database_that_is_not_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("var/lib/wtmpdb")).unwrap();
        fs::write(folder.path().join(SUCCESSORS[0]), "").unwrap();
        let reading = Wtmp.read(&Root::at(folder.path()));
        assert_eq!(reading.look, Look::Unsupported);
        assert!(reading.reason.contains("wtmp.db"), "{}", reading.reason);
    }
}
