//! When a source is looked at again: soon after a change, but never in a tight loop; and by the clock.

use std::{collections::BTreeMap, time::Duration};

use deskwarden_proto::v1::Trigger;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::engine::{Gone, Handle};

/// From a change to the look, so that a change of many parts is one look.
const DELAY: Duration = Duration::from_millis(100);
/// Looks that may follow each other at [`DELAY`] before they are slowed down.
const FREE: u32 = 4;
/// First slow-down; it doubles.
const SLOW: Duration = Duration::from_millis(250);
/// Slowest, and the quiet after which looks are free again.
const SLOWEST: Duration = Duration::from_secs(5);
/// Between full scans where the policy names no time.
const FULL_SCAN: Duration = Duration::from_secs(6 * 3600);
/// Shortest time between full scans that a policy can ask for.
const FULL_SCAN_LEAST: Duration = Duration::from_secs(60);
/// Between samples.
const SAMPLES: Duration = Duration::from_secs(3600);
/// After a write that failed.
const RETRY: Duration = Duration::from_secs(60);

/// Collects changes until it is time to look.
#[derive(Debug, Default)]
pub struct Debounce {
    due: BTreeMap<usize, Instant>,
    looked: BTreeMap<usize, (Instant, u32)>,
}

impl Debounce {
    /// A source's input changed at `now`.
    pub fn touched(&mut self, source: usize, now: Instant) {
        let mut at = now + DELAY;
        if let Some((last, burst)) = self.looked.get(&source) {
            at = at.max(*last + pause(*burst));
        }
        self.due.entry(source).or_insert(at);
    }

    /// When the next look is due.
    pub fn next(&self) -> Option<Instant> {
        self.due.values().min().copied()
    }

    /// The sources to look at now.
    pub fn take(&mut self, now: Instant) -> Vec<usize> {
        let ready: Vec<usize> = self
            .due
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(source, _)| *source)
            .collect();
        for source in &ready {
            self.due.remove(source);
            let (last, burst) = self.looked.entry(*source).or_insert((now, 0));
            *burst = if now.duration_since(*last) > SLOWEST * 2 {
                1
            } else {
                *burst + 1
            };
            *last = now;
        }
        ready
    }
}

fn pause(burst: u32) -> Duration {
    match burst.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(over) => SLOW.saturating_mul(1 << over.min(8)).min(SLOWEST),
    }
}

/// Period between full scans: what the policy asks for, spread by a tenth either way by `jitter` from 0
/// to 1, so that an office does not scan in step.
pub fn full_scan_period(policy_seconds: u32, jitter: f64) -> Duration {
    let period = match policy_seconds {
        0 => FULL_SCAN,
        seconds => Duration::from_secs(u64::from(seconds)).max(FULL_SCAN_LEAST),
    };
    period.mul_f64(0.9 + 0.2 * jitter.clamp(0.0, 1.0))
}

/// Looks at everything by the clock, and again after a write that failed.
pub async fn clock(
    handle: Handle,
    mut jitter: impl FnMut() -> f64,
    cancel: CancellationToken,
) -> Result<(), Gone> {
    let mut progress = handle.progress();
    let mut last = Instant::now();
    let mut spread = jitter();
    loop {
        let now = *progress.borrow_and_update();
        let at = if now.failing {
            Instant::now() + RETRY
        } else {
            last + full_scan_period(now.full_scan_seconds, spread)
        };
        tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            changed = progress.changed() => changed.map_err(|_| Gone)?,
            () = sleep_until(at) => {
                handle.look_at_all(Trigger::Clock).await?;
                last = Instant::now();
                spread = jitter();
            }
        }
    }
}

/// Looks at each source whose changes nothing tells as often as it asks for, and takes samples every hour.
/// `jitter` from 0 to 1 spreads the beginning, so that an office does not do it in step.
pub async fn rounds(handle: Handle, jitter: f64, cancel: CancellationToken) -> Result<(), Gone> {
    let begin = Instant::now();
    let spread = |every: Duration| begin + every.mul_f64(jitter.clamp(0.0, 1.0));
    let rounds = handle.ask(|recorder| recorder.rounds()).await?;
    let mut all: Vec<(Instant, Duration, Option<Vec<usize>>)> = rounds
        .into_iter()
        .map(|(every, sources)| (spread(every), every, Some(sources)))
        .collect();
    all.push((spread(SAMPLES), SAMPLES, None));
    loop {
        let Some(next) = all.iter_mut().min_by_key(|(at, ..)| *at) else {
            return Ok(());
        };
        tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            () = sleep_until(next.0) => {}
        }
        let (at, every, sources) = next;
        // Counted from now: after a pause of the whole PC nothing is made up for.
        *at = Instant::now() + *every;
        match sources {
            Some(sources) => handle.look(sources.clone(), Trigger::Clock).await?,
            None => {
                if let Err(error) = handle.ask(|recorder| recorder.sample()).await? {
                    tracing::warn!(%error, "no samples this time");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_changes_are_one_look_within_the_delay() {
        let mut debounce = Debounce::default();
        let start = Instant::now();
        for ms in [0, 20, 60, 99] {
            debounce.touched(3, start + Duration::from_millis(ms));
        }
        assert_eq!(debounce.next(), Some(start + DELAY));
        assert!(debounce.take(start + DELAY - Duration::from_millis(1)).is_empty());
        assert_eq!(debounce.take(start + DELAY), [3]);
        assert_eq!(debounce.next(), None);
    }

    #[test]
    fn a_source_that_never_rests_is_looked_at_ever_more_slowly() {
        let mut debounce = Debounce::default();
        let mut now = Instant::now();
        let mut gaps = Vec::new();
        for _ in 0..14 {
            debounce.touched(0, now);
            let next = debounce.next().unwrap();
            gaps.push(next - now);
            now = next;
            assert_eq!(debounce.take(now), [0]);
        }
        assert!(gaps[..4].iter().all(|gap| *gap == DELAY), "{gaps:?}");
        assert_eq!(gaps.last(), Some(&SLOWEST));
        now += SLOWEST * 3;
        debounce.touched(0, now);
        assert_eq!(debounce.next(), Some(now + DELAY), "rest makes it free again");
    }

    #[test]
    fn the_full_scan_is_spread() {
        assert_eq!(full_scan_period(0, 0.5), FULL_SCAN);
        assert_eq!(full_scan_period(0, 0.0), FULL_SCAN.mul_f64(0.9));
        assert_eq!(full_scan_period(1, 0.5), FULL_SCAN_LEAST);
        assert_eq!(full_scan_period(7_200, 0.5), Duration::from_secs(7_200));
    }
}
