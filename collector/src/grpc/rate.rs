//! Token buckets: how fast one device may speak, how often one address may try to enrol. Time is a
//! parameter.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// An allowance that refills.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Units per second.
    pub per_second: f64,
    /// Units that may be used at once.
    pub burst: f64,
}

/// What is left of a rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    rate: Rate,
    left: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            left: rate.burst,
            at: now,
        }
    }

    /// Takes `cost`, into debt if need be, and says how long to wait until the debt is paid.
    pub(super) fn take(&mut self, cost: f64, now: Instant) -> Duration {
        self.refill(now);
        self.left -= cost;
        if self.left >= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(-self.left / self.rate.per_second.max(f64::MIN_POSITIVE))
            .unwrap_or(Duration::MAX)
    }

    /// Takes `cost` if it is there.
    fn try_take(&mut self, cost: f64, now: Instant) -> bool {
        self.refill(now);
        let enough = self.left >= cost;
        if enough {
            self.left -= cost;
        }
        enough
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.left >= self.rate.burst
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * self.rate.per_second).min(self.rate.burst);
        self.at = now;
    }
}

/// Addresses that are remembered; beyond it those that tried nothing lately are forgotten.
const ADDRESSES: usize = 10_000;

/// One bucket per address.
#[derive(Debug)]
pub(super) struct PerAddress {
    rate: Rate,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

impl PerAddress {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            buckets: Mutex::default(),
        }
    }

    /// Whether this address may try once more.
    pub(super) fn allows(&self, address: IpAddr, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ADDRESSES && !buckets.contains_key(&address) {
            buckets.retain(|_, bucket| !bucket.is_full(now));
            if buckets.len() >= ADDRESSES {
                return false;
            }
        }
        buckets
            .entry(address)
            .or_insert_with(|| Bucket::new(self.rate, now))
            .try_take(1.0, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_second: 2.0,
        burst: 4.0,
    };

    #[test]
    fn a_burst_is_free_and_a_debt_is_waited_for() {
        let now = Instant::now();
        let mut bucket = Bucket::new(RATE, now);
        assert_eq!(bucket.take(4.0, now), Duration::ZERO);
        assert_eq!(bucket.take(3.0, now), Duration::from_millis(1500));
        assert_eq!(
            bucket.take(1.0, now + Duration::from_millis(1500)),
            Duration::from_millis(500)
        );
        assert_eq!(bucket.take(4.0, now + Duration::from_secs(60)), Duration::ZERO);
    }

    #[test]
    fn one_address_does_not_use_up_anothers() {
        let now = Instant::now();
        let rates = PerAddress::new(RATE);
        let (a, b) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        assert_eq!((0..9).filter(|_| rates.allows(a, now)).count(), 4);
        assert!(rates.allows(b, now));
        assert!(rates.allows(a, now + Duration::from_millis(500)));
        assert!(!rates.allows(a, now + Duration::from_millis(500)));
    }

    #[test]
    fn addresses_are_bounded_and_forgotten() {
        let now = Instant::now();
        let rates = PerAddress::new(RATE);
        for number in 0..u32::try_from(ADDRESSES).unwrap() {
            assert!(rates.allows(std::net::Ipv4Addr::from(number).into(), now));
        }
        let late = [203, 0, 113, 1].into();
        assert!(!rates.allows(late, now));
        assert!(rates.allows(late, now + Duration::from_secs(60)));
        assert_eq!(rates.buckets.lock().unwrap().len(), 1);
    }
}
