//! Source `security/forwarding`: whether this PC passes on what other machines send: a shared connection or
//! hotspot, or a kernel that routes. What containers and virtual machines on the PC need is told apart.

use std::time::Duration;

use deskwarden_parse::ini;
use deskwarden_proto::v1::Security;

use super::{fact, folder, id, switch};
use crate::{Reading, Root, Source, SourceId, Unavailable, WatchPath, linux::gather::Gather};

const KERNEL: [&str; 2] = [
    "proc/sys/net/ipv4/ip_forward",
    "proc/sys/net/ipv6/conf/all/forwarding",
];
const INTERFACES: &str = "sys/class/net";
const CONNECTIONS: [&str; 2] = [
    "etc/NetworkManager/system-connections",
    "run/NetworkManager/system-connections",
];
const NETWORKD: &str = "etc/systemd/network";
const MAX_INTERFACES: usize = 1_000;
/// Nothing tells of the kernel's switches.
const EVERY: Duration = Duration::from_secs(300);
/// Interfaces that container and virtual machine hosts make.
const INNER: [&str; 12] = [
    "docker", "br-", "veth", "virbr", "vnet", "lxc", "lxd", "incus", "cni", "podman", "vmnet", "vboxnet",
];
/// What the detail then says; rules know it.
const FOR_GUESTS: &str = "for containers or virtual machines";

/// The kernel's switches and the connections that share.
pub(in crate::linux) struct Forwarding;

impl Source for Forwarding {
    fn id(&self) -> SourceId {
        id("forwarding")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let switches: Vec<Vec<u8>> = KERNEL.iter().filter_map(|path| gather.file(root, path)).collect();
        let mut manager = false;
        for path in CONNECTIONS {
            manager |= gather.there(root, path);
        }
        let networkd = gather.there(root, NETWORKD);
        if switches.is_empty() && !manager && !networkd {
            let why = format!(
                "{}: no running system below this root",
                root.display(KERNEL[0]).display()
            );
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        if !switches.is_empty() {
            let on = switches.iter().any(|value| value.trim_ascii() == b"1");
            gather.facts.push(fact(Security {
                topic: "ip_forwarding".to_owned(),
                enabled: switch(on).into(),
                detail: if on && has_guests(root) { FOR_GUESTS } else { "" }.to_owned(),
                ..Security::default()
            }));
        }
        if manager {
            let mut shares = false;
            for place in CONNECTIONS {
                for path in gather.folder(root, place, "") {
                    let bytes = gather.file(root, &path).unwrap_or_default();
                    let entries = ini::parse_ini(&bytes);
                    shares |= ["ipv4", "ipv6"]
                        .iter()
                        .any(|family| ini::value(&entries, family, "method") == "shared");
                }
            }
            gather.facts.push(sharing("NetworkManager", shares));
        }
        if networkd {
            let mut shares = false;
            for path in gather.folder(root, NETWORKD, ".network") {
                let bytes = gather.file(root, &path).unwrap_or_default();
                let entries = ini::parse_ini(&bytes);
                let masquerade = ini::value(&entries, "Network", "IPMasquerade");
                shares |= ["yes", "true", "1", "ipv4", "ipv6", "both"].contains(&masquerade);
            }
            gather.facts.push(sharing("systemd-networkd", shares));
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        vec![folder(root, CONNECTIONS[0]), folder(root, NETWORKD)]
    }

    fn every(&self) -> Option<Duration> {
        Some(EVERY)
    }
}

fn sharing(product: &str, on: bool) -> crate::Fact {
    fact(Security {
        topic: "connection_sharing".to_owned(),
        product: product.to_owned(),
        enabled: switch(on).into(),
        ..Security::default()
    })
}

fn has_guests(root: &Root) -> bool {
    let names = root
        .list(INTERFACES, MAX_INTERFACES)
        .ok()
        .flatten()
        .unwrap_or_default();
    names
        .iter()
        .filter_map(|name| name.to_str())
        .any(|name| INNER.iter().any(|begin| name.starts_with(begin)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::testing::{security, switches, write};
    use super::*;
    use deskwarden_proto::v1::{Look, Switch};

    #[test]
    fn a_shared_connection_is_told_from_guests_of_the_pc() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(Forwarding.read(&root).look, Look::Unsupported);
        let uplink: (&str, &[u8]) = (
            "etc/NetworkManager/system-connections/eth.nmconnection",
            b"[ipv4]\nmethod=auto\n",
        );
        write(folder.path(), &[(KERNEL[0], b"1\n"), (KERNEL[1], b"0\n"), uplink]);
        let reading = Forwarding.read(&root);
        assert_eq!(
            switches(&reading),
            [
                ("connection_sharing:NetworkManager", Switch::Off),
                ("ip_forwarding", Switch::On)
            ]
        );
        assert_eq!(security(&reading.facts[1]).detail, "");
        fs::create_dir_all(folder.path().join("sys/class/net/docker0")).unwrap();
        assert_eq!(security(&Forwarding.read(&root).facts[1]).detail, FOR_GUESTS);
        let hotspot: (&str, &[u8]) = (
            "etc/NetworkManager/system-connections/Hotspot.nmconnection",
            b"[wifi]\nmode=ap\n[ipv4]\nmethod=shared\n",
        );
        let router: (&str, &[u8]) = ("etc/systemd/network/r.network", b"[Network]\nIPMasquerade=both\n");
        write(folder.path(), &[hotspot, router]);
        assert_eq!(
            switches(&Forwarding.read(&root))[..2],
            [
                ("connection_sharing:NetworkManager", Switch::On),
                ("connection_sharing:systemd-networkd", Switch::On)
            ]
        );
    }
}
