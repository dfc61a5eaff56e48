//! Reads what the managers of the network were told: profiles, leases, name servers. Which of it is for
//! which interface is decided here; what an interface then has is `assemble`'s.

use std::path::Path;

use deskwarden_parse::netconf::{self, Lease, Match, Method, Profile, Resolver};
use deskwarden_parse::os_release::assignments;
use deskwarden_parse::rtnetlink::{self as rt, Link};
use deskwarden_proto::v1::AddressMode;

use super::{assemble::Setup, wicked};
use crate::{Root, WatchPath, Watched, linux::gather::Gather};

const NETWORK_MANAGER: &str = "NetworkManager";
const NETWORKD: &str = "systemd-networkd";
const IFUPDOWN: &str = "ifupdown";
const IFCFG: &str = "network-scripts";
const NETPLAN: &str = "netplan";

/// Folders of profiles: manager, folder, how its file names begin and end.
const FOLDERS: [(&str, &str, &str, &str); 7] = [
    (NETWORK_MANAGER, "etc/NetworkManager/system-connections", "", ""),
    (
        NETWORK_MANAGER,
        "run/NetworkManager/system-connections",
        "",
        ".nmconnection",
    ),
    (NETWORKD, "etc/systemd/network", "", ".network"),
    (NETWORKD, "run/systemd/network", "", ".network"),
    (IFUPDOWN, "etc/network/interfaces.d", "", ""),
    (IFCFG, "etc/sysconfig/network-scripts", "ifcfg-", ""),
    (NETPLAN, "etc/netplan", "", ".yaml"),
];
const INTERFACES: &str = "etc/network/interfaces";
/// Resolver files, the one that names true servers first.
const RESOLVERS: [&str; 4] = [
    "run/systemd/resolve/resolv.conf",
    "run/NetworkManager/no-stub-resolv.conf",
    "run/NetworkManager/resolv.conf",
    "etc/resolv.conf",
];
const DHCLIENT: [&str; 3] = ["var/lib/dhcp", "var/lib/dhclient", "var/lib/NetworkManager"];
const MAX_STATE: usize = 64 << 10;
/// Most configured addresses or servers that one interface shows.
const MAX_SHOWN: usize = 64;

/// A profile and who made it.
#[derive(Clone, Debug)]
pub(super) struct Configured {
    pub(super) manager: &'static str,
    pub(super) profile: Profile,
}

/// Everything that the managers left on disk.
#[derive(Debug, Default)]
pub(super) struct Managers {
    pub(super) profiles: Vec<Configured>,
    leases: Vec<Lease>,
    resolver: Resolver,
}

/// What names an interface in the files.
pub(super) struct Interface<'a> {
    pub(super) link: &'a Link,
    /// `ethernet`, `wifi` or empty.
    pub(super) kind: &'a str,
    pub(super) has_gateway: bool,
}

