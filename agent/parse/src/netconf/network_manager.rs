//! Key files of NetworkManager. They hold Wi-Fi passwords too: no key of a secret is looked at.

use super::{Match, Method, Profile, address, mac, words};
use crate::ini::{self, Entry};

/// One connection file.
pub fn parse_keyfile(bytes: &[u8]) -> Profile {
    let entries = ini::parse_ini(bytes);
    let get = |section, key| ini::value(&entries, section, key);
    let kind = match get("connection", "type") {
        "802-3-ethernet" | "ethernet" => "ethernet",
        "802-11-wireless" | "wifi" => "wifi",
        other => other,
    };
    let mut profile = Profile {
        id: get("connection", "uuid").to_owned(),
        matches: Match {
            kind: kind.to_owned(),
            ..Match::default()
        },
        method: method(get("ipv4", "method")),
        wifi_network: ssid(first(&entries, &["wifi", "802-11-wireless"], "ssid")),
        ..Profile::default()
    };
    let name = get("connection", "interface-name");
    if !name.is_empty() {
        profile.matches.names.push(name.to_owned());
    }
    let hardware = first(
        &entries,
        &["ethernet", "802-3-ethernet", "wifi", "802-11-wireless"],
        "mac-address",
    );
    if !hardware.is_empty() {
        profile.matches.macs.push(mac(hardware));
    }
    for entry in &entries {
        if entry.section != "ipv4" && entry.section != "ipv6" {
            continue;
        }
        let numbered = |prefix: &str| {
            entry
                .key
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
        };
        if entry.key == "addresses" || numbered("address") {
            // `address/prefix,gateway`, several separated by semicolons.
            for one in entry
                .value
                .split(';')
                .filter(|one| !one.trim().is_empty())
                .take(super::MAX_VALUES)
            {
                let (ip, gateway) = one.split_once(',').unwrap_or((one, ""));
                profile.addresses.extend(address(ip));
                profile
                    .gateways
                    .extend(gateway.trim().parse::<std::net::IpAddr>());
            }
        } else if entry.key == "gateway" {
            profile.gateways.extend(entry.value.parse::<std::net::IpAddr>());
        } else if entry.key == "dns" {
            profile.dns.extend(words(&entry.value).map(str::to_owned));
        } else if entry.key == "dns-search" {
            profile.search.extend(words(&entry.value).map(str::to_owned));
        }
    }
    profile.gateways.retain(|gateway| !gateway.is_unspecified());
    profile
}

fn first<'a>(entries: &'a [Entry], sections: &[&'a str], key: &'a str) -> &'a str {
    sections
        .iter()
        .map(|section| ini::value(entries, section, key))
        .find(|value| !value.is_empty())
        .unwrap_or_default()
}

fn method(text: &str) -> Method {
    match text {
        "auto" => Method::Dhcp,
        "manual" => Method::Static,
        "link-local" => Method::LinkLocal,
        "disabled" => Method::Disabled,
        // Sharing gives out addresses, and has a fixed one itself.
        "shared" => Method::Static,
        _ => Method::Unstated,
    }
}

/// Text, or bytes as decimal numbers with semicolons.
fn ssid(value: &str) -> String {
    let numbers: Option<Vec<u8>> = value
        .strip_suffix(';')
        .map(|list| list.split(';').map(|number| number.trim().parse().ok()).collect())
        .unwrap_or_default();
    match numbers {
        Some(bytes) => crate::text::decode(&bytes).into_owned(),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_profile_is_read_with_gateway_and_servers() {
        let file = "[connection]\nid=有线连接\nuuid=u1\ntype=ethernet\ninterface-name=enp3s0\n\n[ethernet]\nmac-address=AA:BB:CC:DD:EE:FF\n\n\
[ipv4]\nmethod=manual\naddress1=192.0.2.7/24,192.0.2.1\ndns=192.0.2.53;192.0.2.54;\ndns-search=corp.example;\n\n[ipv6]\nmethod=auto\n";
        let profile = parse_keyfile(file.as_bytes());
        assert_eq!(profile.method, Method::Static);
        assert_eq!(profile.addresses, [("192.0.2.7".parse().unwrap(), 24)]);
        assert_eq!(
            profile.gateways,
            ["192.0.2.1".parse::<std::net::IpAddr>().unwrap()]
        );
        assert_eq!((profile.dns.len(), &*profile.search[0]), (2, "corp.example"));
        assert!(profile.matches.fits("enp3s0", &["aa:bb:cc:dd:ee:ff"], "ethernet"));
    }

    #[test]
    fn passwords_are_not_taken_and_names_in_bytes_are() {
        let file = "[connection]\ntype=wifi\n[wifi]\nssid=229;138;158;\n[wifi-security]\npsk=geheim\n[ipv4]\nmethod=auto\n";
        let profile = parse_keyfile(file.as_bytes());
        assert_eq!((&*profile.wifi_network, profile.method), ("办", Method::Dhcp));
        assert!(!format!("{profile:?}").contains("geheim"));
    }
}
