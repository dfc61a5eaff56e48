//! How often each caller may ask the API: an allowance per caller that refills. Time is a parameter.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use deskwarden_domain::model::Millis;

/// How often each asks: an allowance that refills.
#[derive(Default)]
pub(super) struct Rates(Mutex<HashMap<String, Bucket>>);

struct Bucket {
    left: f64,
    at: Millis,
}

/// Requests that may come at once.
const BURST: f64 = 300.0;
/// Requests a second in the long run.
const PER_SECOND: f64 = 20.0;
/// Callers that are remembered; beyond it those that have their whole allowance are forgotten.
const REMEMBERED: usize = 10_000;

impl Rates {
    /// Takes one request of somebody's allowance; `false` when it is used up.
    pub(super) fn take(&self, who: &str, now: Millis) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED && !buckets.contains_key(who) {
            buckets.retain(|_, bucket| bucket.refilled(now) < BURST);
        }
        let bucket = buckets
            .entry(who.to_owned())
            .or_insert(Bucket { left: BURST, at: now });
        bucket.left = bucket.refilled(now);
        bucket.at = now;
        let enough = bucket.left >= 1.0;
        if enough {
            bucket.left -= 1.0;
        }
        enough
    }
}

impl Bucket {
    fn refilled(&self, now: Millis) -> f64 {
        let passed = now.saturating_sub(self.at).max(0) as f64 / 1000.0;
        (self.left + passed * PER_SECOND).min(BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_used_up_and_refills_for_each_alone() {
        let rates = Rates::default();
        let taken = (0..1_000).filter(|_| rates.take("a", 0)).count();
        assert_eq!(taken, 300);
        assert!(rates.take("b", 0));
        assert!(!rates.take("a", 40));
        let later = (0..1_000).filter(|_| rates.take("a", 1_040)).count();
        assert_eq!(later, 20);
    }
}
