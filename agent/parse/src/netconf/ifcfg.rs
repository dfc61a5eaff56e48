//! `ifcfg-*` files of the Red Hat family (openEuler, Kylin server, Anolis).

use super::{Method, Profile, address, mac, netmask, words};
use crate::os_release::assignments;

/// One `ifcfg` file.
pub fn parse_ifcfg(bytes: &[u8]) -> Profile {
    let mut profile = Profile::default();
    let mut addresses: Vec<(std::net::IpAddr, Option<u8>)> = Vec::new();
    let mut prefixes: Vec<u8> = Vec::new();
    for (key, value) in assignments(bytes) {
        let stem = key
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .trim_end_matches('_');
        match stem {
            "DEVICE" => profile.matches.names.push(value),
            "HWADDR" => profile.matches.macs.push(mac(&value)),
            "UUID" => profile.id = value,
            "BOOTPROTO" => {
                profile.method = match value.as_str() {
                    "dhcp" | "bootp" | "dhcp4" | "dhcp+autoip" => Method::Dhcp,
                    "static" | "none" => Method::Static,
                    _ => Method::Unstated,
                };
            }
            "IPADDR" if addresses.len() < super::MAX_VALUES => {
                // wicked writes the prefix behind the address, where the others have a key of its own.
                let alone = value.parse().ok().map(|ip| (ip, None));
                addresses.extend(alone.or_else(|| address(&value).map(|(ip, prefix)| (ip, Some(prefix)))));
            }
            "PREFIX" | "PREFIXLEN" if prefixes.len() < super::MAX_VALUES => {
                prefixes.extend(value.parse::<u8>().ok())
            }
            "NETMASK" if prefixes.len() < super::MAX_VALUES => prefixes.extend(netmask(&value)),
            "GATEWAY" => profile.gateways.extend(value.parse::<std::net::IpAddr>()),
            "DNS" => profile.dns.extend(words(&value).map(str::to_owned)),
            "DOMAIN" => profile.search.extend(words(&value).map(str::to_owned)),
            "ESSID" => profile.wifi_network = value,
            _ => {}
        }
    }
    profile.matches.names.retain(|name| !name.is_empty());
    for (slot, prefix) in addresses.iter_mut().zip(prefixes) {
        slot.1 = Some(prefix.min(whole(slot.0)));
    }
    profile.addresses = addresses
        .into_iter()
        .map(|(ip, prefix)| (ip, prefix.unwrap_or(whole(ip))))
        .collect();
    if profile.method == Method::Static && profile.addresses.is_empty() {
        profile.method = Method::Unstated;
    }
    profile
}

fn whole(ip: std::net::IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_addresses_find_their_prefixes() {
        let file = b"DEVICE=ens160\nBOOTPROTO=none\nIPADDR0=192.0.2.7\nPREFIX0=24\nIPADDR1=192.0.2.8\nNETMASK1=255.255.0.0\nGATEWAY=192.0.2.1\nDNS1=192.0.2.53\n";
        let profile = parse_ifcfg(file);
        let prefixes: Vec<u8> = profile.addresses.iter().map(|(_, prefix)| *prefix).collect();
        assert_eq!((prefixes, profile.method), (vec![24, 16], Method::Static));
        assert!(profile.matches.fits("ens160", &[], "ethernet"));
    }
}
