//! Observation: the first days of a new fleet, in which findings are made as usual and people get one summary a
//! day instead of an alert each.

use serde::{Deserialize, Serialize};

use super::{EntryKind, Planned, TimeOfDay, times};
use crate::model::Millis;

/// Days that a new fleet is observed.
pub const DAYS: u32 = 14;
/// Most days that it can be observed.
pub const MOST_DAYS: u32 = 90;
/// What the entries of the summary are collected under.
pub const SUMMARY: &str = "observation";

const DAY: Millis = 86_400_000;

/// Whether a fleet is observed, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// So many days from the first PC on; 0: not at all.
    pub days: u32,
    /// A fixed end instead, as a person set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
}

impl Observation {
    /// Of a new fleet.
    pub const fn fresh() -> Self {
        Self {
            days: DAYS,
            until: None,
        }
    }

    /// None at all.
    pub const fn off() -> Self {
        Self { days: 0, until: None }
    }

    /// For so many days from now on.
    pub fn from_now(days: u32, now: Millis) -> Self {
        Self {
            days,
            until: (days > 0).then(|| now.saturating_add(Millis::from(days) * DAY)),
        }
    }

    /// Until when, when the first PC enrolled at that time; `None` when it is off. Without a PC it has not begun:
    /// it would last its full time from now on.
    pub fn until(self, first: Option<Millis>, now: Millis) -> Option<Millis> {
        if self.days == 0 {
            return None;
        }
        let begin = first.unwrap_or(now);
        Some(
            self.until
                .unwrap_or_else(|| begin.saturating_add(Millis::from(self.days) * DAY)),
        )
    }

    /// Days that are left, the running one included; `None` when it is off or over.
    pub fn left(self, first: Option<Millis>, now: Millis) -> Option<u64> {
        let rest = self.until(first, now)?.saturating_sub(now);
        (rest > 0).then(|| u64::try_from((rest + DAY - 1) / DAY).unwrap_or(0))
    }
}

/// What a plan needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observing {
    /// Its end.
    pub until: Millis,
    /// Channels that are told at once all the same: logs, which disturb nobody.
    pub at_once: Vec<String>,
}

/// Time of day of the summary.
fn nine() -> TimeOfDay {
    TimeOfDay::parse("09:00").unwrap_or_default()
}

/// What becomes of an entry while the fleet is observed: it is part of the next summary. Nobody escalates.
pub(super) fn summed(entry: Planned, observing: &Observing, zone: Millis, now: Millis) -> Option<Planned> {
    if now >= observing.until || observing.at_once.contains(&entry.channel) {
        return Some(entry);
    }
    (entry.kind == EntryKind::Alert).then(|| Planned {
        bundle: SUMMARY.to_owned(),
        not_before: times::next(now, nine(), None, zone),
        ..entry
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_fleet_is_observed_for_two_weeks_from_its_first_pc_on() {
        let fresh = Observation::fresh();
        assert_eq!(fresh.left(None, 5 * DAY), Some(14), "it has not begun");
        assert_eq!(fresh.left(Some(DAY), DAY + 1), Some(14));
        assert_eq!(fresh.left(Some(DAY), 14 * DAY), Some(1));
        assert_eq!(fresh.left(Some(DAY), 15 * DAY), None);
        assert_eq!(Observation::off().left(None, 0), None);
        let longer = Observation::from_now(3, 20 * DAY);
        assert_eq!(longer.left(Some(DAY), 20 * DAY), Some(3));
        assert_eq!(Observation::from_now(0, DAY), Observation::off());
    }
}
