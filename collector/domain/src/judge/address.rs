//! Clause 3.2.5: an interface against the IP ledger, or without an entry against the accepted baseline.

use std::net::IpAddr;

use deskwarden_proto::{
    key,
    v1::{AddressMode, InterfaceKind, Network, facet},
};
use serde_json::{Map, Value, json};

use super::changed::Difference;
use crate::{
    model::{DhcpRange, LedgerEntry, LedgerMode},
    rules::Aspect,
};

/// `{field: {"before" (assigned or accepted), "after"}}`.
type Faults = Map<String, Value>;

/// What is wrong with an interface, or `None`.
pub(super) fn breach(
    now: Option<&facet::Kind>,
    baseline: Option<&facet::Kind>,
    seeded: bool,
    ledger: &[LedgerEntry],
    ranges: &[DhcpRange],
    aspects: &[Aspect],
) -> Option<Difference> {
    // An interface that vanished holds no address; its loss is a matter of parts.
    let Some(facet::Kind::Network(now)) = now else {
        return None;
    };
    if !judged(now) {
        return None;
    }
    let addresses = addresses(now);
    if addresses.is_empty() {
        // A cable that was pulled is no change of address.
        return None;
    }
    if !ledger.is_empty() {
        let mut faults = against_ledger(now, &addresses, ledger, ranges);
        only(aspects, &mut faults);
        return (!faults.is_empty()).then_some(Difference::Ledger(faults));
    }
    if !seeded {
        return None;
    }
    let mut faults = match baseline {
        Some(facet::Kind::Network(was)) => against_baseline(was, now, &addresses),
        _ => new_interface(now, &addresses),
    };
    only(aspects, &mut faults);
    (!faults.is_empty()).then_some(Difference::Fields(faults))
}

/// VPN, bridges of container hosts and the like get their addresses by themselves.
fn judged(interface: &Network) -> bool {
    matches!(
        interface.kind(),
        InterfaceKind::Ethernet
            | InterfaceKind::Wifi
            | InterfaceKind::Mobile
            | InterfaceKind::Other
            | InterfaceKind::Unspecified
    )
}

/// Keeps what a rule is about; without aspects it is about all of them.
fn only(aspects: &[Aspect], faults: &mut Faults) {
    if !aspects.is_empty() {
        faults.retain(|field, _| aspects.iter().any(|aspect| aspect.field() == field));
    }
}

fn against_ledger(now: &Network, addresses: &[Held], ledger: &[LedgerEntry], ranges: &[DhcpRange]) -> Faults {
    let mut faults = Faults::new();
    for held in addresses
        .iter()
        .filter(|held| held.ip.is_ipv4() || ledger.iter().any(|e| is_v6(&e.address)))
    {
        let Some(entry) = ledger.iter().find(|entry| entry.address.parse() == Ok(held.ip)) else {
            // A second interface that asks a DHCP server of ours takes what it is given.
            if held.mode == AddressMode::Dhcp && ranges.iter().any(|range| range.holds(held.ip)) {
                continue;
            }
            let assigned: Vec<&str> = ledger.iter().map(|entry| entry.address.as_str()).collect();
            fault(
                &mut faults,
                "addresses",
                json!(assigned),
                json!([held.ip.to_string()]),
            );
            continue;
        };
        if entry
            .prefix
            .is_some_and(|prefix| u32::from(prefix) != held.prefix)
        {
            fault(&mut faults, "prefix", json!(entry.prefix), json!(held.prefix));
        }
        if entry
            .gateway
            .as_ref()
            .is_some_and(|gateway| !now.gateways.is_empty() && !now.gateways.contains(gateway))
        {
            fault(&mut faults, "gateways", json!(entry.gateway), json!(now.gateways));
        }
        if !entry.dns.is_empty()
            && !now.dns.is_empty()
            && !now.dns.iter().all(|server| entry.dns.contains(server))
        {
            fault(&mut faults, "dns", json!(entry.dns), json!(now.dns));
        }
        let expected = entry.mode.map(|mode| match mode {
            LedgerMode::Static => AddressMode::Static,
            LedgerMode::Dhcp => AddressMode::Dhcp,
        });
        if expected.is_some_and(|mode| known(held.mode) && mode != held.mode) {
            fault(
                &mut faults,
                "mode",
                json!(mode_name(expected.unwrap_or_default())),
                json!(mode_name(held.mode)),
            );
        }
        if entry
            .mac
            .as_ref()
            .is_some_and(|mac| !now.mac.is_empty() && key::mac(mac) != key::mac(&now.mac))
        {
            fault(&mut faults, "mac", json!(entry.mac), json!(now.mac));
        }
    }
    faults
}

