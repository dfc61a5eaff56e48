//! What an item claims for rules over several devices: addresses, hardware addresses, serials of parts and of
//! removable media. Owns which items claim anything; what claims mean together is the matter of [`crate::cross`].

use std::collections::BTreeSet;

use deskwarden_proto::{
    decode::{self, ItemId},
    ids::DeviceId,
    key, part, section,
    v1::{AddressMode, InterfaceKind, Media, Neighbour, Network, Part, Section, facet},
};

use crate::{
    custody,
    model::{AssetId, BaselineItem, Claim, ClaimKind, ClaimNote, ClaimOrigin, is_machine},
    moment::day_end,
    port::Op,
};

/// The claims of one item. Interfaces that get their addresses by themselves, parts without a serial and
/// parts that are plugged in and out claim nothing.
pub fn claims_of(facet: &facet::Kind, id: &ItemId, asset: AssetId, device: DeviceId) -> Vec<Claim> {
    let maker = Maker {
        asset,
        device: Some(device),
        item_key: &id.key,
        origin: ClaimOrigin::Own,
    };
    match facet {
        facet::Kind::Network(interface) => network(interface, &maker),
        facet::Kind::Part(part) => part_claim(part, &maker).into_iter().collect(),
        facet::Kind::Neighbour(neighbour) => self::neighbour(neighbour, &maker),
        facet::Kind::Media(media) => vec![self::media(media, &maker)],
        _ => Vec::new(),
    }
}

/// The claims of an item of the accepted baseline: what belongs to the asset, whether it reports or not.
pub fn accepted_claims_of(facet: &facet::Kind, id: &ItemId, asset: AssetId) -> Vec<Claim> {
    let maker = Maker {
        asset,
        device: None,
        item_key: &id.key,
        origin: ClaimOrigin::Accepted,
    };
    match facet {
        facet::Kind::Network(interface) => network(interface, &maker),
        facet::Kind::Part(part) => part_claim(part, &maker).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The claims that an accepted item makes for its asset.
pub fn accepted(item: &BaselineItem, asset: AssetId) -> Vec<Claim> {
    decode::facet(item.id.section, &item.facet)
        .map(|kind| accepted_claims_of(&kind, &item.id, asset))
        .unwrap_or_default()
}

/// Whether items of a section claim anything.
pub const fn is_made_in(section: Section) -> bool {
    matches!(
        section,
        Section::Network | Section::Part | Section::Neighbour | Section::Media
    )
}

/// The item behind a claim, unique on its device.
pub fn key_of(id: &ItemId) -> String {
    format!("{}/{}/{}", section::name(id.section), id.source, id.key)
}

/// Replaces what an item claimed by what it claims now, and has every value looked at that differs.
/// `replace` makes the operation that writes the claims.
pub fn again(was: &[Claim], now: Vec<Claim>, ops: &mut Vec<Op>, replace: impl FnOnce(Vec<Claim>) -> Op) {
    if was == now {
        return;
    }
    let values: BTreeSet<(ClaimKind, String)> = was
        .iter()
        .filter(|claim| !now.contains(claim))
        .chain(now.iter().filter(|claim| !was.contains(claim)))
        .map(|claim| (claim.kind, claim.value.clone()))
        .collect();
    ops.push(replace(now));
    ops.extend(
        values
            .into_iter()
            .map(|(kind, value)| Op::Touch { kind, value, at: 0 }),
    );
}

struct Maker<'a> {
    asset: AssetId,
    device: Option<DeviceId>,
    item_key: &'a str,
    /// Of what the item says of its own PC.
    origin: ClaimOrigin,
}

impl Maker<'_> {
    fn claim(&self, kind: ClaimKind, value: String, origin: ClaimOrigin, note: &ClaimNote) -> Claim {
        Claim {
            kind,
            value,
            origin,
            asset: (origin != ClaimOrigin::Observed).then_some(self.asset),
            device: self.device,
            item_key: self.item_key.to_owned(),
            note: note.encode(),
        }
    }
}

