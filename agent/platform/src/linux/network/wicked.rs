//! What wicked (openSUSE, SLES) was told: a file per interface, and routes and name servers for all of them.

use std::net::IpAddr;

use deskwarden_parse::{
    netconf::{self, Method, Profile},
    shell::parse_environment,
};

use crate::{Root, WatchPath, Watched, linux::gather::Gather};

/// Its name.
pub(super) const WICKED: &str = "wicked";
const FOLDER: &str = "etc/sysconfig/network";
const ROUTES: &str = "etc/sysconfig/network/routes";
const CONFIG: &str = "etc/sysconfig/network/config";

/// The profiles, each with its gateway and, where the address is static, with the name servers.
pub(super) fn read(root: &Root, gather: &mut Gather) -> Vec<Profile> {
    let mut profiles = Vec::new();
    for path in gather.folder(root, FOLDER, "") {
        let name = path.rsplit('/').next().unwrap_or_default();
        let Some(interface) = name.strip_prefix("ifcfg-") else {
            continue;
        };
        if interface == "lo" || netconf::is_backup(name) {
            continue;
        }
        let Some(bytes) = gather.file(root, &path) else {
            continue;
        };
        let mut profile = netconf::parse_ifcfg(&bytes);
        profile.matches.names = vec![interface.to_owned()];
        let own = gather.file(root, &format!("{FOLDER}/ifroute-{interface}"));
        let own = own.map(|bytes| netconf::parse_routes(&bytes)).unwrap_or_default();
        profile
            .gateways
            .extend(own.into_iter().map(|(gateway, _)| gateway));
        profiles.push(profile);
    }
    if profiles.is_empty() {
        return profiles;
    }
    let routes = gather
        .file(root, ROUTES)
        .map(|bytes| netconf::parse_routes(&bytes));
    for (gateway, interface) in routes.unwrap_or_default() {
        for profile in &mut profiles {
            let named = profile.matches.names.contains(&interface);
            if named || (interface.is_empty() && reaches(profile, gateway)) {
                profile.gateways.push(gateway);
            }
        }
    }
    let told = gather.file(root, CONFIG).map(|bytes| parse_environment(&bytes));
    for setting in told.unwrap_or_default() {
        for profile in profiles
            .iter_mut()
            .filter(|profile| profile.method == Method::Static)
        {
            let words = setting.value.split_whitespace().map(str::to_owned);
            match setting.name.as_str() {
                "NETCONFIG_DNS_STATIC_SERVERS" => profile.dns.extend(words),
                "NETCONFIG_DNS_STATIC_SEARCHLIST" => profile.search.extend(words),
                _ => {}
            }
        }
    }
    profiles
}

/// What changes when it is told something else.
pub(super) fn watches(root: &Root) -> Vec<WatchPath> {
    vec![WatchPath {
        path: root.display(FOLDER),
        what: Watched::Folder,
    }]
}

/// Whether a gateway is in the network of one of the addresses.
fn reaches(profile: &Profile, gateway: IpAddr) -> bool {
    profile.addresses.iter().any(|(ip, prefix)| match (ip, gateway) {
        (IpAddr::V4(ip), IpAddr::V4(gateway)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(*prefix)).unwrap_or(0);
            u32::from(*ip) & mask == u32::from(gateway) & mask
        }
        (IpAddr::V6(ip), IpAddr::V6(gateway)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(*prefix)).unwrap_or(0);
            u128::from(*ip) & mask == u128::from(gateway) & mask
        }
        _ => false,
    })
}