fn against_baseline(was: &Network, now: &Network, addresses: &[Held]) -> Faults {
    let accepted = self::addresses(was);
    let mut faults = Faults::new();
    let (mode_was, mode_now) = (mode(was, &accepted), mode(now, addresses));
    if known(mode_was) && known(mode_now) && mode_was != mode_now {
        fault(
            &mut faults,
            "mode",
            json!(mode_name(mode_was)),
            json!(mode_name(mode_now)),
        );
    }
    // What a DHCP server hands out is its own affair.
    if mode_was == AddressMode::Dhcp && mode_now == AddressMode::Dhcp {
        return faults;
    }
    if accepted.is_empty() {
        faults.extend(new_interface(now, addresses));
    } else if texts(&accepted) != texts(addresses) {
        fault(
            &mut faults,
            "addresses",
            json!(texts(&accepted)),
            json!(texts(addresses)),
        );
    }
    if !was.gateways.is_empty() && !now.gateways.is_empty() && sorted(&was.gateways) != sorted(&now.gateways)
    {
        fault(&mut faults, "gateways", json!(was.gateways), json!(now.gateways));
    }
    if !was.dns.is_empty() && !now.dns.is_empty() && sorted(&was.dns) != sorted(&now.dns) {
        fault(&mut faults, "dns", json!(was.dns), json!(now.dns));
    }
    if now.kind() == InterfaceKind::Ethernet
        && !was.mac.is_empty()
        && !now.mac.is_empty()
        && was.mac != now.mac
    {
        fault(&mut faults, "mac", json!(was.mac), json!(now.mac));
    }
    faults
}

/// An interface that was never accepted: an address from DHCP is no private change, a chosen one is.
fn new_interface(now: &Network, addresses: &[Held]) -> Faults {
    let mut faults = Faults::new();
    if mode(now, addresses) != AddressMode::Dhcp {
        fault(&mut faults, "addresses", json!([]), json!(texts(addresses)));
    }
    faults
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    ip: IpAddr,
    prefix: u32,
    mode: AddressMode,
}

/// Addresses that somebody assigned: not link-local, not from router advertisements.
fn addresses(interface: &Network) -> Vec<Held> {
    let mut held: Vec<Held> = interface
        .addresses
        .iter()
        .filter_map(|address| {
            let mode = address.mode();
            let ip: IpAddr = address.ip.parse().ok()?;
            let chosen =
                !matches!(mode, AddressMode::LinkLocal | AddressMode::Autoconf) && !is_link_local(ip);
            chosen.then_some(Held {
                ip,
                prefix: address.prefix,
                mode,
            })
        })
        .collect();
    held.sort_unstable();
    held.dedup();
    held
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_loopback(),
    }
}

fn is_v6(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6())
}

fn mode(interface: &Network, addresses: &[Held]) -> AddressMode {
    if known(interface.mode()) {
        return interface.mode();
    }
    addresses
        .iter()
        .map(|held| held.mode)
        .find(|mode| known(*mode))
        .unwrap_or_default()
}

const fn known(mode: AddressMode) -> bool {
    matches!(mode, AddressMode::Dhcp | AddressMode::Static)
}

const fn mode_name(mode: AddressMode) -> &'static str {
    match mode {
        AddressMode::Dhcp => "dhcp",
        AddressMode::Static => "static",
        AddressMode::LinkLocal => "link_local",
        AddressMode::Autoconf => "autoconf",
        AddressMode::Unknown | AddressMode::Unspecified => "unknown",
    }
}

