//! Where the time of a round goes: counted for monitoring, told in the log where somebody asks for it or it is much.

use std::time::Duration;

use tracing::{debug, warn};

use super::group::Work;
use crate::meter::Meter;

/// A round of this length is told without being asked for: agents wait for it.
const SLOW: Duration = Duration::from_secs(1);

/// One round's times.
#[derive(Debug, Default)]
pub(super) struct Steps {
    devices: usize,
    jobs: usize,
    /// How long the record that came first had waited when the round began.
    waited: Duration,
    load: Duration,
    judge: Duration,
    write: Duration,
    durable: Duration,
    /// What was written, in operations.
    pub(super) ops: usize,
    /// How often it was tried, alone or together.
    pub(super) attempts: u32,
}

impl Steps {
    /// Of a round that begins.
    pub(super) fn of(works: &[Work]) -> Self {
        let jobs = || works.iter().flat_map(|work| &work.jobs);
        Self {
            devices: works.len(),
            jobs: jobs().count(),
            waited: jobs().filter_map(super::job::Job::age).max().unwrap_or_default(),
            ..Self::default()
        }
    }

    pub(super) fn loaded(&mut self, took: Duration, meter: &Meter) {
        self.load += took;
        meter.loads.add(took);
    }

    pub(super) fn judged(&mut self, took: Duration, meter: &Meter) {
        self.judge += took;
        meter.judgements.add(took);
    }

    /// `durable`: what of it was the commit alone.
    pub(super) fn written(&mut self, took: Duration, durable: Duration, meter: &Meter) {
        self.write += took.saturating_sub(durable);
        self.durable += durable;
        meter.commits.add(took);
    }

    /// Whether the round took so long that somebody should look.
    fn is_slow(&self) -> bool {
        self.load + self.judge + self.write + self.durable >= SLOW
    }

    /// Says where the time went.
    pub(super) fn tell(&self) {
        macro_rules! say {
            ($level:ident, $what:literal) => {
                $level!(
                    devices = self.devices,
                    jobs = self.jobs,
                    operations = self.ops,
                    attempts = self.attempts,
                    waited_ms = millis(self.waited),
                    load_ms = millis(self.load),
                    judge_ms = millis(self.judge),
                    write_ms = millis(self.write),
                    commit_ms = millis(self.durable),
                    $what
                )
            };
        }
        if self.is_slow() {
            say!(warn, "reports were taken in slowly");
        } else {
            say!(debug, "reports were taken in");
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_slow_by_all_of_its_steps_together() {
        let (mut steps, meter) = (Steps::default(), Meter::default());
        steps.loaded(Duration::from_millis(400), &meter);
        steps.judged(Duration::from_millis(300), &meter);
        steps.written(Duration::from_millis(299), Duration::from_millis(200), &meter);
        assert!(!steps.is_slow());
        steps.loaded(Duration::from_millis(1), &meter);
        assert!(steps.is_slow());
        assert_eq!((meter.loads.read().count, meter.commits.read().count), (2, 1));
    }
}
