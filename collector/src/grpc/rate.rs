//! Token buckets: how fast one device may speak on all its connections together, how often one address may try to enrol.
//! Time is a parameter.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use deskwarden_proto::{ids::DeviceId, limits};
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
struct Bucket {
    rate: Rate,
    left: f64,
    at: Instant,
}

impl Bucket {
    fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            left: rate.burst,
            at: now,
        }
    }

    /// Takes `cost`, into debt if need be, and says how long to wait until the debt is paid.
    fn take(&mut self, cost: f64, now: Instant) -> Duration {
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

/// What a device says in one go at most, in records.
const GULP: u32 = limits::RECORDS_IN_FLIGHT;
/// How long a gulp lasts at least. Who has much to say does so in gulps that share a commit, with the writer free for
/// others between them, and not in a stream of commits of one record each.
const GULP_TIME: Duration = Duration::from_millis(500);
/// What a hello weighs beside a record: a handshake, and a commit of its own.
const HELLO: u32 = 16;
/// The longest time that a device is not read. It is shorter than what agents take for a dead line.
const LONGEST: Duration = Duration::from_secs(20);

/// What one device may still say, whatever connection it says it on.
#[derive(Debug)]
struct Allowance {
    records: Bucket,
    bytes: Bucket,
    /// Records of the gulp, and since when it is taken.
    gulp: u32,
    since: Instant,
    /// Nothing is read before.
    read_from: Instant,
}

impl Allowance {
    /// `streamed`: it did not wait for an answer to what it said before.
    fn spend(&mut self, frames: u32, bytes: f64, streamed: bool, now: Instant) {
        let debt = self.records.take(frames.into(), now);
        let mut wait = self.bytes.take(bytes, now);
        let fresh = !streamed || now >= self.since + GULP_TIME;
        if self.gulp == 0 || debt.is_zero() && fresh {
            self.gulp = 0;
            self.since = now;
        }
        self.gulp = self.gulp.saturating_add(frames);
        if f64::from(self.gulp) >= f64::from(GULP).min(self.records.rate.burst) {
            self.gulp = 0;
            wait = wait
                .max(debt)
                .max((self.since + GULP_TIME).saturating_duration_since(now));
        }
        self.read_from = self.read_from.max(now + wait.min(LONGEST));
    }

    fn is_unused(&mut self, now: Instant) -> bool {
        now >= self.read_from && self.records.is_full(now) && self.bytes.is_full(now)
    }
}

/// Devices that are remembered at least; what has refilled is forgotten then.
const DEVICES: usize = 1_024;

/// The allowances of devices. Each outlives the connections of its device until it has refilled: who comes again
/// finds what it left.
#[derive(Debug)]
pub(super) struct PerDevice {
    records: Rate,
    bytes: Rate,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    allowances: HashMap<DeviceId, Arc<Mutex<Allowance>>>,
    /// How many there may be before the unused ones are forgotten.
    room: usize,
}

/// A device's share in its allowance.
#[derive(Clone, Debug)]
pub(super) struct Purse(Arc<Mutex<Allowance>>);

impl PerDevice {
    pub(super) fn new(records: Rate, bytes: Rate) -> Self {
        Self {
            records,
            bytes,
            known: Mutex::new(Known {
                allowances: HashMap::new(),
                room: DEVICES,
            }),
        }
    }

    /// What the device may say. As many are kept as devices spoke lately, and they are enrolled ones.
    pub(super) fn of(&self, device: DeviceId, now: Instant) -> Purse {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.allowances.len() >= known.room {
            known.allowances.retain(|_, allowance| {
                Arc::strong_count(allowance) > 1
                    || !allowance
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .is_unused(now)
            });
            known.room = known.allowances.len().saturating_mul(2).max(DEVICES);
        }
        let allowance = known.allowances.entry(device).or_insert_with(|| {
            Arc::new(Mutex::new(Allowance {
                records: Bucket::new(self.records, now),
                bytes: Bucket::new(self.bytes, now),
                gulp: 0,
                since: now,
                read_from: now,
            }))
        });
        Purse(Arc::clone(allowance))
    }
}

impl Purse {
    /// The device said hello.
    pub(super) fn hello(&self, now: Instant) {
        self.lock().spend(HELLO, 0.0, true, now);
    }

    /// The device said a frame with so many bytes of records, after it was answered to all before or not.
    pub(super) fn frame(&self, bytes: usize, streamed: bool, now: Instant) {
        #[expect(clippy::cast_precision_loss, reason = "a record has at most a few megabytes")]
        self.lock().spend(1, bytes as f64, streamed, now);
    }

    /// Nothing of the device is read before.
    pub(super) fn read_from(&self) -> Instant {
        self.lock().read_from
    }

    fn lock(&self) -> MutexGuard<'_, Allowance> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    const PLENTY: Rate = Rate {
        per_second: 1e9,
        burst: 1e9,
    };

    fn device(number: u32) -> DeviceId {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_le_bytes());
        DeviceId::from_random(id)
    }

    /// Records until the device is not read any more.
    fn until_it_waits(purse: &Purse, now: Instant) -> usize {
        (0..10_000)
            .find(|_| {
                purse.frame(1, true, now);
                purse.read_from() > now
            })
            .map_or(10_000, |more| more + 1)
    }

    #[test]
    fn what_a_device_used_up_stays_used_on_its_next_connection() {
        let now = Instant::now();
        let devices = PerDevice::new(
            Rate {
                per_second: 10.0,
                burst: 100.0,
            },
            PLENTY,
        );
        let first = devices.of(device(1), now);
        assert_eq!(until_it_waits(&first, now), GULP as usize, "one gulp");
        assert_eq!(first.read_from(), now + GULP_TIME);
        let later = now + GULP_TIME;
        assert_eq!(until_it_waits(&first, later), GULP as usize);
        let debt = Duration::from_millis((u64::from(GULP) * 2 - 100) * 100) - GULP_TIME;
        assert_eq!(first.read_from(), later + debt, "the burst is used up, and more");
        drop(first);
        let again = devices.of(device(1), later);
        assert_eq!(again.read_from(), later + debt, "the debt is the device's");
        again.hello(later);
        assert_eq!(
            devices.of(device(2), later).read_from(),
            later,
            "and nobody else's"
        );
    }

    #[test]
    fn who_is_in_debt_gains_nothing_by_small_steps() {
        let now = Instant::now();
        let rate = Rate {
            per_second: 10.0,
            burst: 100.0,
        };
        let purse = PerDevice::new(rate, PLENTY).of(device(1), now);
        let (mut at, mut said) = (now, 0_u32);
        while at < now + Duration::from_secs(60) {
            if purse.read_from() <= at {
                purse.frame(1, false, at);
                said += 1;
            }
            at += Duration::from_millis(5);
        }
        let most = 60 * 10 + 100 + GULP;
        assert!(said <= most && said > most - 2 * GULP, "{said} of {most}");
    }

    #[test]
    fn who_waits_for_each_answer_is_not_kept_waiting() {
        let now = Instant::now();
        let rate = Rate {
            per_second: 100.0,
            burst: 2_000.0,
        };
        let purse = PerDevice::new(rate, PLENTY).of(device(1), now);
        for _ in 0..1_000 {
            purse.frame(1, false, now);
            assert_eq!(purse.read_from(), now);
        }
    }

    #[test]
    fn bytes_are_not_read_in_gulps() {
        let now = Instant::now();
        let rate = Rate {
            per_second: 1000.0,
            burst: 1000.0,
        };
        let purse = PerDevice::new(PLENTY, rate).of(device(1), now);
        purse.frame(1000, true, now);
        assert_eq!(purse.read_from(), now);
        purse.frame(500, true, now);
        assert_eq!(purse.read_from(), now + Duration::from_millis(500));
        purse.frame(1_000_000, true, now);
        assert_eq!(purse.read_from(), now + LONGEST);
    }

    #[test]
    fn devices_that_have_refilled_are_forgotten() {
        let now = Instant::now();
        let devices = PerDevice::new(RATE, PLENTY);
        let live = devices.of(device(0), now);
        let room = u32::try_from(DEVICES).unwrap();
        for number in 1..=room {
            devices.of(device(number), now).frame(1, true, now);
        }
        let count = || devices.known.lock().unwrap().allowances.len();
        assert_eq!(count(), DEVICES + 1, "none of them may be forgotten yet");
        for number in 0..room {
            devices.of(device(1_000_000 + number), now + Duration::from_secs(9));
        }
        assert!(count() <= DEVICES + 1, "{}", count());
        assert!(Arc::ptr_eq(&live.0, &devices.of(device(0), now).0));
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
