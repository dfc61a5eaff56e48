//! Facts that outlive the moment in which they can be seen: a program that was closed, a neighbour that is
//! silent. Pure: the time is a parameter. Lasts as long as the agent runs.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::Fact;

/// One day in milliseconds.
pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Most facts that are remembered; the longest unseen make room.
const MAX_FACTS: usize = 4_096;

/// What was seen lately.
#[derive(Default)]
pub(super) struct Memory(Mutex<BTreeMap<(String, String), (Fact, u64)>>);

impl Memory {
    /// The facts of now, and those that were last seen less than `keep_ms` before. Both times count from
    /// the boot.
    pub(super) fn merge(&self, now_ms: u64, keep_ms: u64, facts: Vec<Fact>) -> Vec<Fact> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for fact in facts {
            seen.insert((fact.key.clone(), fact.principal.clone()), (fact, now_ms));
        }
        seen.retain(|_, (_, at)| now_ms.saturating_sub(*at) < keep_ms);
        if seen.len() > MAX_FACTS {
            let mut times: Vec<u64> = seen.values().map(|(_, at)| *at).collect();
            times.sort_unstable_by(|a, b| b.cmp(a));
            let oldest = times.get(MAX_FACTS - 1).copied().unwrap_or_default();
            seen.retain(|_, (_, at)| *at >= oldest);
        }
        seen.values().map(|(fact, _)| fact.clone()).collect()
    }
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
}
