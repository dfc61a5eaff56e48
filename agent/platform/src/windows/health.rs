//! Sources `health/space` and `health/smart`: drives that fill up, and disks that expect to fail.

use std::time::Duration;

use deskwarden_proto::v1::{Band, Section};
use windows_sys::Win32::System::Ioctl::IOCTL_STORAGE_PREDICT_FAILURE;

use super::{Root, gather::Gather, part, room};
use crate::{
    Reading, Source, SourceId, Unavailable,
    condition::{health, space},
};

/// Nothing tells that a disk fills.
const EVERY: Duration = Duration::from_secs(600);
/// Numbers that are tried.
const MAX_DISKS: u32 = 64;

/// Room on fixed drives.
pub(super) struct Space;

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