fn network(interface: &Network, maker: &Maker<'_>) -> Vec<Claim> {
    // What VPN clients, containers and virtual switches assign is nobody's to assign.
    if !matches!(
        interface.kind(),
        InterfaceKind::Ethernet | InterfaceKind::Wifi | InterfaceKind::Mobile | InterfaceKind::Other
    ) {
        return Vec::new();
    }
    let mac = key::mac(&interface.mac);
    let mut claims = Vec::new();
    for address in interface
        .addresses
        .iter()
        .filter(|address| !address.configured_only)
    {
        let Ok(ip) = address.ip.parse::<std::net::IpAddr>() else {
            continue;
        };
        let of_itself = matches!(address.mode(), AddressMode::LinkLocal | AddressMode::Autoconf);
        if of_itself || is_everywhere(ip) {
            continue;
        }
        let mode = if address.mode() == AddressMode::Unknown || address.mode() == AddressMode::Unspecified {
            interface.mode()
        } else {
            address.mode()
        };
        let note = ClaimNote {
            mac: mac.clone(),
            mode: mode_word(mode).to_owned(),
            prefix: u8::try_from(address.prefix).ok(),
            gateway_mac: key::mac(&interface.gateway_mac),
            place: interface.interface.clone(),
            ..ClaimNote::default()
        };
        claims.push(maker.claim(ClaimKind::Ip, ip.to_string(), maker.origin, &note));
    }
    if !mac.is_empty() {
        let note = ClaimNote {
            place: interface.interface.clone(),
            ..ClaimNote::default()
        };
        claims.push(maker.claim(ClaimKind::Mac, mac, maker.origin, &note));
    }
    // One gateway has one hardware address; of several it is not told whose it is.
    if let ([gateway], false) = (interface.gateways.as_slice(), interface.gateway_mac.is_empty()) {
        let seen = Neighbour {
            mac: interface.gateway_mac.clone(),
            ip: gateway.clone(),
            interface: interface.interface.clone(),
            router: true,
        };
        let origin = if maker.origin == ClaimOrigin::Accepted {
            ClaimOrigin::Accepted
        } else {
            ClaimOrigin::Observed
        };
        claims.extend(seen_at(&seen, origin, &wireless(&interface.wifi_network), maker));
    }
    claims
}

fn neighbour(neighbour: &Neighbour, maker: &Maker<'_>) -> Vec<Claim> {
    seen_at(neighbour, ClaimOrigin::Observed, "", maker)
}

/// Tells wireless networks apart without naming them.
fn wireless(name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    blake3::hash(name.as_bytes()).to_hex().chars().take(16).collect()
}

/// An address with the hardware address that answers for it, from both sides.
fn seen_at(seen: &Neighbour, origin: ClaimOrigin, network: &str, maker: &Maker<'_>) -> Vec<Claim> {
    let (mac, Ok(ip)) = (key::mac(&seen.mac), seen.ip.parse::<std::net::IpAddr>()) else {
        return Vec::new();
    };
    if !is_machine(&mac) || is_everywhere(ip) {
        return Vec::new();
    }
    let ip = ip.to_string();
    let note = |mac: &str, ip: &str| ClaimNote {
        mac: mac.to_owned(),
        ip: ip.to_owned(),
        router: seen.router,
        network: network.to_owned(),
        ..ClaimNote::default()
    };
    vec![
        maker.claim(ClaimKind::Ip, ip.clone(), origin, &note(&mac, "")),
        maker.claim(ClaimKind::Mac, mac, origin, &note("", &ip)),
    ]
}

/// Addresses that every machine has, or that name no machine.
fn is_everywhere(ip: std::net::IpAddr) -> bool {
    match ip {
        std::net::IpAddr::V4(ip) => {
            ip.is_link_local()
                || ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_broadcast()
        }
        std::net::IpAddr::V6(ip) => {
            ip.is_unicast_link_local() || ip.is_loopback() || ip.is_unspecified() || ip.is_multicast()
        }
    }
}

const fn mode_word(mode: AddressMode) -> &'static str {
    match mode {
        AddressMode::Static => "static",
        AddressMode::Dhcp => "dhcp",
        _ => "",
    }
}

/// A medium by its serial, as the register has it. One without a serial can be in no register: it is known by its
/// model, with a mark that no serial has.
fn media(media: &Media, maker: &Maker<'_>) -> Claim {
    let serial = custody::meaningful(&media.serial).to_lowercase();
    let name = format!("{} {}", media.vendor.trim(), media.model.trim())
        .trim()
        .to_owned();
    let value = if serial.is_empty() {
        format!("usb:{}", media.usb_id.trim().to_lowercase())
    } else {
        serial
    };
    let note = ClaimNote {
        name,
        at: if media.present {
            None
        } else {
            Some(day_end(&media.last_seen_day).unwrap_or(0))
        },
        ..ClaimNote::default()
    };
    maker.claim(ClaimKind::Media, value, maker.origin, &note)
}

