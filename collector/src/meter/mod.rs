//! How much this collector takes in and how long that takes, in memory only: one number for each minute of the last
//! hour, and what is counted since the start.

mod histogram;
mod queue;
mod refusals;
mod writes;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use deskwarden_domain::model::Millis;

/// Minutes that are kept.
pub const MINUTES: usize = 60;
const MINUTE: Millis = 60_000;

pub use histogram::{Distribution, Histogram};
pub use queue::{Queue, Waiting};
pub use refusals::{Reason, Refusals};
pub use writes::Writes;

/// Counts per minute, and since the start.
#[derive(Debug, Default)]
pub struct Meter {
    /// From the arrival of a record to its acknowledgement.
    pub acknowledged: Histogram,
    /// Steps of a batch of the writer: reading what is stored, judging, and writing until it is durable.
    pub loads: Histogram,
    /// See `loads`.
    pub judgements: Histogram,
    /// See `loads`.
    pub commits: Histogram,
    /// What waits for the writer.
    pub queue: Arc<Queue>,
    /// Sessions and calls of agents that were refused.
    pub refusals: Refusals,
    /// Whether the store takes reports.
    pub writes: Writes,
    minutes: Mutex<Vec<(i64, u64)>>,
    total: AtomicU64,
}

impl Meter {
    /// Adds to the minute of `now`.
    pub fn add(&self, now: Millis, number: u64) {
        if number == 0 {
            return;
        }
        self.total.fetch_add(number, Ordering::Relaxed);
        let minute = now.div_euclid(MINUTE);
        let mut counts = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.iter_mut().find(|(at, _)| *at == minute) {
            Some((_, count)) => *count = count.saturating_add(number),
            None => counts.push((minute, number)),
        }
        let oldest = minute - i64::try_from(MINUTES).unwrap_or(i64::MAX);
        counts.retain(|(at, _)| *at > oldest);
    }

    /// All that was ever added.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// The counts of the last hour, oldest first; the last one is that of the minute that runs.
    pub fn hour(&self, now: Millis) -> Vec<u64> {
        let minute = now.div_euclid(MINUTE);
        let counts = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let first = minute - i64::try_from(MINUTES).unwrap_or(i64::MAX) + 1;
        (first..=minute)
            .map(|minute| {
                let found = counts.iter().find(|(at, _)| *at == minute);
                found.map_or(0, |(_, count)| *count)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_minute_by_minute() {
        let meter = Meter::default();
        meter.add(0, 3);
        meter.add(59_999, 4);
        meter.add(60_000, 5);
        meter.add(60_000, 0);
        let hour = meter.hour(60_000);
        assert_eq!(hour.len(), MINUTES);
        assert_eq!(hour[58..], [7, 5]);
        meter.add(60 * MINUTE, 1);
        let hour = meter.hour(60 * MINUTE);
        assert_eq!((hour[0], hour[59]), (5, 1), "the first minute is an hour ago");
        assert_eq!(meter.hour(1_000 * MINUTE), vec![0; MINUTES]);
        assert_eq!(meter.total(), 13);
    }
}
