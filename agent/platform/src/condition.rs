//! Health as facts, whatever system told of it: bands, never numbers.

use deskwarden_parse::smart::Condition;
use deskwarden_proto::{
    key,
    v1::{Band, Health, facet::Kind},
};

use crate::Fact;

/// How full a file system is, as a band.
pub(crate) fn space(place: &str, used: u64, usable: u64) -> Fact {
    let per_mille = u128::from(used) * 1_000 / u128::from(usable.max(1));
    let (band, detail) = match per_mille {
        0..=850 => (Band::Ok, "at most 85 % full"),
        851..=950 => (Band::Warning, "more than 85 % full"),
        _ => (Band::Critical, "more than 95 % full"),
    };
    health("disk_full", place, band, detail)
}

/// How often the PC went down without a shutdown in the last 30 days, as a band.
pub(crate) fn shutdowns(dirty: usize) -> Fact {
    let (band, detail) = match dirty {
        0 => (Band::Ok, "every boot of the last 30 days follows a shutdown"),
        1 | 2 => (
            Band::Warning,
            "the PC went down without a shutdown in the last 30 days",
        ),
        _ => (Band::Critical, "the PC keeps going down without a shutdown"),
    };
    health("dirty_shutdown", "", band, detail)
}

/// How far back a crash counts.
pub(crate) const CRASHES_S: i64 = 30 * 86_400;
/// Crashes of one program in that time that are more than bad luck.
const OFTEN: usize = 5;

/// A program that crashed so often in the last 30 days, as a band.
pub(crate) fn crash(program: &str, count: usize) -> Fact {
    let (band, detail) = if count < OFTEN {
        (Band::Warning, "crashed in the last 30 days")
    } else {
        (
            Band::Critical,
            "keeps crashing: at least five times in the last 30 days",
        )
    };
    health("crash", program, band, detail)
}

/// What a disk thinks of itself, as a band; the disk is named by its key.
pub(crate) fn forecast(disk: &str, condition: Condition) -> Fact {
    let (band, detail) = match condition {
        Condition::Good => (Band::Ok, "the disk reports no fault"),
        Condition::Worn => (Band::Warning, "the disk is worn, or lost sectors"),
        Condition::Failing => (Band::Critical, "the disk expects to fail: save what is on it"),
    };
    health("disk_failing", disk, band, detail)
}

/// A fact of the health section: one topic, of one subject where it has several.
pub(crate) fn health(topic: &str, subject: &str, band: Band, detail: &str) -> Fact {
    let key = if subject.is_empty() {
        key::named(&[topic])
    } else {
        key::named(&[topic, subject])
    };
    let health = Health {
        topic: topic.to_owned(),
        band: band.into(),
        subject: subject.to_owned(),
        detail: detail.to_owned(),
    };
    Fact::machine(key, Kind::Health(health))
}