fn texts(addresses: &[Held]) -> Vec<String> {
    addresses
        .iter()
        .map(|held| format!("{}/{}", held.ip, held.prefix))
        .collect()
}

fn sorted(values: &[String]) -> Vec<&String> {
    let mut sorted: Vec<&String> = values.iter().collect();
    sorted.sort();
    sorted
}

/// Adds a fault. Of an interface with several addresses each may have one of its own: all are told.
fn fault(faults: &mut Faults, field: &str, before: Value, after: Value) {
    let side = |pair: &Value, name: &str| pair.get(name).cloned().unwrap_or_default();
    let told = faults
        .get(field)
        .map(|pair| (side(pair, "before"), side(pair, "after")));
    let (before, after) = match told {
        Some((earlier, of)) => (both(earlier, before), both(of, after)),
        None => (before, after),
    };
    faults.insert(field.to_owned(), json!({"before": before, "after": after}));
}

/// One value where they are the same, else each of them once.
fn both(one: Value, other: Value) -> Value {
    if one == other {
        return one;
    }
    let mut all = Vec::new();
    for value in [one, other] {
        match value {
            Value::Array(values) => all.extend(values),
            value => all.push(value),
        }
    }
    let mut seen: Vec<Value> = Vec::new();
    for value in all {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    Value::Array(seen)
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::v1::Address;

    use super::*;

    fn breach(
        now: Option<&facet::Kind>,
        baseline: Option<&facet::Kind>,
        seeded: bool,
        ledger: &[LedgerEntry],
    ) -> Option<Difference> {
        super::breach(now, baseline, seeded, ledger, &[], &[])
    }

    fn interface(mode: AddressMode, ip: &str) -> facet::Kind {
        facet::Kind::Network(Network {
            interface: "eth0".into(),
            kind: InterfaceKind::Ethernet.into(),
            mac: "00:1a:2b:3c:4d:5e".into(),
            addresses: if ip.is_empty() {
                Vec::new()
            } else {
                vec![Address {
                    ip: ip.into(),
                    prefix: 24,
                    mode: mode.into(),
                    configured_only: false,
                }]
            },
            gateways: vec!["192.0.2.1".into()],
            mode: mode.into(),
            up: true,
            ..Network::default()
        })
    }

    fn entry(address: &str) -> LedgerEntry {
        LedgerEntry {
            prefix: Some(24),
            gateway: Some("192.0.2.1".into()),
            mode: Some(LedgerMode::Static),
            ..LedgerEntry::of(address.into())
        }
    }

    #[test]
    fn another_static_address_than_the_accepted_one_is_a_breach() {
        let was = interface(AddressMode::Static, "192.0.2.7");
        let now = interface(AddressMode::Static, "192.0.2.8");
        let Some(Difference::Fields(fields)) = breach(Some(&now), Some(&was), true, &[]) else {
            panic!()
        };
        assert_eq!(fields["addresses"]["after"], json!(["192.0.2.8/24"]));
        assert!(breach(Some(&was), Some(&was), true, &[]).is_none());
    }

    #[test]
    fn before_first_contact_nothing_is_changed() {
        assert!(
            breach(
                Some(&interface(AddressMode::Static, "192.0.2.8")),
                None,
                false,
                &[]
            )
            .is_none()
        );
    }

    #[test]
    fn a_new_lease_is_no_breach_but_leaving_dhcp_is() {
        let was = interface(AddressMode::Dhcp, "192.0.2.7");
        assert!(
            breach(
                Some(&interface(AddressMode::Dhcp, "192.0.2.99")),
                Some(&was),
                true,
                &[]
            )
            .is_none()
        );
        assert!(
            breach(
                Some(&interface(AddressMode::Static, "192.0.2.7")),
                Some(&was),
                true,
                &[]
            )
            .is_some()
        );
    }

    #[test]
    fn a_pulled_cable_is_no_breach() {
        let was = interface(AddressMode::Static, "192.0.2.7");
        assert!(
            breach(
                Some(&interface(AddressMode::Unspecified, "")),
                Some(&was),
                true,
                &[]
            )
            .is_none()
        );
        assert!(breach(None, Some(&was), true, &[]).is_none());
    }

    #[test]
    fn the_ledger_outranks_the_baseline() {
        let now = interface(AddressMode::Static, "192.0.2.8");
        assert!(breach(Some(&now), Some(&now), true, &[entry("192.0.2.7")]).is_some());
        assert!(breach(Some(&now), None, true, &[entry("192.0.2.8")]).is_none());
    }

    #[test]
    fn a_lease_out_of_a_range_of_ours_is_as_assigned() {
        let ranges = [DhcpRange {
            first: "192.0.2.100".into(),
            last: "192.0.2.199".into(),
            name: String::new(),
        }];
        let judged = |mode, ip: &str| {
            let now = interface(mode, ip);
            super::breach(Some(&now), None, true, &[entry("192.0.2.7")], &ranges, &[])
        };
        assert!(judged(AddressMode::Dhcp, "192.0.2.150").is_none());
        assert!(judged(AddressMode::Dhcp, "192.0.2.50").is_some());
        assert!(judged(AddressMode::Static, "192.0.2.150").is_some());
    }

    #[test]
    fn a_rule_about_one_aspect_is_silent_about_the_others() {
        let assigned = LedgerEntry {
            gateway: Some("192.0.2.254".into()),
            dns: vec!["192.0.2.53".into()],
            mac: Some("00:1a:2b:3c:4d:5f".into()),
            ..entry("192.0.2.7")
        };
        let facet::Kind::Network(mut now) = interface(AddressMode::Static, "192.0.2.7") else {
            panic!()
        };
        now.dns = vec!["8.8.8.8".into()];
        let now = facet::Kind::Network(now);
        for (aspect, field) in [
            (Aspect::Gateway, "gateways"),
            (Aspect::Dns, "dns"),
            (Aspect::Mac, "mac"),
        ] {
            let found = super::breach(
                Some(&now),
                None,
                true,
                std::slice::from_ref(&assigned),
                &[],
                &[aspect],
            );
            let Some(Difference::Ledger(fields)) = found else {
                panic!("{aspect:?}")
            };
            assert_eq!(fields.keys().collect::<Vec<_>>(), [field]);
        }
        let found = super::breach(Some(&now), None, true, &[assigned], &[], &[Aspect::Address]);
        assert!(found.is_none());
    }

    #[test]
    fn every_address_that_is_not_assigned_is_told() {
        let facet::Kind::Network(mut now) = interface(AddressMode::Static, "192.0.2.8") else {
            panic!()
        };
        let second = |ip: &str| Address {
            ip: ip.into(),
            prefix: 25,
            mode: AddressMode::Static.into(),
            configured_only: false,
        };
        now.addresses
            .extend(["192.0.2.9", "192.0.2.7", "192.0.2.6"].map(second));
        let now = facet::Kind::Network(now);
        let wide = LedgerEntry {
            prefix: Some(16),
            ..entry("192.0.2.6")
        };
        let found = breach(Some(&now), None, true, &[entry("192.0.2.7"), wide]);
        let Some(Difference::Ledger(fields)) = found else {
            panic!()
        };
        assert_eq!(
            fields["addresses"],
            json!({"before": ["192.0.2.7", "192.0.2.6"], "after": ["192.0.2.8", "192.0.2.9"]})
        );
        assert_eq!(
            fields["prefix"],
            json!({"before": [16, 24], "after": 25}),
            "and every mask that is another one"
        );
    }

    #[test]
    fn a_vpn_does_not_cry_wolf() {
        let facet::Kind::Network(mut vpn) = interface(AddressMode::Static, "10.8.0.2") else {
            panic!()
        };
        vpn.kind = InterfaceKind::Vpn.into();
        assert!(
            breach(
                Some(&facet::Kind::Network(vpn)),
                None,
                true,
                &[entry("192.0.2.7")]
            )
            .is_none()
        );
    }
}
