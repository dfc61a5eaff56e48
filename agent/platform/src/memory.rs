//! Facts that outlive the moment in which they can be seen: a program that was closed, a neighbour that is
//! silent. Pure: the time is a parameter. While the agent runs, time counts from the boot, which no clock can
//! be wrong about; between two runs only the wall clock can tell.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{Fact, Seen};

/// One day in milliseconds.
pub(crate) const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Most facts that are remembered; the longest unseen make room.
const MAX_FACTS: usize = 4_096;

/// By key and principal: the fact, and when it was last seen in milliseconds since the boot, which may be
/// before it.
type Facts = BTreeMap<(String, String), (Fact, i64)>;

/// What was seen lately.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Facts>);

impl Memory {
    /// The facts of now, and those that were last seen less than `keep_ms` before. Both times count from
    /// the boot.
    pub(crate) fn merge(&self, now_ms: u64, keep_ms: u64, facts: Vec<Fact>) -> Vec<Fact> {
        let now = signed(now_ms);
        let keep = signed(keep_ms);
        let mut seen = self.lock();
        for fact in facts {
            seen.insert((fact.key.clone(), fact.principal.clone()), (fact, now));
        }
        seen.retain(|_, (_, at)| now.saturating_sub(*at) < keep);
        if seen.len() > MAX_FACTS {
            let mut times: Vec<i64> = seen.values().map(|(_, at)| *at).collect();
            times.sort_unstable_by(|a, b| b.cmp(a));
            let oldest = times.get(MAX_FACTS - 1).copied().unwrap_or_default();
            seen.retain(|_, (_, at)| *at >= oldest);
        }
        seen.values().map(|(fact, _)| fact.clone()).collect()
    }

    /// Everything, for the next run.
    pub(crate) fn remembered(&self, now_ms: u64, wall_s: i64) -> Vec<Seen> {
        let ago_s = |at: i64| signed(now_ms).saturating_sub(at).max(0) / 1_000;
        self.lock()
            .values()
            .map(|(fact, at)| Seen {
                fact: fact.clone(),
                at_s: wall_s.saturating_sub(ago_s(*at)),
            })
            .collect()
    }

    /// Takes what the last run left. What a clock that was set back puts into the future counts as seen now.
    pub(crate) fn recall(&self, now_ms: u64, wall_s: i64, left: Vec<Seen>) {
        let mut seen = self.lock();
        for Seen { fact, at_s } in left.into_iter().take(MAX_FACTS) {
            let ago_ms = wall_s.saturating_sub(at_s).max(0).saturating_mul(1_000);
            let at = signed(now_ms).saturating_sub(ago_ms);
            seen.entry((fact.key.clone(), fact.principal.clone()))
                .or_insert((fact, at));
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::{Process, facet::Kind};

    fn fact(key: &str) -> Fact {
        Fact::machine(key.to_owned(), Kind::Process(Process::default()))
    }

    #[test]
    fn what_was_seen_lately_is_kept_and_then_forgotten() {
        let memory = Memory::default();
        assert_eq!(memory.merge(0, 10, vec![fact("a")]).len(), 1);
        let both = memory.merge(9, 10, vec![fact("b")]);
        assert_eq!(
            both.iter().map(|f| f.key.as_str()).collect::<Vec<_>>(),
            ["a", "b"]
        );
        let later = memory.merge(10, 10, Vec::new());
        assert_eq!(later.iter().map(|f| f.key.as_str()).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn a_restart_forgets_nothing_and_makes_nothing_younger() {
        let before = Memory::default();
        before.merge(5_000_000, DAY_MS, vec![fact("a")]);
        before.merge(9_000_000, DAY_MS, vec![fact("b")]);
        let left = before.remembered(9_000_000, 1_000_000);
        let after = Memory::default();
        // Half an hour later, ten seconds after a boot.
        after.recall(10_000, 1_001_800, left);
        let keys = |keep| -> Vec<String> {
            let kept = after.merge(10_000, keep, Vec::new());
            kept.into_iter().map(|fact| fact.key).collect()
        };
        assert_eq!(keys(DAY_MS), ["a", "b"]);
        assert_eq!(keys(2_000_000), ["b"], "the other was last seen 97 minutes ago");
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_what_was_seen() {
        let memory = Memory::default();
        let seen = Seen {
            fact: fact("a"),
            at_s: 2_000_000_000,
        };
        memory.recall(1_000, 0, vec![seen]);
        assert_eq!(memory.merge(1_000, 10, Vec::new()).len(), 1);
    }
}
