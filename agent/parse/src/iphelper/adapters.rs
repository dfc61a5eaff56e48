//! The answer of `GetAdaptersAddresses`: a chain of adapters, each with chains of addresses. Every pointer in it points
//! into the answer itself; one that does not ends its chain.

use std::{cell::Cell, net::IpAddr};

use super::{ip_of, u32_at, u64_at};
use crate::registry::parse_wide;

/// Most adapters, and most entries of one chain.
const MAX_CHAIN: usize = 1_024;
/// Most entries of all chains together.
const MAX_ENTRIES: usize = 8_192;
/// Longest name in bytes.
const MAX_NAME: usize = 1_024;
/// The adapter asks for its address.
const DHCP: u32 = 0x4;

/// How an address came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// By hand.
    Manual,
    /// From a DHCP server.
    Dhcp,
    /// From the router's announcements.
    Router,
    /// By a rule that needs nobody, as link-local addresses.
    WellKnown,
    /// In some other way.
    #[default]
    Other,
}

/// One address of an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unicast {
    /// The address.
    pub ip: IpAddr,
    /// Length of the network's part in bits.
    pub prefix: u8,
    /// How it came to be.
    pub origin: Origin,
    /// Made up for privacy, and soon another.
    pub temporary: bool,
}

/// One adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adapter {
    /// Name of its settings in the registry: `{GUID}`.
    pub id: String,
    /// Number by which routes and neighbours name it.
    pub index: u32,
    /// Number for IPv6.
    pub index6: u32,
    /// Number that stays as long as it is installed.
    pub luid: u64,
    /// Name that people see.
    pub name: String,
    /// What it is, as its driver says.
    pub description: String,
    /// Hardware address.
    pub mac: Vec<u8>,
    /// Kind, by IANA's numbers.
    pub kind: u32,
    /// Ready to send.
    pub up: bool,
    /// Asks for its IPv4 address.
    pub dhcp: bool,
    /// Addresses.
    pub addresses: Vec<Unicast>,
    /// Name servers.
    pub dns: Vec<IpAddr>,
    /// Gateways.
    pub gateways: Vec<IpAddr>,
    /// Names that are added to a short one.
    pub suffix: String,
}

struct Answer<'a> {
    base: u64,
    bytes: &'a [u8],
    left: Cell<usize>,
}

impl<'a> Answer<'a> {
    /// What a pointer points to, up to the end of the answer.
    fn at(&self, pointer: u64) -> Option<&'a [u8]> {
        let offset = usize::try_from(pointer.checked_sub(self.base)?).ok()?;
        self.bytes
            .get(offset..)
            .filter(|rest| pointer != 0 && !rest.is_empty())
    }

    fn text(&self, pointer: Option<u64>) -> String {
        let found = pointer.and_then(|pointer| self.at(pointer)).unwrap_or_default();
        parse_wide(found.get(..found.len().min(MAX_NAME)).unwrap_or_default())
    }

    /// Calls back with every entry of a chain whose links stand at `link`.
    fn chain(&self, first: Option<u64>, link: usize, mut each: impl FnMut(&'a [u8])) {
        let mut next = first;
        for _ in 0..MAX_CHAIN {
            let Some(entry) = next.and_then(|pointer| self.at(pointer)) else {
                return;
            };
            let Some(left) = self.left.get().checked_sub(1) else {
                return;
            };
            self.left.set(left);
            each(entry);
            next = u64_at(entry, link);
        }
    }

    /// The address of an entry, whose pointer and length stand at 16.
    fn address(&self, entry: &[u8]) -> Option<IpAddr> {
        let length = usize::try_from(u32_at(entry, 24)?).ok()?;
        let found = self.at(u64_at(entry, 16)?)?;
        ip_of(found.get(..length.min(found.len()))?)
    }
}

/// Adapters of an answer that was written at the address `base`.
pub fn parse_adapters(bytes: &[u8], base: u64) -> Vec<Adapter> {
    let answer = Answer {
        base,
        bytes,
        left: Cell::new(MAX_ENTRIES),
    };
    let mut all = Vec::new();
    answer.chain(Some(base), 8, |entry| all.extend(adapter(&answer, entry)));
    all
}

fn adapter(answer: &Answer<'_>, entry: &[u8]) -> Option<Adapter> {
    let id = answer.at(u64_at(entry, 16)?)?;
    let end = id.iter().position(|byte| *byte == 0)?.min(64);
    let length = usize::try_from(u32_at(entry, 88)?).ok()?.min(8);
    let mut addresses = Vec::new();
    answer.chain(u64_at(entry, 24), 8, |of| {
        if let (Some(ip), Some(prefix)) = (answer.address(of), of.get(56)) {
            addresses.push(Unicast {
                ip,
                prefix: *prefix,
                origin: origin(u32_at(of, 32)),
                temporary: u32_at(of, 36) == Some(5),
            });
        }
    });
    let list = |at: usize| {
        let mut found = Vec::new();
        answer.chain(u64_at(entry, at), 8, |of| found.extend(answer.address(of)));
        found
    };
    Some(Adapter {
        id: id.get(..end)?.iter().copied().map(char::from).collect(),
        index: u32_at(entry, 4)?,
        index6: u32_at(entry, 108)?,
        luid: u64_at(entry, 224)?,
        name: answer.text(u64_at(entry, 72)),
        description: answer.text(u64_at(entry, 64)),
        mac: entry.get(80..80 + length)?.to_vec(),
        kind: u32_at(entry, 100)?,
        up: u32_at(entry, 104)? == 1,
        dhcp: u32_at(entry, 92)? & DHCP != 0,
        addresses,
        dns: list(48),
        gateways: list(208),
        suffix: answer.text(u64_at(entry, 56)),
    })
}

