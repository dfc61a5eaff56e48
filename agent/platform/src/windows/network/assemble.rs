//! From what the system and the registry say to facts of the network section. Pure: no reading here. What is volatile
//! (leases, privacy addresses, link-local IPv6, reachability) is left out.

use std::{collections::BTreeMap, net::IpAddr};

use deskwarden_parse::{
    iphelper::{Adapter, Neighbour, Origin, Unicast},
    registry::Values,
};
use deskwarden_proto::{
    key,
    v1::{Address, AddressMode, InterfaceKind, Network, facet::Kind},
};

use crate::Fact;

/// Kinds of adapters, by IANA's numbers.
const ETHERNET: u32 = 6;
const PPP: u32 = 23;
const LOOPBACK: u32 = 24;
const VIRTUAL: u32 = 53;
const WIFI: u32 = 71;
const TUNNEL: u32 = 131;
const MOBILE: [u32; 2] = [243, 244];
/// Most gateways that are remembered.
const MAX_GATEWAYS: usize = 256;

/// Last answer of each gateway by adapter and address: the system forgets a gateway that is idle, which is no change.
pub(super) type GatewayMacs = BTreeMap<(String, IpAddr), String>;

/// What an adapter was told, by the registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Setup {
    /// Asks for its address; `None` where nothing says.
    pub(super) dhcp: Option<bool>,
    /// Addresses by hand.
    pub(super) addresses: Vec<(IpAddr, u8)>,
    /// Gateways by hand.
    pub(super) gateways: Vec<String>,
    /// Name servers by hand, or else leased.
    pub(super) dns: Vec<String>,
    /// Domain by hand, or else leased.
    pub(super) domain: String,
}

/// One consistent picture.
pub(super) struct System<'a> {
    pub(super) adapters: &'a [Adapter],
    pub(super) neighbours: &'a [Neighbour],
    /// Burnt-in address, and whether there is hardware, by number.
    pub(super) burnt_in: &'a BTreeMap<u64, (Vec<u8>, bool)>,
    /// Joined network by identity, lower case.
    pub(super) wifi: &'a BTreeMap<String, String>,
    pub(super) setups: &'a BTreeMap<String, Setup>,
}

