//! How long to wait before the next connection: exponential with full jitter, never less than the
//! collector asked for. Keeps no clock.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
/// A collector cannot send an agent away for longer than this.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 3600);

/// Failures in a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked: the next failure is the first.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures so far.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Waits as after many failures: trying again soon cannot help.
    pub fn give_time(&mut self) {
        self.failures = self.failures.max(16);
    }

    /// The next wait. `jitter` from 0 to 1 spreads it over the whole range; what the collector asked for
    /// comes before, and is spread by as much again, so that those who were sent away together do not
    /// come back together.
    pub fn next(&mut self, asked: Duration, jitter: f64) -> Duration {
        let asked = asked.min(LONGEST_ASKED);
        let range = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST)
            .max(asked);
        self.failures = self.failures.saturating_add(1);
        asked + range.mul_f64(jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_minutes_and_are_spread_over_the_whole_range() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..12)
            .map(|_| backoff.next(Duration::ZERO, 1.0).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(backoff.next(Duration::ZERO, 0.0), Duration::ZERO);
        assert_eq!(backoff.next(Duration::ZERO, 0.5), Duration::from_secs(150));
        backoff.reset();
        assert_eq!(backoff.next(Duration::ZERO, 1.0), FIRST);
    }

    #[test]
    fn what_the_collector_asks_for_is_the_least() {
        let mut backoff = Backoff::default();
        let asked = Duration::from_secs(40);
        assert_eq!(backoff.next(asked, 0.0), asked);
        assert_eq!(backoff.next(asked, 1.0), asked * 2);
        let absurd = backoff.next(Duration::from_secs(u64::from(u32::MAX)), 0.0);
        assert_eq!(absurd, LONGEST_ASKED);
    }

    #[test]
    fn after_a_refusal_that_time_alone_does_not_cure_waits_are_long() {
        let mut backoff = Backoff::default();
        backoff.give_time();
        assert_eq!(backoff.next(Duration::ZERO, 1.0), LONGEST);
    }
}