/// Reads all of it.
pub(super) fn read(root: &Root, gather: &mut Gather) -> Managers {
    let mut managers = Managers::default();
    for (manager, folder, prefix, suffix) in FOLDERS {
        for path in gather.folder(root, folder, suffix) {
            let name = path.rsplit('/').next().unwrap_or_default();
            if !name.starts_with(prefix) || name == "ifcfg-lo" || netconf::is_backup(name) {
                continue;
            }
            let Some(bytes) = gather.file(root, &path) else {
                continue;
            };
            let found = match manager {
                NETWORK_MANAGER => vec![netconf::parse_keyfile(&bytes)],
                NETWORKD => vec![Profile {
                    id: name.to_owned(),
                    ..netconf::parse_network(&bytes)
                }],
                IFUPDOWN => netconf::parse_interfaces(&bytes),
                IFCFG => vec![named_by_file(netconf::parse_ifcfg(&bytes), name)],
                _ => netconf::parse_netplan(&bytes),
            };
            managers
                .profiles
                .extend(found.into_iter().map(|profile| Configured { manager, profile }));
        }
    }
    if let Some(bytes) = gather.file(root, INTERFACES) {
        let found = netconf::parse_interfaces(&bytes);
        managers
            .profiles
            .extend(found.into_iter().map(|profile| Configured {
                manager: IFUPDOWN,
                profile,
            }));
    }
    managers
        .profiles
        .extend(wicked::read(root, gather).into_iter().map(|profile| Configured {
            manager: wicked::WICKED,
            profile,
        }));
    // The loopback interface is no connection.
    managers
        .profiles
        .retain(|configured| configured.profile.matches.names != ["lo"]);
    for folder in DHCLIENT {
        for path in gather.folder(root, folder, "") {
            let name = path.rsplit('/').next().unwrap_or_default();
            let lease = name.ends_with(".lease") || name.ends_with(".leases");
            if !lease {
                continue;
            }
            let Some(bytes) = gather.file(root, &path) else {
                continue;
            };
            if name.starts_with("internal-") {
                let interface = name
                    .trim_end_matches(".lease")
                    .rsplit('-')
                    .next()
                    .unwrap_or_default();
                let lease = netconf::parse_lease(&bytes);
                managers.leases.push(Lease {
                    interface: interface.to_owned(),
                    ..lease
                });
            } else {
                managers.leases.extend(netconf::parse_dhclient_leases(&bytes));
            }
        }
    }
    managers.resolver = RESOLVERS
        .iter()
        .filter_map(|path| gather.file(root, path))
        .map(|bytes| netconf::parse_resolv_conf(&bytes))
        .find(|resolver| !resolver.servers.is_empty())
        .unwrap_or_default();
    managers
}

/// What changes when a manager is told something else.
pub(super) fn watches(root: &Root) -> Vec<WatchPath> {
    let folder = |path: &str| WatchPath {
        path: root.display(path),
        what: Watched::Folder,
    };
    let file = |path: &str| WatchPath {
        path: root.display(path),
        what: Watched::File,
    };
    let mut all: Vec<WatchPath> = FOLDERS.iter().map(|(_, path, ..)| folder(path)).collect();
    all.push(file(INTERFACES));
    all.extend(wicked::watches(root));
    all.extend(RESOLVERS.map(file));
    all
}

/// Whether the managers' files are about this process's network: in another network namespace than the
/// first process, interface numbers and names mean something else.
pub(super) fn speak_of_this_namespace(root: &Root) -> bool {
    let of = |who: &str| root.read_link(&format!("proc/{who}/ns/net"));
    match (of("self"), of("1")) {
        (Some(own), Some(first)) => own == first,
        // Without the right to ask, the usual case is assumed.
        _ => true,
    }
}

impl Managers {
    /// What is set up for one interface.
    pub(super) fn setup(&self, root: &Root, interface: &Interface<'_>) -> Setup {
        let index = interface.link.index;
        let state = |path: &str| -> Vec<(String, String)> {
            let bytes = root
                .read_limited(&format!("{path}/{index}"), MAX_STATE)
                .ok()
                .flatten();
            bytes
                .map(|bytes| assignments(&bytes).collect())
                .unwrap_or_default()
        };
        let networkd = state("run/systemd/netif/links");
        let by_networkd = !networkd.is_empty() && value(&networkd, "ADMIN_STATE") != "unmanaged";
        let manager = state("run/NetworkManager/devices");
        let connection = value(&manager, "connection-uuid");
        let by_manager = root.exists("run/NetworkManager") && value(&manager, "managed") != "unmanaged";

        let network_file = value(&networkd, "NETWORK_FILE");
        let chosen = self
            .profiles
            .iter()
            .filter(|configured| fits(configured, interface))
            .find(|configured| {
                let id = configured.profile.id.as_str();
                match configured.manager {
                    NETWORKD => by_networkd && (network_file.is_empty() || file_name(network_file) == id),
                    NETWORK_MANAGER if connection.is_empty() => {
                        by_manager && configured.profile.matches.is_specific()
                    }
                    NETWORK_MANAGER => by_manager && connection == id,
                    // Rendered for one of the others, which then shows it.
                    NETPLAN => false,
                    _ => true,
                }
            });
        let mut setup = Setup::default();
        if let Some(Configured { manager, profile }) = chosen {
            setup = Setup {
                manager: (*manager).to_owned(),
                mode: mode(profile.method),
                addresses: profile.addresses.clone(),
                gateways: profile.gateways.iter().map(ToString::to_string).collect(),
                dns: profile.dns.clone(),
                search: profile.search.clone(),
                wifi_network: profile.wifi_network.clone(),
                leased: Vec::new(),
            };
        } else if by_networkd {
            setup.manager = NETWORKD.to_owned();
        } else if by_manager && !manager.is_empty() {
            setup.manager = NETWORK_MANAGER.to_owned();
        }
        self.add_leases(root, interface, by_networkd, &mut setup);
        self.add_servers(
            interface,
            &state("run/systemd/resolve/netif"),
            by_networkd.then_some(&networkd),
            &mut setup,
        );
        setup.addresses.truncate(MAX_SHOWN);
        setup.gateways.truncate(MAX_SHOWN);
        setup.dns.truncate(MAX_SHOWN);
        setup.search.truncate(MAX_SHOWN);
        setup
    }

