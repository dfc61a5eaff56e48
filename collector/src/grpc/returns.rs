//! When agents may come back to a collector that stops: never more of them at a time than it can greet.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use super::outgoing::Refused;

/// Nobody is back before: a restart takes this long.
const FIRST: f64 = 2.0;
/// Nobody is sent away for longer than this beyond the first.
const LONGEST: f64 = 300.0;

/// The waits that the sessions of a process are told when it stops.
#[derive(Debug)]
pub(super) struct Returns {
    per_second: f64,
    sessions: OnceLock<usize>,
    told: AtomicUsize,
}

impl Returns {
    /// `per_second`: how many may come back in a second.
    pub(super) fn new(per_second: f64) -> Self {
        Self {
            per_second,
            sessions: OnceLock::new(),
            told: AtomicUsize::new(0),
        }
    }

    /// What the next session is told, of which there were so many when the first one was told.
    pub(super) fn next(&self, sessions: usize) -> Refused {
        let all = *self.sessions.get_or_init(|| sessions.max(1));
        let number = self.told.fetch_add(1, Ordering::Relaxed) % all;
        #[expect(clippy::cast_precision_loss, reason = "sessions are thousands")]
        let (all, number) = (all as f64, number as f64);
        // An agent waits what it is told and as much again, spread evenly. Told evenly up to `span`, they come at
        // ln 2 / span of them a second while the most of them come, and the last one after twice that.
        let span = (all * std::f64::consts::LN_2 / self.per_second).min(LONGEST);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most some hundred seconds"
        )]
        let seconds = (FIRST + span * number / all).round() as u32;
        Refused::Busy("the collector restarts", seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PER_SECOND: f64 = 200.0;

    fn waits(sessions: usize) -> Vec<u32> {
        let returns = Returns::new(PER_SECOND);
        (0..sessions)
            .map(|ended| {
                // Who was told is off the list.
                let Refused::Busy(_, seconds) = returns.next(sessions - ended) else {
                    panic!("not for now only")
                };
                seconds
            })
            .collect()
    }

    /// Seconds after which agents are back: as an agent reckons it, with a draw of its own.
    fn arrivals(sessions: usize) -> Vec<f64> {
        let draws = (1_u32..).map(|number| (f64::from(number) * 0.618_033_988_75).fract());
        waits(sessions)
            .into_iter()
            .map(f64::from)
            .zip(draws)
            .map(|(asked, draw)| asked + asked.max(1.0) * draw)
            .collect()
    }

    #[test]
    fn ten_thousand_come_back_no_faster_than_they_are_greeted() {
        let arrivals = arrivals(10_000);
        let last = arrivals.iter().copied().fold(0.0, f64::max);
        assert!(last <= 80.0, "the last one is back after {last} s");
        let window = 5.0;
        let most = (0..16)
            .map(|at| f64::from(at) * window)
            .map(|from| {
                arrivals
                    .iter()
                    .filter(|at| (from..from + window).contains(*at))
                    .count()
            })
            .max()
            .unwrap();
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let (peak, mean) = (most as f64 / window, arrivals.len() as f64 / last);
        assert!(peak <= PER_SECOND * 1.1, "{peak} a second");
        assert!(peak <= mean * 3.0, "{peak} beside a mean of {mean}");
    }

    #[test]
    fn a_few_are_back_at_once_and_nobody_is_sent_away_for_long() {
        assert!(waits(20).into_iter().all(|wait| wait == 2));
        let many = waits(1_000_000);
        assert_eq!(many.iter().max(), Some(&302));
        assert_eq!(many.iter().min(), Some(&2));
    }

    #[test]
    fn who_comes_while_it_stops_is_told_as_the_others_are() {
        let returns = Returns::new(PER_SECOND);
        assert_eq!(returns.next(0), Refused::Busy("the collector restarts", 2));
        assert_eq!(returns.next(50_000), Refused::Busy("the collector restarts", 2));
    }
}
