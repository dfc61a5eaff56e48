//! How many connections there may be, in all and per peer, and the counts of what was let in or not.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Counts since the listener was bound.
#[derive(Debug, Default)]
pub struct Counters {
    accepted: AtomicU64,
    served: AtomicU64,
    over_total: AtomicU64,
    over_peer: AtomicU64,
    handshake_failed: AtomicU64,
    handshake_timed_out: AtomicU64,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// TCP connections accepted.
    pub accepted: u64,
    /// Handshakes finished and handed on.
    pub served: u64,
    /// Closed at once: too many in all.
    pub over_total: u64,
    /// Closed at once: too many of that peer.
    pub over_peer: u64,
    /// Handshakes that failed, as one with a certificate that is not trusted or has expired.
    pub handshake_failed: u64,
    /// Handshakes that took too long.
    pub handshake_timed_out: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted {
    Accepted,
    Served,
    OverTotal,
    OverPeer,
    HandshakeFailed,
    HandshakeTimedOut,
}

impl Counters {
    /// The counts now.
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            accepted: read(&self.accepted),
            served: read(&self.served),
            over_total: read(&self.over_total),
            over_peer: read(&self.over_peer),
            handshake_failed: read(&self.handshake_failed),
            handshake_timed_out: read(&self.handshake_timed_out),
        }
    }

    pub(super) fn count(&self, what: Counted) {
        let counter = match what {
            Counted::Accepted => &self.accepted,
            Counted::Served => &self.served,
            Counted::OverTotal => &self.over_total,
            Counted::OverPeer => &self.over_peer,
            Counted::HandshakeFailed => &self.handshake_failed,
            Counted::HandshakeTimedOut => &self.handshake_timed_out,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Live connections. Cloned handles share the counts.
#[derive(Clone, Debug)]
pub(super) struct Caps {
    total: usize,
    per_peer: usize,
    live: Arc<Mutex<Live>>,
}

#[derive(Debug, Default)]
struct Live {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// The place of one connection; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Place {
    live: Arc<Mutex<Live>>,
    peer: IpAddr,
}

impl Caps {
    pub(super) fn new(total: usize, per_peer: usize) -> Self {
        Self {
            total,
            per_peer,
            live: Arc::default(),
        }
    }

    pub(super) fn take(&self, peer: IpAddr) -> Result<Place, Counted> {
        let peer = holder(peer);
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.all >= self.total {
            return Err(Counted::OverTotal);
        }
        let of_peer = live.by_peer.entry(peer).or_default();
        if *of_peer >= self.per_peer {
            return Err(Counted::OverPeer);
        }
        *of_peer += 1;
        live.all += 1;
        Ok(Place {
            live: Arc::clone(&self.live),
            peer,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.all = live.all.saturating_sub(1);
        if let Some(count) = live.by_peer.get_mut(&self.peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                live.by_peer.remove(&self.peer);
            }
        }
    }
}

/// One subscriber holds a whole /64, so IPv6 is counted by that.
fn holder(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_limited_in_all_and_per_peer_and_come_back() {
        let caps = Caps::new(3, 2);
        let first = caps.take(ip("192.0.2.1")).unwrap();
        let _second = caps.take(ip("::ffff:192.0.2.1")).unwrap();
        assert!(matches!(caps.take(ip("192.0.2.1")), Err(Counted::OverPeer)));
        let _third = caps.take(ip("192.0.2.2")).unwrap();
        assert!(matches!(caps.take(ip("192.0.2.3")), Err(Counted::OverTotal)));
        drop(first);
        assert!(caps.take(ip("192.0.2.1")).is_ok());
    }

    #[test]
    fn neighbours_within_one_ipv6_subnet_share_a_cap() {
        let caps = Caps::new(9, 1);
        let _first = caps.take(ip("2001:db8::1")).unwrap();
        assert!(matches!(caps.take(ip("2001:db8::2")), Err(Counted::OverPeer)));
        assert!(caps.take(ip("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn a_peer_that_left_leaves_no_entry() {
        let caps = Caps::new(9, 1);
        drop(caps.take(ip("192.0.2.1")).unwrap());
        assert!(caps.live.lock().unwrap().by_peer.is_empty());
    }
}
