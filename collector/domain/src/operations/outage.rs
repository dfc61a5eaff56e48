//! When the store does not take writes: that is told without it, once, and once more when it is back.

use crate::model::Millis;

/// How long writes must fail before it is told: a restart of the database is no outage.
const PATIENCE: Millis = 30_000;

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
    /// Notes whether a write went through; says what is to be told because of it.
    pub fn note(&mut self, now: Millis, written: bool) -> Option<Told> {
        if written {
            let Self { since, told } = std::mem::take(self);
            return since.filter(|_| told).map(Told::Back);
        }
        let since = *self.since.get_or_insert(now);
        let is_due = !self.told && now.saturating_sub(since) >= PATIENCE;
        self.told |= is_due;
        is_due.then_some(Told::Down(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of writes at ten-second intervals.
    fn told(writes: &[bool]) -> Vec<(Millis, Told)> {
        let mut outage = Outage::default();
        let at = (0..).map(|n| n * 10_000);
        at.zip(writes)
            .filter_map(|(now, written)| Some((now, outage.note(now, *written)?)))
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
    fn the_next_one_is_told_again() {
        let one = [false, false, false, false, true];
        assert_eq!(told(&[one, one].concat()).len(), 4);
    }
}
