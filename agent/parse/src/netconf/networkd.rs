//! `.network` files of systemd-networkd.

use super::{Match, Method, Profile, address, mac, words};
use crate::ini;

/// One `.network` file; its name is the caller's to keep.
pub fn parse_network(bytes: &[u8]) -> Profile {
    let entries = ini::parse_ini(bytes);
    let list = |section, key| -> Vec<String> {
        ini::values(&entries, section, key)
            .flat_map(words)
            .map(str::to_owned)
            .take(super::MAX_VALUES)
            .collect()
    };
    let macs = |key| {
        list("Match", key)
            .iter()
            .map(|text| mac(text))
            .collect::<Vec<_>>()
    };
    let kind = match ini::value(&entries, "Match", "Type") {
        "ether" => "ethernet",
        "wlan" => "wifi",
        other => other,
    };
    let mut profile = Profile {
        matches: Match {
            names: list("Match", "Name"),
            macs: [macs("MACAddress"), macs("PermanentMACAddress")].concat(),
            kind: kind.to_owned(),
        },
        dns: list("Network", "DNS"),
        search: list("Network", "Domains")
            .into_iter()
            .filter(|domain| !domain.starts_with('~'))
            .collect(),
        ..Profile::default()
    };
    let addresses =
        ini::values(&entries, "Network", "Address").chain(ini::values(&entries, "Address", "Address"));
    profile.addresses = addresses.filter_map(address).take(super::MAX_VALUES).collect();
    profile.gateways = ini::values(&entries, "Network", "Gateway")
        .chain(ini::values(&entries, "Route", "Gateway"))
        .filter_map(|gateway| gateway.parse().ok())
        .take(super::MAX_VALUES)
        .collect();
    profile.method = match ini::value(&entries, "Network", "DHCP")
        .to_ascii_lowercase()
        .as_str()
    {
        "yes" | "true" | "1" | "on" | "ipv4" | "v4" | "both" => Method::Dhcp,
        _ if profile.addresses.iter().any(|(ip, _)| ip.is_ipv4()) => Method::Static,
        _ => Method::Unstated,
    };
    profile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_an_address_are_read() {
        let file = b"[Match]\nName=en* eth0\n[Network]\nAddress=192.0.2.7/24\nGateway=192.0.2.1\nDNS=192.0.2.53\nDomains=corp ~.\n[Address]\nAddress=2001:db8::7/64\n";
        let profile = parse_network(file);
        assert_eq!(
            (profile.addresses.len(), profile.gateways.len(), profile.method),
            (2, 1, Method::Static)
        );
        assert_eq!(
            (profile.matches.names.len(), &*profile.search),
            (2, &["corp".to_owned()][..])
        );
        assert_eq!(parse_network(b"[Network]\nDHCP=ipv4\n").method, Method::Dhcp);
    }
}
