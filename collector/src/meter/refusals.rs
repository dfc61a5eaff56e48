//! How often agents were refused, by reason.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a session, or a call for an identity, was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The store is out of reach, or the collector stops.
    Busy,
    /// No version of the protocol in common.
    Protocol,
    /// The device waits for approval.
    Pending,
    /// The device was revoked or retired.
    Barred,
    /// The device is not in the store.
    Unknown,
    /// Two outboxes speak for the device.
    Fork,
    /// Against the contract.
    Malformed,
    /// Over a limit.
    Limit,
    /// The device opened another session.
    Replaced,
    /// An identity was asked for without what it takes.
    Identity,
    /// An address asked for an identity too often.
    TooOften,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Busy,
        Self::Protocol,
        Self::Pending,
        Self::Barred,
        Self::Unknown,
        Self::Fork,
        Self::Malformed,
        Self::Limit,
        Self::Replaced,
        Self::Identity,
        Self::TooOften,
    ];

    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Protocol => "protocol",
            Self::Pending => "pending",
            Self::Barred => "barred",
            Self::Unknown => "unknown",
            Self::Fork => "fork",
            Self::Malformed => "malformed",
            Self::Limit => "limit",
            Self::Replaced => "replaced",
            Self::Identity => "identity",
            Self::TooOften => "too_often",
        }
    }
}

/// Counts by reason since the start.
#[derive(Debug, Default)]
pub struct Refusals([AtomicU64; Reason::ALL.len()]);

impl Refusals {
    /// One more.
    pub fn add(&self, reason: Reason) {
        if let Some(count) = self.0.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The count of each reason.
    pub fn read(&self) -> impl Iterator<Item = (Reason, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        Reason::ALL.into_iter().zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_reason_has_a_count_and_a_word_of_its_own() {
        let refusals = Refusals::default();
        for (number, reason) in Reason::ALL.into_iter().enumerate() {
            (0..=number).for_each(|_| refusals.add(reason));
        }
        let counts: Vec<u64> = refusals.read().map(|(_, count)| count).collect();
        assert_eq!(counts, (1..=11).collect::<Vec<u64>>());
        let words: BTreeSet<&str> = Reason::ALL.into_iter().map(Reason::name).collect();
        assert_eq!(words.len(), Reason::ALL.len());
    }
}
