//! From what the kernel and the managers say to facts of the network section. Pure: no reading here.
//! What is volatile (lifetimes, privacy addresses, link-local IPv6, reachability) is left out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use deskwarden_parse::rtnetlink::{self as rt, Link, Neighbour, Route};
use deskwarden_proto::{
    key,
    v1::{Address, AddressMode, InterfaceKind, Network, facet::Kind},
};

use crate::Fact;

const MAIN_TABLE: u32 = 254;
const UNICAST: u8 = 1;
const HARDWARE_ETHERNET: u16 = 1;
const HARDWARE_PPP: u16 = 512;
const HARDWARE_LOOPBACK: u16 = 772;

/// One consistent picture of the kernel's tables.
#[derive(Debug, Default)]
pub(super) struct Kernel {
    pub(super) links: Vec<Link>,
    pub(super) addresses: Vec<rt::Address>,
    pub(super) routes: Vec<Route>,
    pub(super) neighbours: Vec<Neighbour>,
}

/// What sysfs tells about a link that netlink does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LinkHints {
    #[default]
    None,
    Wireless,
    Mobile,
}

/// What the manager of a link was told to do with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Setup {
    pub(super) manager: String,
    /// `Unspecified` when no file says.
    pub(super) mode: AddressMode,
    /// Static addresses with prefix length.
    pub(super) addresses: Vec<(IpAddr, u8)>,
    pub(super) gateways: Vec<String>,
    pub(super) dns: Vec<String>,
    pub(super) search: Vec<String>,
    /// Addresses that a lease gave.
    pub(super) leased: Vec<IpAddr>,
    pub(super) wifi_network: String,
}

/// Last answer of each gateway by interface name and address: the kernel forgets a gateway that is idle,
/// which is no change.
pub(super) type GatewayMacs = BTreeMap<(String, IpAddr), String>;

/// Most gateways that are remembered.
const MAX_GATEWAYS: usize = 256;

/// A default route of the main table.
pub(super) fn is_default_route(route: &Route) -> bool {
    route.destination_prefix == 0 && route.table == MAIN_TABLE && route.route_type == UNICAST
}

/// One fact per interface that is a network connection of this PC.
pub(super) fn facts(
    kernel: &Kernel,
    hints: &BTreeMap<u32, LinkHints>,
    setups: &BTreeMap<u32, Setup>,
    macs: &mut GatewayMacs,
) -> Vec<Fact> {
    let none = Setup::default();
    kernel
        .links
        .iter()
        .filter_map(|link| {
            let hint = hints.get(&link.index).copied().unwrap_or_default();
            let setup = setups.get(&link.index).unwrap_or(&none);
            let network = network(kernel, link, hint, setup, macs)?;
            // A virtual link borrows or makes up its address; and two docks may share one.
            let shared = kernel
                .links
                .iter()
                .filter(|other| other.permanent_mac == link.permanent_mac)
                .count()
                > 1;
            let burnt_in = if link.kind.is_empty() && !shared {
                network.permanent_mac.as_str()
            } else {
                ""
            };
            let key = key::network(burnt_in, &network.interface);
            Some(Fact::machine(key, Kind::Network(network)))
        })
        .collect()
}

fn network(
    kernel: &Kernel,
    link: &Link,
    hint: LinkHints,
    setup: &Setup,
    macs: &mut GatewayMacs,
) -> Option<Network> {
    let kind = interface_kind(link, hint);
    if kind == InterfaceKind::Loopback {
        return None;
    }
    let addresses = addresses(kernel, link, setup);
    // With an address of its own such a pair is how a PC inside a container or namespace has its network; the
    // ends that a container host keeps belong to a bridge or have no address.
    let own_end = link.kind == "veth" && link.master.is_none() && !addresses.is_empty();
    let kind = if own_end { InterfaceKind::Ethernet } else { kind };
    // A port of a bridge or bond has no configuration of its own; containers make and drop such links.
    let idle = addresses.is_empty() && !link.is_up();
    let part_of_another = link.master.is_some() && addresses.is_empty();
    if kind == InterfaceKind::Virtual && (idle || part_of_another) {
        return None;
    }
    let gateways = gateways(kernel, link);
    let gateway_mac = gateway_mac(kernel, link, &gateways, macs);
    let mut gateways: Vec<String> = gateways.iter().map(ToString::to_string).collect();
    if gateways.is_empty() {
        gateways.clone_from(&setup.gateways);
    }
    let mode = interface_mode(&addresses, setup);
    Some(Network {
        interface: link.name.clone(),
        kind: kind.into(),
        mac: rt::format_mac(&link.mac),
        permanent_mac: rt::format_mac(&link.permanent_mac),
        addresses,
        gateways,
        dns: setup.dns.clone(),
        mode: mode.into(),
        manager: setup.manager.clone(),
        up: link.is_up(),
        gateway_mac,
        search_domains: setup.search.clone(),
        wifi_network: setup.wifi_network.clone(),
    })
}

