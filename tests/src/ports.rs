//! Ports for servers that must be told one before they start.
//!
//! A port that the system chose and took back may be given to anybody until the server has it, and some servers take
//! seconds. So these ports lie below the range from which the system chooses, and each test process begins at a place of
//! its own: processes that run at the same time have numbers near each other, and so different ports.

use std::{
    net::{TcpListener, UdpSocket},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result};

/// The first of them; above what programs of a PC usually listen on.
const FIRST: u32 = 12_000;
/// How many there are: the system's own choice begins at 32,768 (`ip_local_port_range`).
const COUNT: u32 = 20_000;
/// How many of them a process has for itself, as long as nobody else took them.
const EACH: u32 = 16;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A port of this machine on which nobody listens, neither for TCP nor for UDP, on no address of it.
///
/// # Errors
/// When there is none.
pub fn free() -> Result<u16> {
    let start = process::id().wrapping_mul(EACH);
    (0..COUNT)
        .map(|_| start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT + FIRST)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| {
            TcpListener::bind(("0.0.0.0", *port)).is_ok() && UdpSocket::bind(("0.0.0.0", *port)).is_ok()
        })
        .context("every port of this machine is taken")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_is_none_that_the_system_gives() {
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
        let lowest: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
        let ports: Vec<_> = (0..100).map(|_| free().unwrap()).collect();
        for (at, port) in ports.iter().enumerate() {
            assert!(*port < lowest, "{port}");
            assert!(!ports[..at].contains(port), "{port}");
        }
    }

    #[test]
    fn a_port_that_somebody_has_is_not_given() {
        let start = free().unwrap();
        let taken: Vec<_> = (1..4)
            .filter_map(|ahead| TcpListener::bind(("127.0.0.2", start + ahead)).ok())
            .collect();
        let taken: Vec<_> = taken.iter().map(|one| one.local_addr().unwrap().port()).collect();
        assert!(!taken.is_empty());
        let next = free().unwrap();
        assert!(!taken.contains(&next), "{next}");
    }
}
