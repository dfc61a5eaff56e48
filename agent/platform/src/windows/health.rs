//! Sources `health/space`, `health/shutdowns` and `health/smart`: drives that fill up, whether the PC goes down in order,
//! and disks that expect to fail.

use std::time::Duration;

use deskwarden_proto::v1::{Band, Section};
use windows_sys::Win32::System::Ioctl::IOCTL_STORAGE_PREDICT_FAILURE;

use super::{Root, event_count, gather::Gather, part, room};
use crate::{
    Reading, Source, SourceId, Unavailable,
    condition::{health, shutdowns, space},
};

/// Nothing tells that a disk fills.
const EVERY: Duration = Duration::from_secs(600);
/// Numbers that are tried.
const MAX_DISKS: u32 = 64;
/// Where Windows notes, at the next start, that it went down unasked: the power failed, it crashed, or somebody held the
/// button.
const LOG: &str = "System";
/// Of the last thirty days.
const UNASKED: &str = "*[System[Provider[@Name='Microsoft-Windows-Kernel-Power'] and (EventID=41) and \
    TimeCreated[timediff(@SystemTime) <= 2592000000]]]";
/// More make no difference.
const MAX_UNASKED: usize = 10;

/// Room on fixed drives.
pub(super) struct Space;

/// What the system's log tells of boots.
pub(super) struct Shutdowns;

/// Disks' own forecasts.
pub(super) struct Smart;

impl Source for Space {
    fn id(&self) -> SourceId {
        id("space")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.is_host() {
            let why = "another root has no drives of its own".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        gather.answered();
        gather.facts = room::rooms()
            .iter()
            .map(|room| space(&room.place, room.total.saturating_sub(room.free), room.total))
            .collect();
        gather.finish(self.id())
    }

    fn every(&self) -> Option<Duration> {
        Some(EVERY)
    }
}

impl Source for Shutdowns {
    fn id(&self) -> SourceId {
        id("shutdowns")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.is_host() {
            let why = "the system's log is asked of the running system only".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        match event_count::matching(LOG, UNASKED, MAX_UNASKED) {
            Ok(count) => {
                gather.answered();
                gather.facts.push(shutdowns(count));
            }
            Err(why) => gather.fault(why),
        }
        gather.finish(self.id())
    }
}

impl Source for Smart {
    fn id(&self) -> SourceId {
        id("smart")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.is_host() {
            let why = "another root has no disks of its own to ask".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        let mut any = false;
        for number in 0..MAX_DISKS {
            let name = format!("PhysicalDrive{number}");
            let Ok(Some(drive)) = part::open_drive(&name) else {
                continue;
            };
            any = true;
            // The first word is not zero when the disk expects to fail.
            match part::control(&drive, IOCTL_STORAGE_PREDICT_FAILURE, &[]) {
                Ok(answer) => {
                    gather.answered();
                    let fails = answer.first_chunk::<4>().is_some_and(|word| *word != [0; 4]);
                    let (band, detail) = if fails {
                        (Band::Critical, "the disk expects to fail: save what is on it")
                    } else {
                        (Band::Ok, "the disk expects no failure")
                    };
                    gather.facts.push(health("disk_failing", &name, band, detail));
                }
                Err(error) => gather.fault(Unavailable::Unsupported(format!(
                    "{name}: the disk or its driver makes no forecast (error {error})"
                ))),
            }
        }
        if !any {
            gather.answered();
        }
        gather.finish(self.id())
    }

    fn every(&self) -> Option<Duration> {
        Some(EVERY)
    }
}

fn id(source: &'static str) -> SourceId {
    SourceId {
        section: Section::Health,
        source,
    }
}
