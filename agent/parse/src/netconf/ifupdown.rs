//! `/etc/network/interfaces` and the parts that it includes.

use super::{MAX_PROFILES, Match, Method, Profile, address, netmask, words};
use crate::text;

/// The `iface` stanzas of a file, those of one interface joined.
pub fn parse_interfaces(bytes: &[u8]) -> Vec<Profile> {
    let mut profiles: Vec<Profile> = Vec::new();
    let mut current: Option<usize> = None;
    for line in text::lines(bytes) {
        let line = text::decode(line);
        let mut fields = line.split_whitespace();
        let Some(word) = fields.next().filter(|word| !word.starts_with('#')) else {
            continue;
        };
        let rest = line.trim_start().strip_prefix(word).unwrap_or_default().trim();
        match word {
            "iface" => {
                let (name, _, method) = (fields.next(), fields.next(), fields.next());
                current = name.and_then(|name| stanza(&mut profiles, name, method));
            }
            "auto" | "mapping" | "source" | "source-directory" | "no-auto-down" | "rename" => current = None,
            _ if word.starts_with("allow-") => current = None,
            _ => {
                if let Some(profile) = current.and_then(|index| profiles.get_mut(index)) {
                    option(profile, word, rest);
                }
            }
        }
    }
    profiles
}

fn stanza(profiles: &mut Vec<Profile>, name: &str, method: Option<&str>) -> Option<usize> {
    let index = match profiles.iter().position(|profile| profile.id == name) {
        Some(index) => index,
        None if profiles.len() < MAX_PROFILES => {
            let matches = Match {
                names: vec![name.to_owned()],
                ..Match::default()
            };
            profiles.push(Profile {
                id: name.to_owned(),
                matches,
                ..Profile::default()
            });
            profiles.len() - 1
        }
        None => return None,
    };
    let profile = profiles.get_mut(index)?;
    let method = match method {
        Some("dhcp") => Method::Dhcp,
        Some("static") => Method::Static,
        _ => Method::Unstated,
    };
    // The IPv6 stanza of an interface usually follows; the first that tells counts.
    if profile.method == Method::Unstated {
        profile.method = method;
    }
    Some(index)
}

fn option(profile: &mut Profile, name: &str, value: &str) {
    match name {
        "address" => profile.addresses.extend(address(value)),
        "netmask" => {
            let prefix = value.parse().ok().or_else(|| netmask(value));
            if let (Some(prefix), Some((ip, length))) = (prefix, profile.addresses.last_mut()) {
                *length = prefix.min(if ip.is_ipv4() { 32 } else { 128 });
            }
        }
        "gateway" => profile.gateways.extend(value.parse::<std::net::IpAddr>()),
        "dns-nameservers" | "dns-nameserver" => profile.dns.extend(words(value).map(str::to_owned)),
        "dns-search" | "dns-domain" => profile.search.extend(words(value).map(str::to_owned)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_are_read_with_either_prefix() {
        let file = b"auto eth0\niface eth0 inet static\n  address 192.0.2.7\n  netmask 255.255.255.0\n  gateway 192.0.2.1\n\
  dns-nameservers 192.0.2.53 192.0.2.54\niface eth0 inet6 auto\niface eth1 inet dhcp\nallow-hotplug eth1\naddress 1.2.3.4\n";
        let profiles = parse_interfaces(file);
        assert_eq!(profiles.len(), 2);
        assert_eq!(profiles[0].addresses, [("192.0.2.7".parse().unwrap(), 24)]);
        assert_eq!((profiles[0].method, profiles[0].dns.len()), (Method::Static, 2));
        assert_eq!(
            (profiles[1].method, profiles[1].addresses.len()),
            (Method::Dhcp, 0)
        );
    }
}
