//! Sources `health/space`, `health/shutdowns` and `health/smart`: drives that fill up, whether the PC goes down in order,
//! and disks that expect to fail.

use std::{fs::File, time::Duration};

use deskwarden_parse::{
    smart::Condition,
    storage::{nvme_question, parse_forecast, parse_nvme_answer},
};
use deskwarden_proto::v1::Section;
use windows_sys::Win32::{
    Foundation::ERROR_INVALID_DATA,
    System::Ioctl::{IOCTL_STORAGE_PREDICT_FAILURE, IOCTL_STORAGE_QUERY_PROPERTY},
};

use super::{Root, event_count, fault, gather::Gather, part, room};
use crate::{
    Reading, Source, SourceId, Unavailable,
    condition::{forecast, shutdowns, space},
};

/// Nothing tells that a disk fills.
const EVERY: Duration = Duration::from_secs(600);
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
        // A disk that cannot be opened is not asked either.
        for (drive, fact) in &part::disks(&mut gather) {
            match condition(drive) {
                Ok(condition) => {
                    gather.answered();
                    gather.facts.push(forecast(&fact.key, condition));
                }
                Err(error) => {
                    gather.fault(fault::unavailable(
                        &format!("{}: its own forecast", fact.key),
                        error,
                    ));
                }
            }
        }
        gather.finish(self.id())
    }

    fn every(&self) -> Option<Duration> {
        Some(EVERY)
    }
}

/// The log of an NVMe disk, or what any other answers to the question whether it is about to fail.
fn condition(drive: &File) -> Result<Condition, u32> {
    let log = part::control(drive, IOCTL_STORAGE_QUERY_PROPERTY, &nvme_question());
    if let Some(condition) = log.ok().and_then(|answer| parse_nvme_answer(&answer)) {
        return Ok(condition);
    }
    let answer = part::control(drive, IOCTL_STORAGE_PREDICT_FAILURE, &[])?;
    parse_forecast(&answer).ok_or(ERROR_INVALID_DATA)
}

fn id(source: &'static str) -> SourceId {
    SourceId {
        section: Section::Health,
        source,
    }
}
