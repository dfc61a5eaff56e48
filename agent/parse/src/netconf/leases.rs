//! What a DHCP server gave: lease files of systemd-networkd and NetworkManager, and of dhclient.

use std::net::IpAddr;

use super::words;
use crate::{os_release::assignments, text};

/// One lease. Times are not read: they change with every renewal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// Interface, where the file tells.
    pub interface: String,
    /// Address that was given.
    pub address: Option<IpAddr>,
    /// Name servers that were given.
    pub dns: Vec<String>,
    /// Domains that were given.
    pub search: Vec<String>,
}

/// A lease of `KEY=value` lines, as networkd and NetworkManager's own client write them.
pub fn parse_lease(bytes: &[u8]) -> Lease {
    let mut lease = Lease::default();
    for (key, value) in assignments(bytes) {
        match key.as_str() {
            "ADDRESS" => lease.address = value.parse().ok(),
            "DNS" => lease.dns = words(&value).map(str::to_owned).collect(),
            "DOMAINNAME" => lease.search = words(&value).map(str::to_owned).collect(),
            _ => {}
        }
    }
    lease
}

/// Leases of dhclient: the last one per interface is the one in force.
pub fn parse_dhclient_leases(bytes: &[u8]) -> Vec<Lease> {
    let mut leases: Vec<Lease> = Vec::new();
    let mut current = Lease::default();
    for line in text::lines(bytes) {
        let line = text::decode(line);
        let line = line.trim().trim_end_matches(';');
        if line.starts_with("lease") {
            current = Lease::default();
        } else if line == "}" {
            let done = std::mem::take(&mut current);
            leases.retain(|lease| lease.interface != done.interface);
            if done.address.is_some() && leases.len() < super::MAX_PROFILES {
                leases.push(done);
            }
        } else if let Some(name) = line.strip_prefix("interface ") {
            current.interface = text::unquote(name.trim()).to_owned();
        } else if let Some(ip) = line.strip_prefix("fixed-address ") {
            current.address = ip.trim().parse().ok();
        } else if let Some(servers) = line.strip_prefix("option domain-name-servers ") {
            current.dns = words(servers).map(str::to_owned).collect();
        } else if let Some(domain) = line.strip_prefix("option domain-name ") {
            current.search = words(text::unquote(domain.trim())).map(str::to_owned).collect();
        }
    }
    leases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lease_of_an_interface_counts() {
        let one = |ip: &str| {
            format!(
                "lease {{\n  interface \"eth0\";\n  fixed-address {ip};\n  option domain-name-servers 192.0.2.53,192.0.2.54;\n}}\n"
            )
        };
        let leases = parse_dhclient_leases([one("192.0.2.7"), one("192.0.2.8")].concat().as_bytes());
        assert_eq!(leases.len(), 1);
        assert_eq!(
            (leases[0].address, leases[0].dns.len()),
            (Some("192.0.2.8".parse().unwrap()), 2)
        );
    }

    #[test]
    fn a_lease_of_lines_is_read_without_its_times() {
        let lease = parse_lease(
            b"# private\nADDRESS=192.0.2.7\nLIFETIME=600\nDNS=192.0.2.53 192.0.2.54\nDOMAINNAME=corp\n",
        );
        assert_eq!(
            (lease.address.unwrap().to_string(), lease.dns.len()),
            ("192.0.2.7".to_owned(), 2)
        );
    }
}
