//! Netplan's YAML, as far as its own files go: mappings by indentation, lists in either style, scalars. No
//! anchors, tags or multi-line texts, which network files do not use; a line that is none of it is skipped.

use std::rc::Rc;

use super::{MAX_PROFILES, Match, Method, Profile, address, mac};
use crate::text;

/// Deepest nesting.
const MAX_DEPTH: usize = 32;
/// Most lines.
const MAX_LINES: usize = 20_000;
/// Longest key: it is kept with everything below it. Names of interfaces and networks are far shorter.
const MAX_KEY: usize = 128;

/// The keys that lead to a value.
type Keys = Rc<[Rc<str>]>;

/// Interfaces that a file configures, in its order.
pub fn parse_netplan(bytes: &[u8]) -> Vec<Profile> {
    let mut profiles: Vec<Profile> = Vec::new();
    for (path, value) in scalars(bytes) {
        let path: Vec<&str> = path.iter().map(|key| &**key).collect();
        let ["network", kind, id, key, deeper @ ..] = path.as_slice() else {
            continue;
        };
        let kind = match *kind {
            "ethernets" => "ethernet",
            "wifis" => "wifi",
            "bonds" | "bridges" | "vlans" | "tunnels" => "",
            _ => continue,
        };
        let index = match profiles.iter().position(|profile| profile.id == *id) {
            Some(index) => index,
            None if profiles.len() < MAX_PROFILES => {
                profiles.push(Profile {
                    id: (*id).to_owned(),
                    matches: Match {
                        kind: kind.to_owned(),
                        ..Match::default()
                    },
                    ..Profile::default()
                });
                profiles.len() - 1
            }
            None => continue,
        };
        if let Some(profile) = profiles.get_mut(index) {
            set(profile, key, deeper, &value);
        }
    }
    for profile in &mut profiles {
        // Without a `match`, the id is the interface's name.
        if !profile.matches.is_specific() {
            profile.matches.names.push(profile.id.clone());
        }
        if profile.method == Method::Unstated && profile.addresses.iter().any(|(ip, _)| ip.is_ipv4()) {
            profile.method = Method::Static;
        }
    }
    profiles
}

fn set(profile: &mut Profile, key: &str, deeper: &[&str], value: &str) {
    match (key, deeper) {
        ("dhcp4", []) if matches!(value, "true" | "yes" | "on") => profile.method = Method::Dhcp,
        ("addresses", [] | ["[]"]) => profile.addresses.extend(address(value)),
        // An address with options is a mapping whose key is the address.
        ("addresses", ["[]", ip, ..]) => profile.addresses.extend(address(ip)),
        ("gateway4" | "gateway6", []) => profile.gateways.extend(value.parse::<std::net::IpAddr>()),
        ("routes", ["[]", "via"]) => profile.gateways.extend(value.parse::<std::net::IpAddr>()),
        ("nameservers", ["addresses", ..]) => profile.dns.push(value.to_owned()),
        ("nameservers", ["search", ..]) => profile.search.push(value.to_owned()),
        ("match", ["name"]) => profile.matches.names.push(value.to_owned()),
        ("match", ["macaddress"]) => profile.matches.macs.push(mac(value)),
        ("access-points", [network, ..]) => profile.wifi_network = (*network).to_owned(),
        _ => {}
    }
}

/// Every scalar with the keys that lead to it; an entry of a list has the step `[]`.
fn scalars(bytes: &[u8]) -> Vec<(Keys, String)> {
    let mut found = Vec::new();
    // Indentation and key of the mappings that are open.
    let mut open: Vec<(usize, Rc<str>)> = Vec::new();
    for line in text::lines(bytes).take(MAX_LINES) {
        let line = text::decode(line);
        let mut indent = line.len() - line.trim_start_matches(' ').len();
        let mut rest = without_comment(line.trim());
        while let Some(entry) = rest.strip_prefix("- ").or((rest == "-").then_some("")) {
            close(&mut open, indent, true);
            push(&mut open, indent, "[]");
            indent += rest.len() - entry.trim_start().len();
            rest = entry.trim_start();
        }
        if rest.is_empty() || rest == "---" {
            continue;
        }
        let (key, value) = match split_key(rest) {
            Some((key, value)) => {
                close(&mut open, indent, false);
                (Some(key), value)
            }
            None => (None, rest),
        };
        if let Some(key) = key {
            push(&mut open, indent, text::unquote(key));
        }
        let path: Keys = open.iter().map(|(_, key)| Rc::clone(key)).collect();
        if let Some(list) = value.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
            for one in list.split(',').map(str::trim).filter(|one| !one.is_empty()) {
                found.push((Rc::clone(&path), text::unquote(one).to_owned()));
            }
        } else if !value.is_empty() {
            found.push((path, text::unquote(value).to_owned()));
        }
    }
    found
}

/// Ends mappings at this indentation or deeper. A list may stand at the indentation of its key.
fn close(open: &mut Vec<(usize, Rc<str>)>, indent: usize, entry: bool) {
    while let Some((at, key)) = open.last() {
        let belongs = *at < indent || (entry && *at == indent && &**key != "[]");
        if belongs {
            return;
        }
        open.pop();
    }
}

fn push(open: &mut Vec<(usize, Rc<str>)>, indent: usize, key: &str) {
    if open.len() < MAX_DEPTH {
        open.push((indent, text::clip(key, MAX_KEY).into()));
    }
}

/// `key: value` or `key:`; colons inside a key in quotes or inside an address do not count.
fn split_key(text: &str) -> Option<(&str, &str)> {
    if text.starts_with(['[', '{']) {
        return None;
    }
    for quote in ['"', '\''] {
        if let Some((key, after)) = text.strip_prefix(quote).and_then(|inner| inner.split_once(quote)) {
            return after
                .trim_start()
                .strip_prefix(':')
                .map(|value| (key, value.trim()));
        }
    }
    match text.split_once(": ") {
        Some((key, value)) => Some((key.trim(), value.trim())),
        None => text.strip_suffix(':').map(|key| (key.trim(), "")),
    }
}

fn without_comment(line: &str) -> &str {
    if line.starts_with('#') {
        return "";
    }
    line.split_once(" #")
        .map_or(line, |(before, _)| before.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_list_styles_and_both_gateways_are_read() {
        let file = r#"
network:
  version: 2
  renderer: networkd # why
  ethernets:
    enp3s0:
      addresses:
        - 192.0.2.7/24
        - "2001:db8::7/64":
            label: x
      routes:
      - to: default
        via: 192.0.2.1
      nameservers:
        addresses: [192.0.2.53, '192.0.2.54']
        search:
        - corp
    lan:
      match:
        macaddress: AA:BB:CC:DD:EE:FF
      dhcp4: true
  wifis:
    wlan0:
      dhcp4: yes
      access-points:
        "办公室":
          password: geheim
"#;
        let profiles = parse_netplan(file.as_bytes());
        assert_eq!(profiles.len(), 3);
        let wired = &profiles[0];
        assert_eq!(wired.addresses.len(), 2, "{wired:?}");
        assert_eq!(
            (wired.gateways.len(), wired.dns.len(), &*wired.search),
            (1, 2, &["corp".to_owned()][..])
        );
        assert_eq!((wired.method, profiles[1].method), (Method::Static, Method::Dhcp));
        assert!(
            profiles[1]
                .matches
                .fits("enp9s0", &["aa:bb:cc:dd:ee:ff"], "ethernet")
        );
        assert_eq!(profiles[2].wifi_network, "办公室");
        assert!(!format!("{profiles:?}").contains("geheim"));
    }
}