fn addresses(kernel: &Kernel, link: &Link, setup: &Setup) -> Vec<Address> {
    let mut found: Vec<(IpAddr, u8, AddressMode, bool)> = kernel
        .addresses
        .iter()
        .filter(|address| address.index == link.index && !address.is_temporary())
        .filter(|address| !is_link_local_v6(address.ip))
        .map(|address| {
            (
                address.ip,
                address.prefix,
                address_mode(address, setup),
                !link.is_up(),
            )
        })
        .collect();
    if !link.is_up() || !link.has_carrier() {
        for (ip, prefix) in &setup.addresses {
            if !found.iter().any(|(present, ..)| present == ip) {
                found.push((*ip, *prefix, AddressMode::Static, true));
            }
        }
    }
    found.sort_by_key(|(ip, prefix, ..)| (*ip, *prefix));
    found.dedup_by_key(|(ip, prefix, ..)| (*ip, *prefix));
    found
        .into_iter()
        .map(|(ip, prefix, mode, configured_only)| Address {
            ip: ip.to_string(),
            prefix: prefix.into(),
            mode: mode.into(),
            configured_only,
        })
        .collect()
}

/// How an address came to be: the lease says so, else its lifetime does. A lifetime without end on an
/// interface that is told to ask for a lease means that somebody set it by hand.
fn address_mode(address: &rt::Address, setup: &Setup) -> AddressMode {
    match address.ip {
        IpAddr::V4(ip) if ip.is_link_local() => AddressMode::LinkLocal,
        ip if setup.leased.contains(&ip) => AddressMode::Dhcp,
        _ if address.is_permanent() => AddressMode::Static,
        IpAddr::V4(_) => AddressMode::Dhcp,
        // DHCPv6 hands out single addresses, router advertisements prefixes.
        IpAddr::V6(_) if address.prefix == 128 => AddressMode::Dhcp,
        IpAddr::V6(_) => AddressMode::Autoconf,
    }
}

/// The mode of the first IPv4 address that tells; without one, what the files say, then IPv6.
fn interface_mode(addresses: &[Address], setup: &Setup) -> AddressMode {
    let modes = |v4: bool| {
        addresses
            .iter()
            .filter(move |address| address.ip.contains('.') == v4)
            .map(Address::mode)
            .filter(|mode| *mode != AddressMode::LinkLocal)
    };
    if modes(true).any(|mode| mode == AddressMode::Static) {
        return AddressMode::Static;
    }
    if let Some(mode) = modes(true).next() {
        return mode;
    }
    if setup.mode != AddressMode::Unspecified {
        return setup.mode;
    }
    modes(false).next().unwrap_or(AddressMode::Unknown)
}

/// Default gateways of the link, the preferred one first.
fn gateways(kernel: &Kernel, link: &Link) -> Vec<IpAddr> {
    let mut found: Vec<(bool, u32, IpAddr)> = kernel
        .routes
        .iter()
        .flat_map(|route| {
            route
                .hops
                .iter()
                .map(move |(index, ip)| (*index, route.priority, *ip))
        })
        .filter(|(index, ..)| *index == link.index)
        .filter_map(|(_, priority, ip)| ip.map(|ip| (ip.is_ipv6(), priority, ip)))
        .collect();
    found.sort_unstable();
    let mut out: Vec<IpAddr> = Vec::new();
    for (_, _, ip) in found {
        if !out.contains(&ip) {
            out.push(ip);
        }
    }
    out
}

fn gateway_mac(kernel: &Kernel, link: &Link, gateways: &[IpAddr], macs: &mut GatewayMacs) -> String {
    for gateway in gateways {
        let known = kernel
            .neighbours
            .iter()
            .find(|n| n.index == link.index && n.ip == *gateway);
        let place = (link.name.clone(), *gateway);
        if let Some(neighbour) = known {
            let mac = rt::format_mac(&neighbour.mac);
            if macs.len() >= MAX_GATEWAYS {
                macs.clear();
            }
            macs.insert(place, mac.clone());
            return mac;
        }
        if let Some(mac) = macs.get(&place) {
            return mac.clone();
        }
    }
    String::new()
}