    fn add_leases(&self, root: &Root, interface: &Interface<'_>, by_networkd: bool, setup: &mut Setup) {
        let mut leases: Vec<Lease> = self
            .leases
            .iter()
            .filter(|lease| lease.interface == interface.link.name)
            .cloned()
            .collect();
        if by_networkd {
            let path = format!("run/systemd/netif/leases/{}", interface.link.index);
            let bytes = root.read_limited(&path, MAX_STATE).ok().flatten();
            leases.extend(bytes.map(|bytes| netconf::parse_lease(&bytes)));
        }
        // A lease of old days stays on disk after the interface was set by hand.
        if setup.mode == AddressMode::Static {
            return;
        }
        for lease in leases {
            setup.leased.extend(lease.address);
            if setup.dns.is_empty() {
                setup.dns = lease.dns;
            }
            if setup.search.is_empty() {
                setup.search = lease.search;
            }
        }
    }

    /// The servers that are asked: what the resolver says, before what it was told.
    fn add_servers(
        &self,
        interface: &Interface<'_>,
        resolved: &[(String, String)],
        networkd: Option<&Vec<(String, String)>>,
        setup: &mut Setup,
    ) {
        let words = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        let networkd = networkd.map(Vec::as_slice).unwrap_or_default();
        let told = [value(resolved, "SERVERS"), value(networkd, "DNS")];
        if let Some(servers) = told.into_iter().find(|servers| !servers.is_empty()) {
            setup.dns = words(servers);
        }
        let domains = [value(resolved, "DOMAINS"), value(networkd, "DOMAINS")];
        if let Some(domains) = domains.into_iter().find(|domains| !domains.is_empty()) {
            setup.search = words(domains)
                .into_iter()
                .filter(|domain| !domain.starts_with('~'))
                .collect();
        }
        if setup.dns.is_empty() && interface.has_gateway {
            setup.dns.clone_from(&self.resolver.servers);
            if setup.search.is_empty() {
                setup.search.clone_from(&self.resolver.search);
            }
        }
    }
}

/// The contract's mode of a method.
pub(super) fn mode(method: Method) -> AddressMode {
    match method {
        Method::Dhcp => AddressMode::Dhcp,
        Method::Static => AddressMode::Static,
        Method::LinkLocal => AddressMode::LinkLocal,
        Method::Disabled | Method::Unstated => AddressMode::Unspecified,
    }
}

/// Without a line that names the interface, the file's own name does.
fn named_by_file(mut profile: Profile, name: &str) -> Profile {
    if !profile.matches.is_specific() {
        let interface = name.strip_prefix("ifcfg-").unwrap_or(name);
        profile.matches.names.push(interface.to_owned());
    }
    profile
}

fn fits(configured: &Configured, interface: &Interface<'_>) -> bool {
    let macs = [
        rt::format_mac(&interface.link.mac),
        rt::format_mac(&interface.link.permanent_mac),
    ];
    let macs: Vec<&str> = macs
        .iter()
        .map(String::as_str)
        .filter(|mac| !mac.is_empty())
        .collect();
    let matches: &Match = &configured.profile.matches;
    matches.fits(&interface.link.name, &macs, interface.kind)
}

