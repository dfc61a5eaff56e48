//! A subnet as a grid: what is known of each of its IPv4 addresses, as one word. Pure; what is known comes from the
//! store.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::Ipv4Addr,
};

use crate::model::{AssetId, DhcpRange, LedgerEntry};

/// A subnet of at most 1,024 addresses, a larger one is shown by parts of that size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    first: u32,
    prefix: u8,
}

impl Subnet {
    /// Reads `10.1.2.0/24`; without a length it is a /24. The address may be any of the subnet. A subnet that is larger
    /// than a /22 gives the /22 that the address is in.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, prefix.trim().parse().ok()?),
            None => (text.trim(), 24),
        };
        let address: Ipv4Addr = address.trim().parse().ok()?;
        (8..=30).contains(&prefix).then(|| Self::around(address, prefix))
    }

    /// The one of that size that an address is in.
    pub fn around(address: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.clamp(22, 30);
        Self {
            first: u32::from(address) & (u32::MAX << (32 - prefix)),
            prefix,
        }
    }

    /// Its first address.
    pub fn first(self) -> Ipv4Addr {
        self.first.into()
    }

    /// How many addresses it has.
    pub const fn size(self) -> u32 {
        1 << (32 - self.prefix)
    }

    /// All of them.
    pub fn addresses(self) -> impl Iterator<Item = Ipv4Addr> {
        (0..self.size()).map(move |step| Ipv4Addr::from(self.first + step))
    }

    /// The one before it and the one behind it, of the same size.
    pub fn beside(self) -> [Option<Self>; 2] {
        let at = |first: Option<u32>| {
            first.map(|first| Self {
                first,
                prefix: self.prefix,
            })
        };
        [
            at(self.first.checked_sub(self.size())),
            at(self.first.checked_add(self.size())),
        ]
    }

    /// Its first address is its name and its last one everybody: neither is given to a PC.
    fn is_reserved(self, address: Ipv4Addr) -> bool {
        let step = u32::from(address).wrapping_sub(self.first);
        // Of a part of a larger subnet nobody knows.
        self.prefix >= 24 && (step == 0 || step == self.size() - 1)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first(), self.prefix)
    }
}

/// What is known of neighbouring addresses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Addresses {
    /// Entries of the ledger, in the order of addresses.
    pub ledger: Vec<LedgerEntry>,
    /// Addresses that somebody has, by their text.
    pub seen: Vec<SeenAddress>,
    /// Addresses that open findings over several devices are about, and the newest finding of each.
    pub findings: Vec<(String, i64)>,
}

/// An address that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenAddress {
    /// The address.
    pub address: String,
    /// Whose current device says that it has it.
    pub asset: Option<AssetId>,
    /// It is said to be a gateway.
    pub router: bool,
}

/// What an address is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// A finding says that it is in conflict or taken.
    Conflict,
    /// Of a gateway.
    Gateway,
    /// Assigned, and somebody uses it.
    Assigned,
    /// Assigned, and nobody is seen with it.
    Unseen,
    /// Somebody uses it, and it is assigned to nobody.
    Unassigned,
    /// Handed out by a DHCP server, and in use.
    Leased,
    /// Handed out by a DHCP server.
    Dhcp,
    /// Not for PCs.
    Reserved,
    /// Nobody's.
    Free,
}

impl Use {
    /// All, in the order in which they are explained.
    pub const ALL: [Self; 9] = [
        Self::Conflict,
        Self::Assigned,
        Self::Unseen,
        Self::Unassigned,
        Self::Leased,
        Self::Dhcp,
        Self::Gateway,
        Self::Reserved,
        Self::Free,
    ];

    /// The name used on pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Gateway => "gateway",
            Self::Assigned => "assigned",
            Self::Unseen => "unseen",
            Self::Unassigned => "unassigned",
            Self::Leased => "leased",
            Self::Dhcp => "dhcp",
            Self::Reserved => "reserved",
            Self::Free => "free",
        }
    }

    /// One character that stands for it, so that nothing is told by colour alone.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Conflict => "!",
            Self::Gateway => "G",
            Self::Assigned => "●",
            Self::Unseen => "○",
            Self::Unassigned => "?",
            Self::Leased => "◆",
            Self::Dhcp => "◇",
            Self::Reserved => "–",
            Self::Free => "·",
        }
    }
}

/// One address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address.
    pub address: Ipv4Addr,
    /// What it is used for.
    pub used: Use,
    /// The finding about it.
    pub finding: Option<i64>,
    /// Whose it is: by the ledger, else who uses it.
    pub asset: Option<AssetId>,
    /// The ledger's owner in words, where it names no asset.
    pub owner: Option<String>,
}