fn interface_kind(link: &Link, hint: LinkHints) -> InterfaceKind {
    let name = link.name.as_str();
    if link.hardware == HARDWARE_LOOPBACK {
        return InterfaceKind::Loopback;
    }
    match hint {
        LinkHints::Wireless => return InterfaceKind::Wifi,
        LinkHints::Mobile => return InterfaceKind::Mobile,
        LinkHints::None => {}
    }
    match link.kind.as_str() {
        "bridge"
            if ["docker", "virbr", "br-", "lxcbr", "lxdbr", "podman", "cni"]
                .iter()
                .any(|p| name.starts_with(p)) =>
        {
            InterfaceKind::Virtual
        }
        "bridge" => InterfaceKind::Bridge,
        "wireguard" | "tun" | "ppp" | "xfrm" | "vti" | "vti6" | "ipsec" | "ovpn" | "amneziawg" => {
            InterfaceKind::Vpn
        }
        // These carry the PC's own addresses.
        "bond" | "team" | "vlan" => InterfaceKind::Ethernet,
        "" if link.hardware == HARDWARE_ETHERNET => InterfaceKind::Ethernet,
        "" if link.hardware == HARDWARE_PPP => InterfaceKind::Vpn,
        "" => InterfaceKind::Other,
        _ => InterfaceKind::Virtual,
    }
}

