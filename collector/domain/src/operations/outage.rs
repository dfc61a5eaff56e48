//! When the store does not take writes: that is told without it, once, and once more when it is back.

use crate::model::Millis;

/// How long writes must fail before it is told: a restart of the database is no outage.
const PATIENCE: Millis = 30_000;
/// How long the second waits for the first, which may have gone away together with the database.
const SECOND: Millis = 600_000;

/// Whose turn it is to tell: while the store is away the collectors cannot agree about it any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speaker {
    /// This one tells.
    First,
    /// This one tells where the first one should have long ago.
    Second,
    /// This one leaves it to the others.
    #[default]
    Silent,
}

impl Speaker {
    const fn patience(self) -> Option<Millis> {
        match self {
            Self::First => Some(PATIENCE),
            Self::Second => Some(SECOND),
            Self::Silent => None,
        }
    }
}

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing is written since then.
    Down(Millis),
    /// It is back; it was away since then.
    Back(Millis),
}

/// When reports were refused, with none taken in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The first time.
    pub first: Millis,
    /// The last time.
    pub last: Millis,
}

/// What a try to write came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Whether a small write went through.
    pub written: bool,
    /// The reports that were refused since one was taken.
    pub refused: Option<Refused>,
}

/// What is known of an outage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outage {
    since: Option<Millis>,
    told: bool,
    /// Since when reports are refused, and when a small write went through first after that.
    passed: Option<(Millis, Millis)>,
}

impl Outage {
    /// Notes a try; says what is to be told because of it by the collector whose turn it was when writes still went
    /// through.
    pub fn note(&mut self, now: Millis, tried: Tried, speaker: Speaker) -> Option<Told> {
        if self.is_written(now, tried) {
            let since = self.since.take();
            return since.filter(|_| std::mem::take(&mut self.told)).map(Told::Back);
        }
        let since = *self.since.get_or_insert(now);
        let lasted = now.saturating_sub(since);
        let is_due = !self.told && speaker.patience().is_some_and(|patience| lasted >= patience);
        self.told |= is_due;
        is_due.then_some(Told::Down(since))
    }

    /// A full disk still has the room of its write-ahead log, where small writes go through and reports do not. Reports
    /// that were refused and come again later say nothing: the database may have been started anew. Those that are
    /// refused once more, after a small write went through, do.
    fn is_written(&mut self, now: Millis, tried: Tried) -> bool {
        let Tried { written, refused } = tried;
        let Some(Refused { first, last }) = refused.filter(|_| written) else {
            self.passed = None;
            return written;
        };
        let known = self.passed.filter(|(since, _)| *since == first);
        let (_, passed) = *self.passed.insert(known.unwrap_or((first, now)));
        last <= passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of writes at ten-second intervals.
    fn told(writes: &[bool]) -> Vec<(Millis, Told)> {
        told_by(Speaker::First, writes)
    }

    fn told_by(speaker: Speaker, writes: &[bool]) -> Vec<(Millis, Told)> {
        let tries = writes.iter().map(|written| Tried {
            written: *written,
            refused: None,
        });
        told_of(speaker, tries)
    }

    fn told_of(speaker: Speaker, tries: impl Iterator<Item = Tried>) -> Vec<(Millis, Told)> {
        let mut outage = Outage::default();
        let at = (0..).map(|n| n * 10_000);
        at.zip(tries)
            .filter_map(|(now, tried)| Some((now, outage.note(now, tried, speaker)?)))
            .collect()
    }

    /// Small writes go through; reports are refused at some times and taken at others.
    fn told_of_reports(refused: &[Millis], taken: &[Millis]) -> Vec<(Millis, Told)> {
        let tries = (0..20).map(|n| n * 10_000).map(|now| {
            let took = taken.iter().copied().rfind(|at| *at < now).unwrap_or(-1);
            let since = refused.iter().copied().filter(|at| *at > took && *at < now);
            let run: Vec<Millis> = since.collect();
            Tried {
                written: true,
                refused: run.first().zip(run.last()).map(|(first, last)| Refused {
                    first: *first,
                    last: *last,
                }),
            }
        });
        told_of(Speaker::First, tries)
    }

    #[test]
    fn reports_that_are_refused_again_although_small_writes_go_through_are_an_outage() {
        assert_eq!(
            told_of_reports(&[5_000, 45_000, 95_000], &[125_000]),
            [(80_000, Told::Down(50_000)), (130_000, Told::Back(50_000))]
        );
    }

    #[test]
    fn reports_that_were_refused_during_a_restart_are_none() {
        assert_eq!(told_of_reports(&[5_000, 6_000], &[65_000]), []);
        // Three restarts, each as soon as the agents are back.
        let (refused, taken) = ([5_000, 44_000, 83_000, 85_000], [43_000, 82_000, 120_000]);
        assert_eq!(told_of_reports(&refused, &taken), []);
        let seen = |written, last| Tried {
            written,
            refused: Some(Refused { first: 9_000, last }),
        };
        let tries = [
            Tried {
                written: true,
                refused: None,
            },
            seen(false, 9_000),
            seen(false, 19_000),
            seen(true, 29_000),
            seen(true, 29_000),
            seen(true, 29_000),
            seen(true, 29_000),
            Tried {
                written: true,
                refused: None,
            },
        ];
        assert_eq!(told_of(Speaker::First, tries.into_iter()), []);
    }

    #[test]
    fn an_outage_is_told_once_and_its_end_once() {
        let mut writes = vec![true];
        writes.extend([false; 360]);
        writes.extend([true; 10]);
        assert_eq!(
            told(&writes),
            [(40_000, Told::Down(10_000)), (3_610_000, Told::Back(10_000))]
        );
    }

    #[test]
    fn a_short_one_is_not_told_and_neither_is_its_end() {
        assert_eq!(told(&[true, false, false, false, true, false, false, true]), []);
    }

    #[test]
    fn of_several_collectors_one_tells_and_a_second_one_only_of_a_long_outage() {
        let mut short = vec![true];
        short.extend([false; 50]);
        short.push(true);
        assert_eq!(told_by(Speaker::First, &short).len(), 2);
        assert_eq!(told_by(Speaker::Second, &short), []);
        let mut long = vec![true];
        long.extend([false; 100]);
        assert_eq!(told_by(Speaker::Second, &long), [(610_000, Told::Down(10_000))]);
        assert_eq!(told_by(Speaker::Silent, &long), []);
    }

    #[test]
    fn the_next_one_is_told_again() {
        let one = [false, false, false, false, true];
        assert_eq!(told(&[one, one].concat()).len(), 4);
    }
}