fn part_claim(part: &Part, maker: &Maker<'_>) -> Option<Claim> {
    let value = custody::identity(part)?;
    let note = ClaimNote {
        class: part::class_name(part.class()).to_owned(),
        name: format!("{} {}", part.manufacturer, part.model).trim().to_owned(),
        place: part.position.clone(),
        ..ClaimNote::default()
    };
    Some(maker.claim(ClaimKind::PartSerial, value, maker.origin, &note))
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::v1::{Address, Section};

    use super::*;

    fn id() -> ItemId {
        ItemId {
            section: Section::Network,
            source: "netlink".into(),
            key: "mac:00:1a:2b:3c:4d:5e".into(),
            principal: String::new(),
        }
    }

    fn claims(kind: InterfaceKind, mode: AddressMode, ip: &str) -> Vec<Claim> {
        let network = Network {
            interface: "eth0".into(),
            kind: kind.into(),
            mac: "00-1A-2B-3C-4D-5E".into(),
            addresses: vec![Address {
                ip: ip.into(),
                prefix: 24,
                mode: mode.into(),
                configured_only: false,
            }],
            gateways: vec!["10.0.0.1".into()],
            gateway_mac: "00:00:5e:00:53:01".into(),
            ..Network::default()
        };
        claims_of(
            &facet::Kind::Network(network),
            &id(),
            AssetId(3),
            DeviceId::from_random([1; 16]),
        )
    }

    #[test]
    fn an_interface_claims_its_addresses_and_says_who_answers_for_the_gateway() {
        let claims = claims(InterfaceKind::Ethernet, AddressMode::Static, "10.0.0.7");
        let found: Vec<(ClaimKind, &str, ClaimOrigin)> = claims
            .iter()
            .map(|c| (c.kind, c.value.as_str(), c.origin))
            .collect();
        assert_eq!(
            found,
            [
                (ClaimKind::Ip, "10.0.0.7", ClaimOrigin::Own),
                (ClaimKind::Mac, "00:1a:2b:3c:4d:5e", ClaimOrigin::Own),
                (ClaimKind::Ip, "10.0.0.1", ClaimOrigin::Observed),
                (ClaimKind::Mac, "00:00:5e:00:53:01", ClaimOrigin::Observed),
            ]
        );
        let note = claims[0].said();
        assert_eq!((note.mode.as_str(), note.prefix), ("static", Some(24)));
        assert_eq!((claims[2].asset, claims[2].said().router), (None, true));
    }

    #[test]
    fn virtual_interfaces_and_addresses_that_everybody_has_claim_nothing() {
        for kind in [
            InterfaceKind::Vpn,
            InterfaceKind::Bridge,
            InterfaceKind::Virtual,
            InterfaceKind::Loopback,
        ] {
            assert!(
                claims(kind, AddressMode::Static, "10.0.0.7").is_empty(),
                "{kind:?}"
            );
        }
        for ip in ["169.254.1.1", "fe80::1", "127.0.0.1", "0.0.0.0", "nonsense"] {
            let found = claims(InterfaceKind::Ethernet, AddressMode::Static, ip);
            assert!(found.iter().all(|claim| claim.value != ip), "{ip}");
        }
    }

    #[test]
    fn a_medium_claims_its_serial_and_one_without_can_be_in_no_register() {
        let claim = |serial: &str, present: bool| {
            let media = Media {
                vendor: "Kingston".into(),
                model: "DataTraveler".into(),
                serial: serial.into(),
                usb_id: "0951:1666".into(),
                last_seen_day: "2026-11-28".into(),
                present,
                ..Media::default()
            };
            let kind = facet::Kind::Media(media);
            claims_of(&kind, &id(), AssetId(3), DeviceId::from_random([1; 16])).remove(0)
        };
        let plugged = claim("4C530001ABCD", true);
        assert_eq!(
            (plugged.kind, plugged.value.as_str()),
            (ClaimKind::Media, "4c530001abcd")
        );
        assert_eq!(plugged.said().name, "Kingston DataTraveler");
        assert_eq!(plugged.said().at, None);
        assert!(claim("4C530001ABCD", false).said().at > Some(1_795_824_000_000));
        for serial in ["", "0123456789", "00000000"] {
            assert_eq!(claim(serial, true).value, "usb:0951:1666", "{serial}");
        }
    }

    #[test]
    fn only_a_machine_of_its_own_is_a_neighbour() {
        assert!(is_machine("00:1a:2b:3c:4d:5e"));
        for mac in ["", "01:00:5e:00:00:fb", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"] {
            assert!(!is_machine(mac), "{mac}");
        }
    }
}