/// What the registry says of one adapter.
pub(super) fn setup(values: &Values) -> Setup {
    let texts = |name: &str| values.get(name).map(|value| value.texts()).unwrap_or_default();
    let list = |name: &str| -> Vec<String> {
        let text = values.text(name);
        text.split([',', ' '])
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let first = |names: [&str; 2]| {
        names
            .iter()
            .map(|name| list(name))
            .find(|all| !all.is_empty())
            .unwrap_or_default()
    };
    let masks = texts("SubnetMask");
    let addresses = texts("IPAddress")
        .iter()
        .enumerate()
        .filter_map(|(index, ip)| {
            let ip: IpAddr = ip.parse().ok()?;
            let mask: std::net::Ipv4Addr = masks.get(index)?.parse().ok()?;
            // An address of zeros stands there when a lease is asked for.
            (!ip.is_unspecified()).then(|| (ip, u8::try_from(u32::from(mask).leading_ones()).unwrap_or(32)))
        })
        .collect();
    Setup {
        dhcp: values.number("EnableDHCP").map(|on| on != 0),
        addresses,
        gateways: texts("DefaultGateway")
            .into_iter()
            .filter(|ip| ip != "0.0.0.0")
            .collect(),
        dns: first(["NameServer", "DhcpNameServer"]),
        domain: first(["Domain", "DhcpDomain"]).concat(),
    }
}

/// One fact per adapter that is a network connection of this PC.
pub(super) fn facts(system: &System<'_>, macs: &mut GatewayMacs) -> Vec<Fact> {
    let none = Setup::default();
    system
        .adapters
        .iter()
        .filter_map(|adapter| {
            let setup = system
                .setups
                .get(&adapter.id.to_ascii_lowercase())
                .unwrap_or(&none);
            let (burnt_in, hardware) = system.burnt_in.get(&adapter.luid).cloned().unwrap_or_default();
            let network = network(system, adapter, setup, &burnt_in, hardware, macs)?;
            // Two adapters of one address (a dock, a team) are known by their names.
            let shared = system
                .burnt_in
                .iter()
                .any(|(luid, (mac, _))| *luid != adapter.luid && *mac == burnt_in);
            let permanent = if shared || !hardware {
                ""
            } else {
                network.permanent_mac.as_str()
            };
            let key = key::network(permanent, &network.interface);
            Some(Fact::machine(key, Kind::Network(network)))
        })
        .collect()
}

/// What only the registry tells, of a system that does not run.
pub(super) fn configured(setups: &BTreeMap<String, Setup>) -> Vec<Fact> {
    setups
        .iter()
        .filter(|(_, setup)| setup.dhcp.is_some() || !setup.addresses.is_empty())
        .map(|(id, setup)| {
            let network = Network {
                interface: id.clone(),
                kind: InterfaceKind::Other.into(),
                addresses: by_hand(setup),
                gateways: setup.gateways.clone(),
                dns: setup.dns.clone(),
                mode: configured_mode(setup).into(),
                ..Network::default()
            };
            Fact::machine(key::network("", id), Kind::Network(network))
        })
        .collect()
}

fn network(
    system: &System<'_>,
    adapter: &Adapter,
    setup: &Setup,
    burnt_in: &[u8],
    hardware: bool,
    macs: &mut GatewayMacs,
) -> Option<Network> {
    let kind = kind(adapter, hardware);
    if kind == InterfaceKind::Loopback {
        return None;
    }
    let mut addresses: Vec<Address> = addresses(adapter);
    // An adapter without a cable keeps what it was told.
    if !adapter.up {
        addresses = by_hand(setup);
    }
    // Tunnels that Windows makes by itself, and switches of virtual machines, come and go without addresses.
    if matches!(kind, InterfaceKind::Virtual | InterfaceKind::Vpn) && (addresses.is_empty() || !adapter.up) {
        return None;
    }
    let gateway_mac = gateway_mac(system, adapter, macs);
    let mut gateways: Vec<String> = adapter.gateways.iter().map(ToString::to_string).collect();
    if gateways.is_empty() {
        gateways.clone_from(&setup.gateways);
    }
    let mut dns: Vec<String> = adapter
        .dns
        .iter()
        .filter(|ip| !is_made_up(ip))
        .map(ToString::to_string)
        .collect();
    if dns.is_empty() {
        dns.clone_from(&setup.dns);
    }
    let domain = if adapter.suffix.is_empty() {
        &setup.domain
    } else {
        &adapter.suffix
    };
    Some(Network {
        interface: adapter.name.clone(),
        kind: kind.into(),
        mac: mac_text(&adapter.mac),
        permanent_mac: if hardware {
            mac_text(burnt_in)
        } else {
            String::new()
        },
        mode: mode(&addresses, adapter, setup).into(),
        addresses,
        gateways,
        dns,
        up: adapter.up,
        gateway_mac,
        search_domains: Some(domain.clone())
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect(),
        wifi_network: system
            .wifi
            .get(&adapter.id.to_ascii_lowercase())
            .cloned()
            .unwrap_or_default(),
        manager: String::new(),
    })
}

fn kind(adapter: &Adapter, hardware: bool) -> InterfaceKind {
    let lower = adapter.description.to_lowercase();
    let vpn = [
        "tap-windows",
        "wireguard",
        "wintun",
        "openvpn",
        "vpn",
        "sangfor",
        "anyconnect",
        "easyconnect",
    ];
    let machine = [
        "hyper-v virtual",
        "vmware",
        "virtualbox",
        "vethernet",
        "wi-fi direct",
        "bluetooth",
        "npcap",
    ];
    match adapter.kind {
        LOOPBACK => InterfaceKind::Loopback,
        _ if vpn.iter().any(|word| lower.contains(word)) => InterfaceKind::Vpn,
        PPP => InterfaceKind::Vpn,
        _ if !hardware && machine.iter().any(|word| lower.contains(word)) => InterfaceKind::Virtual,
        WIFI => InterfaceKind::Wifi,
        ETHERNET => InterfaceKind::Ethernet,
        VIRTUAL | TUNNEL => InterfaceKind::Virtual,
        kind if MOBILE.contains(&kind) => InterfaceKind::Mobile,
        _ => InterfaceKind::Other,
    }
}

fn addresses(adapter: &Adapter) -> Vec<Address> {
    let mut found: Vec<&Unicast> = adapter
        .addresses
        .iter()
        .filter(|address| !address.temporary && !is_link_local_v6(address.ip))
        .collect();
    found.sort_by_key(|address| (address.ip, address.prefix));
    found.dedup_by_key(|address| (address.ip, address.prefix));
    found
        .into_iter()
        .map(|address| Address {
            ip: address.ip.to_string(),
            prefix: address.prefix.into(),
            mode: address_mode(address, adapter).into(),
            configured_only: false,
        })
        .collect()
}

fn address_mode(address: &Unicast, adapter: &Adapter) -> AddressMode {
    match (address.ip, address.origin) {
        (IpAddr::V4(ip), _) if ip.is_link_local() => AddressMode::LinkLocal,
        (_, Origin::Dhcp) => AddressMode::Dhcp,
        (_, Origin::Manual) => AddressMode::Static,
        (_, Origin::Router) => AddressMode::Autoconf,
        // Where the way is not told, the adapter's is.
        (IpAddr::V4(_), _) if adapter.dhcp => AddressMode::Dhcp,
        (IpAddr::V4(_), _) => AddressMode::Static,
        _ => AddressMode::Unknown,
    }
}

fn by_hand(setup: &Setup) -> Vec<Address> {
    let dhcp = setup.dhcp.unwrap_or(false);
    let mut all = setup.addresses.clone();
    all.sort_unstable();
    all.into_iter()
        .filter(|_| !dhcp)
        .map(|(ip, prefix)| Address {
            ip: ip.to_string(),
            prefix: prefix.into(),
            mode: AddressMode::Static.into(),
            configured_only: true,
        })
        .collect()
}

fn configured_mode(setup: &Setup) -> AddressMode {
    match setup.dhcp {
        Some(true) => AddressMode::Dhcp,
        Some(false) => AddressMode::Static,
        None => AddressMode::Unknown,
    }
}

/// The mode of the first IPv4 address that tells; without one, what the registry says.
fn mode(addresses: &[Address], adapter: &Adapter, setup: &Setup) -> AddressMode {
    let mut modes = addresses
        .iter()
        .filter(|address| address.ip.contains('.'))
        .map(Address::mode)
        .filter(|mode| *mode != AddressMode::LinkLocal);
    let first = modes.next();
    match first {
        Some(mode) => mode,
        None if setup.dhcp.is_some() => configured_mode(setup),
        None if adapter.dhcp => AddressMode::Dhcp,
        None => AddressMode::Unknown,
    }
}

fn gateway_mac(system: &System<'_>, adapter: &Adapter, macs: &mut GatewayMacs) -> String {
    for gateway in &adapter.gateways {
        let place = (adapter.id.clone(), *gateway);
        let index = if gateway.is_ipv4() {
            adapter.index
        } else {
            adapter.index6
        };
        let known = system
            .neighbours
            .iter()
            .find(|near| near.index == index && near.ip == *gateway);
        if let Some(near) = known {
            let mac = mac_text(&near.mac);
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

/// A hardware address as people write it; empty for none.
pub(in crate::windows) fn mac_text(mac: &[u8]) -> String {
    let parts: Vec<String> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    parts.join(":")
}

fn is_link_local_v6(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// Name servers that Windows lists where nobody set any (fec0:0:0:ffff::1 to 3).
fn is_made_up(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.segments().starts_with(&[0xfec0, 0, 0, 0xffff]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_parse::registry::Value;

    const ID: &str = "{4D36E972-E325-11CE-BFC1-08002BE10318}";

    fn adapter() -> Adapter {
        Adapter {
            id: ID.to_owned(),
            index: 7,
            index6: 9,
            luid: 1,
            name: "以太网".to_owned(),
            description: "Intel(R) Ethernet Connection I219-LM".to_owned(),
            mac: vec![0x02, 0, 0, 0, 0, 1],
            kind: ETHERNET,
            up: true,
            dhcp: true,
            addresses: vec![unicast("10.0.0.7", Origin::Dhcp)],
            dns: vec!["10.0.0.2".parse().unwrap()],
            gateways: vec!["10.0.0.1".parse().unwrap()],
            suffix: "corp.example".to_owned(),
        }
    }

    fn unicast(ip: &str, origin: Origin) -> Unicast {
        Unicast {
            ip: ip.parse().unwrap(),
            prefix: 24,
            origin,
            temporary: false,
        }
    }

    fn by_registry(addresses: &str) -> Setup {
        Setup {
            dhcp: Some(false),
            addresses: vec![(addresses.parse().unwrap(), 24)],
            gateways: vec!["10.0.0.1".to_owned()],
            dns: vec!["10.0.0.3".to_owned()],
            domain: String::new(),
        }
    }

    /// What is told of one adapter, with a gateway that answers or is forgotten.
    struct Bench {
        neighbours: Vec<Neighbour>,
        burnt_in: BTreeMap<u64, (Vec<u8>, bool)>,
        wifi: BTreeMap<String, String>,
        setups: BTreeMap<String, Setup>,
        macs: GatewayMacs,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                neighbours: vec![Neighbour {
                    index: 7,
                    ip: "10.0.0.1".parse().unwrap(),
                    mac: vec![0xaa, 0xbb, 0xcc, 0, 0, 1],
                    fixed: false,
                }],
                burnt_in: BTreeMap::from([(1, (vec![0x3c, 0x52, 0x82, 0, 0, 9], true))]),
                wifi: BTreeMap::new(),
                setups: BTreeMap::new(),
                macs: GatewayMacs::new(),
            }
        }

        fn told(&mut self, adapter: Adapter) -> Option<Network> {
            let system = System {
                adapters: &[adapter],
                neighbours: &self.neighbours,
                burnt_in: &self.burnt_in,
                wifi: &self.wifi,
                setups: &self.setups,
            };
            let fact = facts(&system, &mut self.macs).pop()?;
            match fact.facet.kind {
                Some(Kind::Network(network)) => Some(network),
                _ => panic!("no network"),
            }
        }
    }

    #[test]
    fn a_leased_address_is_told_with_its_gateway_and_both_hardware_addresses() {
        let told = Bench::new().told(adapter()).unwrap();
        assert_eq!(
            (told.kind(), told.mode()),
            (InterfaceKind::Ethernet, AddressMode::Dhcp)
        );
        assert_eq!(
            (told.mac.as_str(), told.permanent_mac.as_str()),
            ("02:00:00:00:00:01", "3c:52:82:00:00:09"),
            "the address that is used is not the one that is burnt in"
        );
        assert_eq!(told.gateway_mac, "aa:bb:cc:00:00:01");
        assert_eq!(told.search_domains, ["corp.example"]);
    }

    #[test]
    fn a_gateway_that_the_system_forgot_keeps_its_hardware_address() {
        let mut bench = Bench::new();
        bench.told(adapter());
        bench.neighbours.clear();
        assert_eq!(bench.told(adapter()).unwrap().gateway_mac, "aa:bb:cc:00:00:01");
    }

    #[test]
    fn an_address_by_hand_is_static_with_and_without_a_cable() {
        let mut bench = Bench::new();
        bench
            .setups
            .insert(ID.to_ascii_lowercase(), by_registry("10.0.0.8"));
        let mut by_hand = adapter();
        by_hand.dhcp = false;
        by_hand.addresses = vec![unicast("10.0.0.8", Origin::Manual)];
        assert_eq!(bench.told(by_hand.clone()).unwrap().mode(), AddressMode::Static);
        by_hand.up = false;
        by_hand.addresses.clear();
        let told = bench.told(by_hand).unwrap();
        assert_eq!((told.addresses[0].ip.as_str(), told.up), ("10.0.0.8", false));
        assert!(told.addresses[0].configured_only);
    }

    #[test]
    fn a_wireless_network_is_named_by_the_adapter_that_joined_it() {
        let mut bench = Bench::new();
        bench.wifi.insert(ID.to_ascii_lowercase(), "访客网络".to_owned());
        let told = bench
            .told(Adapter {
                kind: WIFI,
                ..adapter()
            })
            .unwrap();
        assert_eq!(
            (told.kind(), told.wifi_network.as_str()),
            (InterfaceKind::Wifi, "访客网络")
        );
    }

    #[test]
    fn tunnels_are_told_and_what_windows_makes_by_itself_is_not() {
        let mut bench = Bench::new();
        bench.burnt_in.clear();
        let named = |description: &str, kind: u32| Adapter {
            description: description.to_owned(),
            kind,
            ..adapter()
        };
        let told = bench.told(named("WireGuard Tunnel", VIRTUAL)).unwrap();
        assert_eq!(told.kind(), InterfaceKind::Vpn);
        let told = bench
            .told(named("Hyper-V Virtual Ethernet Adapter", ETHERNET))
            .unwrap();
        assert_eq!(
            (told.kind(), told.permanent_mac.as_str()),
            (InterfaceKind::Virtual, "")
        );
        assert!(bench.told(named("Loopback", LOOPBACK)).is_none());
        let mut idle = named("Teredo Tunneling Pseudo-Interface", TUNNEL);
        idle.addresses.clear();
        assert!(bench.told(idle).is_none());
    }

    #[test]
    fn what_is_volatile_or_made_up_is_left_out() {
        let mut noisy = adapter();
        let mut private = unicast("2001:db8::5", Origin::Router);
        private.temporary = true;
        noisy.addresses = vec![
            private,
            unicast("fe80::1", Origin::Router),
            unicast("2001:db8::7", Origin::Router),
            unicast("169.254.1.2", Origin::Dhcp),
        ];
        noisy.dns = vec!["fec0:0:0:ffff::1".parse().unwrap()];
        let mut bench = Bench::new();
        bench
            .setups
            .insert(ID.to_ascii_lowercase(), by_registry("10.0.0.8"));
        let told = bench.told(noisy).unwrap();
        let ips: Vec<&str> = told.addresses.iter().map(|address| address.ip.as_str()).collect();
        assert_eq!(ips, ["169.254.1.2", "2001:db8::7"]);
        assert_eq!(told.addresses[0].mode(), AddressMode::LinkLocal);
        assert_eq!(told.dns, ["10.0.0.3"]);
    }

    #[test]
    fn the_registry_alone_tells_what_an_adapter_was_told() {
        let texts = |all: &[&str]| {
            let text: String = all.iter().map(|text| format!("{text}\0")).collect::<String>() + "\0";
            Value::new(7, text.encode_utf16().flat_map(u16::to_le_bytes).collect())
        };
        let values = Values {
            all: vec![
                ("EnableDHCP".to_owned(), Value::new(4, vec![0; 4])),
                (
                    "IPAddress".to_owned(),
                    texts(&["10.0.0.8", "0.0.0.0", "nonsense"]),
                ),
                (
                    "SubnetMask".to_owned(),
                    texts(&["255.255.254.0", "0.0.0.0", "255.0.0.0"]),
                ),
                ("DefaultGateway".to_owned(), texts(&["10.0.0.1"])),
                ("NameServer".to_owned(), texts(&["10.0.0.2,10.0.0.3"])),
            ],
            ..Values::default()
        };
        let found = setup(&values);
        assert_eq!(found.addresses, [("10.0.0.8".parse().unwrap(), 23)]);
        assert_eq!(found.dns, ["10.0.0.2", "10.0.0.3"]);
        let facts = configured(&BTreeMap::from([(ID.to_owned(), found)]));
        assert_eq!(facts.len(), 1);
    }
}
