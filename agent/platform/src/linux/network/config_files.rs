//! Source `network/config-files`: interfaces as files configure them, for a root whose kernel does not run.

use deskwarden_parse::netconf::Method;
use deskwarden_proto::{
    key,
    v1::{Address, AddressMode, InterfaceKind, Network, Section, facet::Kind},
};

use super::managers::{self, Configured};
use crate::{Fact, Reading, Root, Source, SourceId, Unavailable, WatchPath, linux::gather::Gather};

/// The managers' profiles.
pub(in crate::linux) struct ConfigFiles;

impl Source for ConfigFiles {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Network,
            source: "config-files",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        if root.is_host() {
            let why = "the running kernel tells its interfaces, with what these files say about them";
            return Reading::unavailable(self.id(), &Unavailable::Unsupported(why.to_owned()));
        }
        let mut gather = Gather::default();
        let managers = managers::read(root, &mut gather);
        gather.facts = managers.profiles.iter().map(fact).collect();
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        if root.is_host() {
            Vec::new()
        } else {
            managers::watches(root)
        }
    }
}

fn fact(configured: &Configured) -> Fact {
    let profile = &configured.profile;
    let mut addresses: Vec<_> = profile.addresses.clone();
    addresses.sort_unstable();
    addresses.dedup();
    let interface = profile.matches.names.first().unwrap_or(&profile.id).clone();
    let network = Network {
        kind: match profile.matches.kind.as_str() {
            "ethernet" => InterfaceKind::Ethernet.into(),
            "wifi" => InterfaceKind::Wifi.into(),
            _ => InterfaceKind::Unspecified.into(),
        },
        mac: profile.matches.macs.first().cloned().unwrap_or_default(),
        addresses: addresses
            .into_iter()
            .map(|(ip, prefix)| Address {
                ip: ip.to_string(),
                prefix: prefix.into(),
                mode: AddressMode::Static.into(),
                configured_only: true,
            })
            .collect(),
        gateways: profile.gateways.iter().map(ToString::to_string).collect(),
        dns: profile.dns.clone(),
        mode: match profile.method {
            Method::Disabled | Method::Unstated => AddressMode::Unknown.into(),
            method => managers::mode(method).into(),
        },
        manager: configured.manager.to_owned(),
        search_domains: profile.search.clone(),
        wifi_network: profile.wifi_network.clone(),
        interface,
        ..Network::default()
    };
    Fact::machine(
        key::network(&network.mac, &network.interface),
        Kind::Network(network),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_root_tells_what_it_would_configure() {
        let folder = tempfile::tempdir().unwrap();
        let parts = folder.path().join("etc/network/interfaces.d");
        fs::create_dir_all(&parts).unwrap();
        fs::write(
            folder.path().join("etc/network/interfaces"),
            "auto lo\niface lo inet loopback\n",
        )
        .unwrap();
        fs::write(
            parts.join("eth0"),
            "iface eth0 inet static\naddress 192.0.2.7/24\n",
        )
        .unwrap();
        let netplan = folder.path().join("etc/netplan");
        fs::create_dir_all(&netplan).unwrap();
        fs::write(
            netplan.join("1.yaml"),
            "network:\n  ethernets:\n    enp3s0:\n      dhcp4: true\n",
        )
        .unwrap();
        let reading = ConfigFiles.read(&Root::at(folder.path()));
        let found: Vec<_> = reading
            .facts
            .iter()
            .map(|fact| match &fact.facet.kind {
                Some(Kind::Network(network)) => (fact.key.as_str(), network.mode(), network.manager.as_str()),
                _ => panic!("not a network"),
            })
            .collect();
        assert_eq!(
            found,
            [
                ("name:enp3s0", AddressMode::Dhcp, "netplan"),
                ("name:eth0", AddressMode::Static, "ifupdown"),
            ]
        );
    }
}