impl Subnet {
    /// Every address of the subnet, in order.
    pub fn places(self, known: &Addresses, ranges: &[DhcpRange]) -> Vec<Place> {
        let ledger: BTreeMap<&str, &LedgerEntry> = known
            .ledger
            .iter()
            .map(|entry| (entry.address.as_str(), entry))
            .collect();
        let gateways: BTreeSet<&str> = known
            .ledger
            .iter()
            .filter_map(|entry| entry.gateway.as_deref())
            .collect();
        let seen: BTreeMap<&str, _> = known.seen.iter().map(|one| (one.address.as_str(), one)).collect();
        let findings: BTreeMap<&str, i64> = known
            .findings
            .iter()
            .map(|(address, id)| (address.as_str(), *id))
            .collect();
        let ranges: Vec<(Ipv4Addr, Ipv4Addr)> = ranges
            .iter()
            .filter_map(|range| Some((range.first.parse().ok()?, range.last.parse().ok()?)))
            .collect();
        self.addresses()
            .map(|address| {
                let text = address.to_string();
                let (entry, one) = (ledger.get(text.as_str()), seen.get(text.as_str()));
                let finding = findings.get(text.as_str()).copied();
                let leased = ranges
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&address));
                let router = gateways.contains(text.as_str()) || one.is_some_and(|one| one.router);
                let used = match (entry, one) {
                    _ if finding.is_some() => Use::Conflict,
                    _ if router => Use::Gateway,
                    (Some(_), Some(_)) => Use::Assigned,
                    (Some(_), None) => Use::Unseen,
                    (None, Some(_)) if leased => Use::Leased,
                    (None, Some(_)) => Use::Unassigned,
                    (None, None) if leased => Use::Dhcp,
                    (None, None) if self.is_reserved(address) => Use::Reserved,
                    (None, None) => Use::Free,
                };
                Place {
                    address,
                    used,
                    finding,
                    asset: entry
                        .and_then(|entry| entry.asset)
                        .or_else(|| one.and_then(|one| one.asset)),
                    owner: entry.and_then(|entry| entry.owner.clone()),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        Subnet::parse(text).unwrap()
    }

    #[test]
    fn a_subnet_is_read_and_a_large_one_shown_by_part() {
        assert_eq!(subnet("10.1.2.77").to_string(), "10.1.2.0/24");
        assert_eq!(subnet(" 10.1.2.77/26 ").to_string(), "10.1.2.64/26");
        assert_eq!(subnet("10.1.7.1/16").to_string(), "10.1.4.0/22");
        assert_eq!(subnet("10.1.7.1/16").size(), 1024);
        for text in [
            "",
            "x",
            "10.1.2.0/31",
            "10.1.2.0/7",
            "10.1.2.0/x",
            "::1/64",
            "10.1.2/24",
        ] {
            assert_eq!(Subnet::parse(text), None, "{text}");
        }
        let beside = |text: &str| subnet(text).beside().map(|one| one.map(|one| one.to_string()));
        assert_eq!(
            beside("10.1.2.0/24"),
            [Some("10.1.1.0/24".into()), Some("10.1.3.0/24".into())]
        );
        assert_eq!(beside("0.0.0.0/24")[0], None);
        assert_eq!(beside("255.255.255.0/24")[1], None);
        assert_eq!(subnet("255.255.255.252/30").addresses().count(), 4);
    }

    #[test]
    fn every_address_gets_the_word_that_matters_most() {
        let entry = |address: &str, gateway: Option<&str>| LedgerEntry {
            gateway: gateway.map(str::to_owned),
            asset: Some(AssetId(4)),
            ..LedgerEntry::of(address.into())
        };
        let seen = |address: &str, router| SeenAddress {
            address: address.into(),
            asset: Some(AssetId(9)),
            router,
        };
        let known = Addresses {
            ledger: vec![
                entry("10.1.2.2", Some("10.1.2.1")),
                entry("10.1.2.3", None),
                entry("10.1.2.9", None),
            ],
            seen: vec![
                seen("10.1.2.2", false),
                seen("10.1.2.4", false),
                seen("10.1.2.5", false),
                seen("10.1.2.9", false),
                seen("10.1.2.7", true),
            ],
            findings: vec![("10.1.2.9".into(), 70)],
        };
        let ranges = [DhcpRange {
            first: "10.1.2.5".into(),
            last: "10.1.2.6".into(),
            name: String::new(),
        }];
        let places = subnet("10.1.2.0/28").places(&known, &ranges);
        let marks: String = places.iter().map(|place| place.used.mark()).collect();
        assert_eq!(marks, "–G●○?◆◇G·!·····–");
        assert_eq!(
            (places[2].asset, places[4].asset, places[9].finding),
            (Some(AssetId(4)), Some(AssetId(9)), Some(70))
        );
    }
}
