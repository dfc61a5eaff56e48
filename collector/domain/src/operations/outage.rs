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

/// What is known of an outage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outage {
    since: Option<Millis>,
    told: bool,
}

impl Outage {
    /// Notes whether a write went through; says what is to be told because of it by the collector whose turn it was
    /// when writes still went through.
    pub fn note(&mut self, now: Millis, written: bool, speaker: Speaker) -> Option<Told> {
        if written {
            let Self { since, told } = std::mem::take(self);
            return since.filter(|_| told).map(Told::Back);
        }
        let since = *self.since.get_or_insert(now);
        let lasted = now.saturating_sub(since);
        let is_due = !self.told && speaker.patience().is_some_and(|patience| lasted >= patience);
        self.told |= is_due;
        is_due.then_some(Told::Down(since))
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
        let mut outage = Outage::default();
        let at = (0..).map(|n| n * 10_000);
        at.zip(writes)
            .filter_map(|(now, written)| Some((now, outage.note(now, *written, speaker)?)))
            .collect()
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