fn is_link_local_v6(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: u32 = 0x1_0001;

    fn link(index: u32, name: &str, kind: &str, flags: u32) -> Link {
        Link {
            index,
            hardware: HARDWARE_ETHERNET,
            flags,
            name: name.to_owned(),
            mac: vec![2, 0, 0, 0, 0, index as u8],
            permanent_mac: if kind.is_empty() {
                vec![0xaa, 0, 0, 0, 0, index as u8]
            } else {
                Vec::new()
            },
            kind: kind.to_owned(),
            master: None,
        }
    }

    fn address(index: u32, ip: &str, prefix: u8, valid: u32, flags: u32) -> rt::Address {
        rt::Address {
            index,
            ip: ip.parse().unwrap(),
            prefix,
            flags,
            valid,
        }
    }

    fn assemble(kernel: &Kernel, setup: Setup, macs: &mut GatewayMacs) -> Vec<Network> {
        let setups = kernel
            .links
            .iter()
            .map(|link| (link.index, setup.clone()))
            .collect();
        facts(kernel, &BTreeMap::new(), &setups, macs)
            .into_iter()
            .map(|fact| match fact.facet.kind {
                Some(Kind::Network(network)) => network,
                _ => panic!("not a network"),
            })
            .collect()
    }

    fn modes(network: &Network) -> Vec<(String, AddressMode, bool)> {
        network
            .addresses
            .iter()
            .map(|a| (a.ip.clone(), a.mode(), a.configured_only))
            .collect()
    }

    #[test]
    fn lifetimes_and_leases_tell_dhcp_from_static() {
        let kernel = Kernel {
            links: vec![link(2, "eth0", "", UP)],
            addresses: vec![
                address(2, "192.0.2.9", 24, rt::FOREVER, 0x80),
                address(2, "192.0.2.8", 24, 3_600, 0),
                address(2, "2001:db8::1", 64, 3_600, 0x100),
                address(2, "2001:db8::77", 64, 3_600, 0x01),
                address(2, "fe80::1", 64, rt::FOREVER, 0x80),
            ],
            ..Kernel::default()
        };
        let found = assemble(&kernel, Setup::default(), &mut GatewayMacs::new());
        assert_eq!(
            modes(&found[0]),
            [
                ("192.0.2.8".to_owned(), AddressMode::Dhcp, false),
                ("192.0.2.9".to_owned(), AddressMode::Static, false),
                ("2001:db8::1".to_owned(), AddressMode::Autoconf, false),
            ]
        );
        assert_eq!(found[0].mode(), AddressMode::Static);
        let leased = Setup {
            leased: vec!["192.0.2.9".parse().unwrap()],
            ..Setup::default()
        };
        let found = assemble(&kernel, leased, &mut GatewayMacs::new());
        assert_eq!(found[0].mode(), AddressMode::Dhcp);
    }

    #[test]
    fn an_interface_that_is_down_keeps_its_configured_address() {
        let setup = Setup {
            mode: AddressMode::Static,
            addresses: vec![("192.0.2.9".parse().unwrap(), 24)],
            ..Setup::default()
        };
        let mut kernel = Kernel {
            links: vec![link(2, "eth0", "", 0)],
            ..Kernel::default()
        };
        let found = assemble(&kernel, setup.clone(), &mut GatewayMacs::new());
        assert_eq!(
            modes(&found[0]),
            [("192.0.2.9".to_owned(), AddressMode::Static, true)]
        );
        kernel.links[0].flags = UP;
        let found = assemble(&kernel, setup, &mut GatewayMacs::new());
        assert!(found[0].addresses.is_empty());
    }

    #[test]
    fn a_gateway_that_the_kernel_forgot_keeps_its_hardware_address() {
        let gateway: IpAddr = "192.0.2.1".parse().unwrap();
        let mut kernel = Kernel {
            links: vec![link(2, "eth0", "", UP)],
            routes: vec![Route {
                hops: vec![(2, Some(gateway))],
                table: 254,
                route_type: 1,
                ..Route::default()
            }],
            neighbours: vec![Neighbour {
                index: 2,
                state: 2,
                ip: gateway,
                mac: vec![9; 6],
            }],
            ..Kernel::default()
        };
        let mut macs = GatewayMacs::new();
        let first = assemble(&kernel, Setup::default(), &mut macs);
        assert_eq!(
            (&*first[0].gateways[0], &*first[0].gateway_mac),
            ("192.0.2.1", "09:09:09:09:09:09")
        );
        kernel.neighbours.clear();
        assert_eq!(assemble(&kernel, Setup::default(), &mut macs), first);
    }

    #[test]
    fn only_connections_of_this_pc_are_reported() {
        let mut port = link(5, "veth1", "veth", UP);
        port.master = Some(4);
        let mut loopback = link(1, "lo", "", UP);
        loopback.hardware = HARDWARE_LOOPBACK;
        let kernel = Kernel {
            links: vec![
                loopback,
                link(2, "eth0", "", UP),
                link(3, "ifb0", "ifb", 0),
                link(4, "docker0", "bridge", UP),
                port,
                link(6, "veth2", "veth", UP),
                link(7, "wg0", "wireguard", UP),
                link(8, "br0", "bridge", UP),
            ],
            ..Kernel::default()
        };
        let found = assemble(&kernel, Setup::default(), &mut GatewayMacs::new());
        let kinds: Vec<_> = found.iter().map(|n| (n.interface.as_str(), n.kind())).collect();
        assert_eq!(
            kinds,
            [
                ("eth0", InterfaceKind::Ethernet),
                ("docker0", InterfaceKind::Virtual),
                ("veth2", InterfaceKind::Virtual),
                ("wg0", InterfaceKind::Vpn),
                ("br0", InterfaceKind::Bridge),
            ]
        );
    }

    #[test]
    fn a_pair_with_an_address_of_its_own_is_the_pc_s_network() {
        let mut port = link(5, "veth1", "veth", UP);
        port.master = Some(4);
        let kernel = Kernel {
            links: vec![link(2, "host0", "veth", UP), port, link(6, "veth2", "veth", UP)],
            addresses: vec![address(2, "192.0.2.7", 24, rt::FOREVER, 0x80)],
            ..Kernel::default()
        };
        let found = assemble(&kernel, Setup::default(), &mut GatewayMacs::new());
        let kinds: Vec<_> = found.iter().map(|n| (n.interface.as_str(), n.kind())).collect();
        assert_eq!(
            kinds,
            [
                ("host0", InterfaceKind::Ethernet),
                ("veth2", InterfaceKind::Virtual)
            ]
        );
    }

    #[test]
    fn hardware_is_known_by_its_burnt_in_address_and_the_rest_by_name() {
        let kernel = Kernel {
            links: vec![link(2, "eth0", "", UP), link(7, "wg0", "wireguard", UP)],
            ..Kernel::default()
        };
        let keys: Vec<_> = facts(
            &kernel,
            &BTreeMap::new(),
            &BTreeMap::new(),
            &mut GatewayMacs::new(),
        )
        .into_iter()
        .map(|fact| fact.key)
        .collect();
        assert_eq!(keys, ["mac:aa:00:00:00:00:02", "name:wg0"]);
    }

    #[test]
    fn interfaces_that_share_a_burnt_in_address_stay_two() {
        let mut kernel = Kernel {
            links: vec![link(2, "eth0", "", UP), link(3, "eth1", "", UP)],
            ..Kernel::default()
        };
        kernel.links[1].permanent_mac = kernel.links[0].permanent_mac.clone();
        let keys: Vec<_> = facts(
            &kernel,
            &BTreeMap::new(),
            &BTreeMap::new(),
            &mut GatewayMacs::new(),
        )
        .into_iter()
        .map(|fact| fact.key)
        .collect();
        assert_eq!(keys, ["name:eth0", "name:eth1"]);
    }
}
