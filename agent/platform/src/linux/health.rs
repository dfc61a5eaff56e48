//! Sources `health/space` (how full disks are), `health/shutdowns` (whether the PC goes down in order) and
//! `health/smart` (what disks think of themselves). Bands, never numbers.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use deskwarden_parse::{smart::Condition, utmp::Kind as Entry};
use deskwarden_proto::v1::Section;

use rustix::io::Errno;

use super::{
    Root,
    gather::Gather,
    logon, part,
    raw_disk::{self, Answer},
    room,
};
use crate::{
    Reading, Source, SourceId, Unavailable,
    condition::{forecast, shutdowns, space},
};

/// Nothing tells that a disk fills.
const EVERY: Duration = Duration::from_secs(600);
/// Days over which shutdowns are counted.
const WINDOW_DAYS: i64 = 30;

/// Mounted file systems.
pub(super) struct Space;

impl Source for Space {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Health,
            source: "space",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.is_host() {
            let why = "another root has no mounted file systems of its own".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        let Some(rooms) = room::rooms(root, &mut gather) else {
            let why = format!("{}: not there", root.display(room::MOUNTS).display());
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        };
        let facts = rooms
            .iter()
            .map(|room| space(&room.place, room.used, room.usable));
        gather.facts.extend(facts);
        gather.finish(self.id())
    }

    fn every(&self) -> Option<Duration> {
        Some(EVERY)
    }
}

/// Sign-in logs, for what they tell of boots.
pub(super) struct Shutdowns;

impl Source for Shutdowns {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Health,
            source: "shutdowns",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let Some(records) = logon::logs(root, &mut gather) else {
            return gather.finish_without(self.id(), logon::absent(root));
        };
        let begin = logon::unix_now() - WINDOW_DAYS * 86_400;
        let mut running = false;
        let mut dirty = 0usize;
        for record in &records {
            match record.kind {
                Entry::Boot => {
                    if running && record.seconds > begin {
                        dirty += 1;
                    }
                    running = true;
                }
                Entry::Shutdown => running = false,
                _ => {}
            }
        }
        gather.facts.push(shutdowns(dirty));
        gather.finish(self.id())
    }
}

/// Disks' own forecasts.
#[derive(Default)]
pub(super) struct Smart {
    /// What a disk said before it went to sleep, by the kernel's name of it.
    awake: Mutex<BTreeMap<String, Condition>>,
}

impl Source for Smart {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Health,
            source: "smart",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.is_host() {
            let why = "another root has no disks of its own to ask".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        // That the kernel lists its disks answers nothing of what is asked here.
        let disks = part::attached(root, &mut Gather::default());
        let disks: Vec<_> = disks
            .iter()
            .filter(|(name, _)| ["nvme", "sd", "hd"].iter().any(|kind| name.starts_with(kind)))
            .collect();
        if disks.is_empty() {
            gather.answered();
        }
        let mut awake = self.awake.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, fact) in disks {
            match raw_disk::ask(name) {
                Ok(Answer::Condition(condition)) => {
                    awake.insert(name.clone(), condition);
                }
                Ok(Answer::Sleeps) => {}
                Ok(Answer::None) => {
                    awake.remove(name);
                }
                Err(Errno::ACCESS | Errno::PERM) => {
                    gather.fault(Unavailable::Denied(format!(
                        "/dev/{name}: no right to ask the disk how it is; that takes root and the capabilities \
                         CAP_SYS_RAWIO and CAP_SYS_ADMIN"
                    )));
                }
                // The hardened service sees no devices.
                Err(Errno::NOENT | Errno::NXIO) => {
                    gather.fault(Unavailable::Denied(format!(
                        "/dev/{name}: not visible to the agent (PrivateDevices=), so the disk is not asked how it is"
                    )));
                }
                // A disk, or what it is behind, that knows no such question.
                Err(Errno::NOTTY | Errno::INVAL | Errno::NOTSUP) => {}
                Err(errno) => {
                    let error = std::io::Error::from(errno);
                    gather.fault(Unavailable::Failed(format!("/dev/{name}: {error}")));
                }
            }
            if let Some(condition) = awake.get(name) {
                gather.facts.push(forecast(&fact.key, *condition));
                gather.answered();
            }
        }
        gather.finish(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use deskwarden_proto::{
        key,
        v1::{Band, Look, facet::Kind},
    };
    use std::fs;

    fn band(fact: &Fact) -> Band {
        match &fact.facet.kind {
            Some(Kind::Health(health)) => health.band(),
            _ => panic!("not health"),
        }
    }

    #[test]
    fn fullness_is_a_band() {
        let bands = [(0, 0), (85, 100), (86, 100), (95, 100), (96, 100)]
            .map(|(used, of)| band(&space("/", used, of)));
        assert_eq!(
            bands,
            [Band::Ok, Band::Ok, Band::Warning, Band::Warning, Band::Critical]
        );
    }

    #[test]
    fn a_forecast_is_a_band_of_one_disk() {
        let all =
            [Condition::Good, Condition::Worn, Condition::Failing].map(|one| forecast("disk:wwn:1", one));
        assert_eq!(
            all.each_ref().map(band),
            [Band::Ok, Band::Warning, Band::Critical]
        );
        assert!(
            all.iter()
                .all(|fact| fact.key == key::named(&["disk_failing", "disk:wwn:1"]))
        );
    }

    #[test]
    fn disks_of_this_machine_are_asked_or_the_reason_is_told() {
        let reading = Smart::default().read(&Root::host());
        let silent = reading.facts.is_empty() && reading.reason.is_empty();
        assert!(!silent || reading.look == Look::Looked, "{reading:?}");
        let elsewhere = tempfile::tempdir().unwrap();
        assert_eq!(
            Smart::default().read(&Root::at(elsewhere.path())).look,
            Look::Unsupported
        );
    }

    #[test]
    fn the_running_system_has_a_file_system() {
        let reading = Space.read(&Root::host());
        assert_ne!(reading.look, Look::Unsupported);
        let elsewhere = tempfile::tempdir().unwrap();
        assert_eq!(Space.read(&Root::at(elsewhere.path())).look, Look::Unsupported);
    }

    #[test]
    fn a_boot_without_a_shutdown_before_it_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(Shutdowns.read(&root).look, Look::Unsupported);
        fs::create_dir_all(folder.path().join("var/log")).unwrap();
        let now = logon::unix_now();
        let entry = |kind: i16, user: &str, at: i64| {
            let mut raw = vec![0u8; 384];
            raw[..2].copy_from_slice(&kind.to_ne_bytes());
            raw[44..44 + user.len()].copy_from_slice(user.as_bytes());
            raw[340..344].copy_from_slice(&u32::try_from(at).unwrap().to_ne_bytes());
            raw
        };
        let boot = |at| entry(2, "reboot", at);
        let down = |at| entry(1, "shutdown", at);
        let rows = [
            (vec![boot(now - 90), down(now - 80), boot(now - 70)], Band::Ok),
            (vec![boot(now - 90), boot(now - 70)], Band::Warning),
            (
                vec![boot(now - 90), boot(now - 80), boot(now - 70), boot(now - 60)],
                Band::Critical,
            ),
            (vec![boot(now - 50 * 86_400), boot(now - 40 * 86_400)], Band::Ok),
        ];
        for (log, expected) in rows {
            fs::write(folder.path().join("var/log/wtmp"), log.concat()).unwrap();
            assert_eq!(band(&Shutdowns.read(&root).facts[0]), expected);
        }
    }
}
