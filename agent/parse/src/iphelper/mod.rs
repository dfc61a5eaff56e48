//! What the IP helper library of 64-bit Windows answers, as bytes: adapters with their addresses, neighbours, and the
//! tables of sockets with the programs that own them. Follows the addresses in an answer only within the answer.

pub mod adapters;
mod tables;

pub use adapters::{Adapter, Origin, Unicast, parse_adapters};
pub use tables::{Neighbour, Socket, parse_neighbours, parse_tcp4, parse_tcp6, parse_udp4, parse_udp6};

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const INET: u16 = 2;
const INET6: u16 = 23;

/// A socket address of either family.
fn ip_of(bytes: &[u8]) -> Option<IpAddr> {
    match u16_at(bytes, 0)? {
        INET => ip4_at(bytes, 4).map(IpAddr::V4),
        INET6 => ip6_at(bytes, 8).map(IpAddr::V6),
        _ => None,
    }
}

fn ip4_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}

fn ip6_at(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
    let octets: [u8; 16] = bytes.get(at..at.checked_add(16)?)?.try_into().ok()?;
    Some(Ipv6Addr::from(octets))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(
        bytes.get(at..at.checked_add(8)?)?.try_into().ok()?,
    ))
}
