//! A ledger proposed from what PCs report: what a person would otherwise type in from room to room.

use std::collections::BTreeMap;

use deskwarden_proto::{
    key,
    v1::{AddressMode, InterfaceKind, Network},
};

use crate::model::{AssetId, LedgerEntry, LedgerMode};

/// A proposal, and why a person should look twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// The entry.
    pub entry: LedgerEntry,
    /// Another PC reports the same address: somebody has to say whose it is.
    pub disputed: bool,
    /// An open finding is about this address, or about the addresses of this PC: to accept it would make a breach right.
    pub breach: bool,
}

impl Learned {
    /// Whether nothing speaks against it: only such are accepted all at once.
    pub const fn is_plain(&self) -> bool {
        !self.disputed && !self.breach
    }
}

/// The clause about assigned addresses, and how the ids of its rules begin that say that an address is not as assigned.
pub const ADDRESS_CLAUSE: &str = "PC 3.2.5";
/// See [`ADDRESS_CLAUSE`].
pub const ADDRESS_RULES: &str = "pc.address";

/// Proposes an entry for every address that a PC was set to by hand. What a DHCP server hands out belongs
/// into a range. Addresses that the ledger has already are not proposed.
pub fn propose(reports: &[(AssetId, Network)], assigned: &dyn Fn(&str) -> bool) -> Vec<Learned> {
    let mut found: BTreeMap<std::net::IpAddr, Learned> = BTreeMap::new();
    for (asset, interface) in reports {
        if !matches!(
            interface.kind(),
            InterfaceKind::Ethernet | InterfaceKind::Wifi | InterfaceKind::Mobile | InterfaceKind::Other
        ) {
            continue;
        }
        for address in &interface.addresses {
            let is_static = address.mode() == AddressMode::Static
                || (matches!(address.mode(), AddressMode::Unspecified | AddressMode::Unknown)
                    && interface.mode() == AddressMode::Static);
            let (true, Ok(ip)) = (is_static, address.ip.parse::<std::net::IpAddr>()) else {
                continue;
            };
            let text = ip.to_string();
            if ip.is_loopback() || ip.is_unspecified() || assigned(&text) {
                continue;
            }
            let of_family = |text: &&String| {
                text.parse::<std::net::IpAddr>()
                    .is_ok_and(|other| other.is_ipv4() == ip.is_ipv4())
            };
            let entry = LedgerEntry {
                address: text,
                prefix: u8::try_from(address.prefix).ok(),
                gateway: interface.gateways.iter().find(of_family).cloned(),
                dns: interface.dns.clone(),
                mode: Some(LedgerMode::Static),
                mac: Some(key::mac(&interface.mac)).filter(|mac| !mac.is_empty()),
                asset: Some(*asset),
                owner: None,
                place: None,
            };
            found
                .entry(ip)
                .and_modify(|known| known.disputed |= known.entry.asset != Some(*asset))
                .or_insert(Learned {
                    entry,
                    disputed: false,
                    breach: false,
                });
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::v1::Address;

    use super::*;

    fn report(asset: i64, kind: InterfaceKind, mode: AddressMode, ip: &str) -> (AssetId, Network) {
        let network = Network {
            kind: kind.into(),
            mac: "00-1A-2B-3C-4D-5E".into(),
            addresses: vec![Address {
                ip: ip.into(),
                prefix: 24,
                mode: mode.into(),
                configured_only: false,
            }],
            gateways: vec!["fe80::1".into(), "10.0.0.1".into()],
            ..Network::default()
        };
        (AssetId(asset), network)
    }

    #[test]
    fn addresses_set_by_hand_are_proposed_and_disputed_ones_marked() {
        let (wired, by_hand) = (InterfaceKind::Ethernet, AddressMode::Static);
        let reports = [
            report(1, wired, by_hand, "10.0.0.9"),
            report(2, wired, by_hand, "10.0.0.10"),
            report(3, wired, by_hand, "10.0.0.10"),
            report(4, wired, AddressMode::Dhcp, "10.0.0.11"),
            report(5, InterfaceKind::Vpn, by_hand, "10.8.0.2"),
            report(6, wired, by_hand, "10.0.0.12"),
        ];
        let learned = propose(&reports, &|address| address == "10.0.0.12");
        let found: Vec<(&str, bool)> = learned
            .iter()
            .map(|one| (one.entry.address.as_str(), one.disputed))
            .collect();
        assert_eq!(found, [("10.0.0.9", false), ("10.0.0.10", true)]);
        assert_eq!(learned[0].entry.gateway.as_deref(), Some("10.0.0.1"));
        assert_eq!(learned[0].entry.mac.as_deref(), Some("00:1a:2b:3c:4d:5e"));
    }
}