fn value<'a>(state: &'a [(String, String)], key: &str) -> &'a str {
    state
        .iter()
        .find(|(name, _)| name == key)
        .map_or("", |(_, value)| value.as_str())
}

fn file_name(path: &str) -> &str {
    Path::new(path)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Fixture(tempfile::TempDir);

    impl Fixture {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (path, content) in files {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            Self(folder)
        }

        fn setup(&self) -> Setup {
            let root = Root::at(self.0.path());
            let managers = read(&root, &mut Gather::default());
            let link = Link {
                index: 2,
                name: "eth0".to_owned(),
                mac: vec![2, 0, 0, 0, 0, 1],
                ..Link::default()
            };
            managers.setup(
                &root,
                &Interface {
                    link: &link,
                    kind: "ethernet",
                    has_gateway: true,
                },
            )
        }
    }

    const PROFILE: &str = "[connection]\nuuid=u1\ntype=ethernet\n[ipv4]\nmethod=";

    #[test]
    fn the_active_profile_of_network_manager_counts() {
        let fixture = Fixture::new(&[
            (
                "etc/NetworkManager/system-connections/a.nmconnection",
                &format!("{PROFILE}auto\n"),
            ),
            (
                "etc/NetworkManager/system-connections/b",
                &format!("{}manual\n", PROFILE.replace("u1", "u2")),
            ),
            (
                "run/NetworkManager/devices/2",
                "[device]\nmanaged=full\nconnection-uuid=u1\n",
            ),
            (
                "var/lib/NetworkManager/internal-u1-eth0.lease",
                "ADDRESS=192.0.2.7\nDNS=192.0.2.53\n",
            ),
            (
                "etc/resolv.conf",
                "nameserver 127.0.0.53\nnameserver 192.0.2.99\n",
            ),
        ]);
        let setup = fixture.setup();
        assert_eq!(
            (&*setup.manager, setup.mode),
            (NETWORK_MANAGER, AddressMode::Dhcp)
        );
        assert_eq!(setup.leased, ["192.0.2.7".parse::<std::net::IpAddr>().unwrap()]);
        assert_eq!(setup.dns, ["192.0.2.53"]);
    }

    #[test]
    fn a_lease_of_old_days_does_not_make_a_static_interface_dhcp() {
        let fixture = Fixture::new(&[
            (
                "etc/network/interfaces",
                "iface eth0 inet static\naddress 192.0.2.7/24\n",
            ),
            (
                "var/lib/dhcp/dhclient.eth0.leases",
                "lease {\ninterface \"eth0\";\nfixed-address 192.0.2.7;\n}\n",
            ),
            ("etc/resolv.conf", "nameserver 192.0.2.99\n"),
        ]);
        let setup = fixture.setup();
        assert_eq!(
            (&*setup.manager, setup.mode, setup.leased.len()),
            (IFUPDOWN, AddressMode::Static, 0)
        );
        assert_eq!(setup.dns, ["192.0.2.99"]);
    }

    #[test]
    fn networkd_counts_only_where_it_manages_the_interface() {
        let network = (
            "etc/systemd/network/10-eth.network",
            "[Match]\nName=eth*\n[Network]\nDHCP=yes\n",
        );
        let lease = ("run/systemd/netif/leases/2", "ADDRESS=192.0.2.7\n");
        let state = |admin: &str| {
            format!("ADMIN_STATE={admin}\nNETWORK_FILE=/etc/systemd/network/10-eth.network\nDNS=192.0.2.53\n")
        };
        let managed = state("configured");
        let setup = Fixture::new(&[network, lease, ("run/systemd/netif/links/2", &managed)]).setup();
        assert_eq!(
            (&*setup.manager, setup.mode, setup.leased.len()),
            (NETWORKD, AddressMode::Dhcp, 1)
        );
        assert_eq!(setup.dns, ["192.0.2.53"]);
        let unmanaged = state("unmanaged");
        let setup = Fixture::new(&[network, lease, ("run/systemd/netif/links/2", &unmanaged)]).setup();
        assert_eq!(setup, Setup::default());
    }
}