fn origin(number: Option<u32>) -> Origin {
    match number {
        Some(1) => Origin::Manual,
        Some(2) => Origin::WellKnown,
        Some(3) => Origin::Dhcp,
        Some(4) => Origin::Router,
        _ => Origin::Other,
    }
}

/// Writes answers for tests.
#[doc(hidden)]
pub mod sample {
    use std::net::IpAddr;

    /// An answer at `base` with one adapter: identity, name, hardware address, one address with its origin, a gateway.
    pub fn answer(
        base: u64,
        id: &str,
        name: &str,
        mac: &[u8; 6],
        ip: IpAddr,
        origin: u32,
        gateway: IpAddr,
    ) -> Vec<u8> {
        let mut bytes = vec![0u8; 448];
        let put = |bytes: &mut Vec<u8>, at: usize, value: &[u8]| {
            for (to, from) in bytes.iter_mut().skip(at).zip(value) {
                *to = *from;
            }
        };
        let add = |bytes: &mut Vec<u8>, value: &[u8]| -> u64 {
            while !bytes.len().is_multiple_of(8) {
                bytes.push(0);
            }
            let at = base + bytes.len() as u64;
            bytes.extend_from_slice(value);
            at
        };
        let socket = |ip: IpAddr| -> Vec<u8> {
            match ip {
                IpAddr::V4(ip) => [&[2, 0, 0, 0][..], &ip.octets(), &[0; 8]].concat(),
                IpAddr::V6(ip) => [&[23, 0, 0, 0, 0, 0, 0, 0][..], &ip.octets(), &[0; 4]].concat(),
            }
        };
        let wide: Vec<u8> = name
            .encode_utf16()
            .chain([0])
            .flat_map(u16::to_le_bytes)
            .collect();
        let id = add(&mut bytes, &[id.as_bytes(), &[0]].concat());
        let name = add(&mut bytes, &wide);
        let entry = |bytes: &mut Vec<u8>, of: IpAddr, origin: u32| -> u64 {
            let raw = socket(of);
            let place = add(bytes, &raw);
            let mut entry = vec![0u8; 64];
            put(&mut entry, 16, &place.to_le_bytes());
            put(&mut entry, 24, &(raw.len() as u32).to_le_bytes());
            put(&mut entry, 32, &origin.to_le_bytes());
            put(&mut entry, 56, &[24]);
            add(bytes, &entry)
        };
        let unicast = entry(&mut bytes, ip, origin);
        let gateway = entry(&mut bytes, gateway, 0);
        for (at, value) in [(16, id), (24, unicast), (72, name), (208, gateway), (224, 7)] {
            put(&mut bytes, at, &value.to_le_bytes());
        }
        for (at, value) in [(4, 3u32), (88, 6), (92, 4), (100, 6), (104, 1), (108, 3)] {
            put(&mut bytes, at, &value.to_le_bytes());
        }
        put(&mut bytes, 80, mac);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 0x1_0000;
    const MAC: [u8; 6] = [0, 1, 2, 3, 4, 5];

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_adapter_is_read_with_its_addresses() {
        let bytes = sample::answer(BASE, "{A}", "以太网", &MAC, ip("10.0.0.7"), 3, ip("10.0.0.1"));
        let all = parse_adapters(&bytes, BASE);
        assert_eq!(all.len(), 1);
        let adapter = &all[0];
        assert_eq!((adapter.id.as_str(), adapter.name.as_str()), ("{A}", "以太网"));
        assert_eq!(
            (adapter.mac.as_slice(), adapter.kind, adapter.index),
            (&MAC[..], 6, 3)
        );
        assert!(adapter.up && adapter.dhcp);
        assert_eq!(adapter.gateways, [ip("10.0.0.1")]);
        let address = &adapter.addresses[0];
        assert_eq!(
            (address.ip, address.prefix, address.origin),
            (ip("10.0.0.7"), 24, Origin::Dhcp)
        );
    }

    #[test]
    fn a_chain_that_leads_to_its_own_begin_ends() {
        let mut bytes = sample::answer(BASE, "{A}", "x", &MAC, ip("fd00::1"), 1, ip("fd00::2"));
        bytes[8..16].copy_from_slice(&BASE.to_le_bytes());
        assert_eq!(parse_adapters(&bytes, BASE).len(), MAX_CHAIN);
    }

    #[test]
    fn pointers_out_of_the_answer_lead_nowhere() {
        let mut bytes = sample::answer(BASE, "{A}", "x", &MAC, ip("10.0.0.7"), 1, ip("10.0.0.1"));
        bytes[24..32].copy_from_slice(&(BASE - 1).to_le_bytes());
        bytes[208..216].copy_from_slice(&u64::MAX.to_le_bytes());
        let all = parse_adapters(&bytes, BASE);
        assert!(all[0].addresses.is_empty() && all[0].gateways.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_fail(bytes in proptest::collection::vec(0u8.., 0..1_000)) {
            assert!(parse_adapters(&bytes, 0x100).len() <= MAX_CHAIN);
        }
    }
}
