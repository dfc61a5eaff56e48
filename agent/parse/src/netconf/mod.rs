//! How a PC's network is configured, in the files of whoever manages it. One profile per configured
//! connection; which interface a profile is for is decided by [`Match`]. One file per manager.

mod ifcfg;
mod ifroute;
mod ifupdown;
mod leases;
mod netplan;
mod network_manager;
mod networkd;
mod resolv;

use std::net::IpAddr;

pub use ifcfg::parse_ifcfg;
pub use ifroute::parse_routes;
pub use ifupdown::parse_interfaces;
pub use leases::{Lease, parse_dhclient_leases, parse_lease};
pub use netplan::parse_netplan;
pub use network_manager::parse_keyfile;
pub use networkd::parse_network;
pub use resolv::{Resolver, parse_resolv_conf};

/// Most profiles of one file.
const MAX_PROFILES: usize = 1_000;
/// Most addresses or servers of one profile.
const MAX_VALUES: usize = 100;

/// Whether a file of that name is what an editor or a package left behind, which no manager reads.
pub fn is_backup(name: &str) -> bool {
    name.ends_with('~')
        || [".bak", ".orig", ".rpmsave", ".rpmnew", ".dpkg-old"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// How an interface gets its IPv4 address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// The file does not say.
    #[default]
    Unstated,
    /// From a DHCP server.
    Dhcp,
    /// Written down.
    Static,
    /// Made up inside 169.254.0.0/16.
    LinkLocal,
    /// None at all.
    Disabled,
}

/// Which interfaces a profile is for. What is empty does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// Names, `*` and `?` allowed, `!` before one that is not meant.
    pub names: Vec<String>,
    /// Hardware addresses, lower case with colons.
    pub macs: Vec<String>,
    /// `ethernet`, `wifi`, ...
    pub kind: String,
}

/// One configured connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Identity inside its manager: a UUID, a file name.
    pub id: String,
    /// What it is for.
    pub matches: Match,
    /// IPv4 method.
    pub method: Method,
    /// Addresses with prefix length.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Default gateways.
    pub gateways: Vec<IpAddr>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Search domains.
    pub search: Vec<String>,
    /// Wireless network to join.
    pub wifi_network: String,
}

impl Match {
    /// Whether an interface is meant. A profile that names nothing fits every interface of its kind.
    pub fn fits(&self, name: &str, macs: &[&str], kind: &str) -> bool {
        let (excluded, included): (Vec<&str>, Vec<&str>) = self
            .names
            .iter()
            .map(String::as_str)
            .partition(|pattern| pattern.starts_with('!'));
        let named = included.is_empty() || included.iter().any(|pattern| glob(pattern, name));
        let not_excluded = !excluded
            .iter()
            .any(|pattern| glob(pattern.trim_start_matches('!'), name));
        let addressed = self.macs.is_empty() || self.macs.iter().any(|mac| macs.contains(&mac.as_str()));
        let kind = self.kind.is_empty() || self.kind == kind;
        named && not_excluded && addressed && kind
    }

    /// Whether it is for a stated interface rather than for any.
    pub fn is_specific(&self) -> bool {
        !self.names.is_empty() || !self.macs.is_empty()
    }
}

/// `*` for any run of characters, `?` for one.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and how much of the text it has taken: never more than one way back.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == text.get(t) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// `192.0.2.1/24`; without a prefix length the whole address.
fn address(text: &str) -> Option<(IpAddr, u8)> {
    let (ip, prefix) = match text.trim().split_once('/') {
        Some((ip, prefix)) => (ip, Some(prefix)),
        None => (text.trim(), None),
    };
    let ip: IpAddr = ip.trim().parse().ok()?;
    let whole = if ip.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix.map(str::trim) {
        None => whole,
        Some(prefix) => prefix.parse().ok().or_else(|| netmask(prefix))?,
    };
    (prefix <= whole).then_some((ip, prefix))
}

/// `255.255.255.0` as a prefix length.
fn netmask(text: &str) -> Option<u8> {
    let mask = u32::from(text.trim().parse::<std::net::Ipv4Addr>().ok()?);
    let ones = mask.leading_ones();
    (mask.count_ones() == ones)
        .then(|| u8::try_from(ones).ok())
        .flatten()
}

/// Words between white space, commas or semicolons.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || c == ',' || c == ';')
        .filter(|word| !word.is_empty())
        .take(MAX_VALUES)
}

fn mac(text: &str) -> String {
    text.trim().to_ascii_lowercase().replace('-', ":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_match_by_pattern_and_exclusion() {
        let matches = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Match {
                names,
                ..Match::default()
            }
            .fits("enp3s0", &[], "ethernet")
        };
        assert!(matches(&[]) && matches(&["en*"]) && matches(&["eth0", "enp?s0"]) && matches(&["*"]));
        assert!(!matches(&["eth*"]) && !matches(&["!en*"]) && !matches(&["enp3s"]));
    }

    #[test]
    fn an_address_of_another_interface_does_not_match() {
        let matches = Match {
            macs: vec!["aa:bb:cc:dd:ee:ff".into()],
            ..Match::default()
        };
        assert!(matches.fits("eth0", &["02:00:00:00:00:01", "aa:bb:cc:dd:ee:ff"], ""));
        assert!(!matches.fits("eth0", &["02:00:00:00:00:01"], ""));
    }

    #[test]
    fn prefixes_are_numbers_or_masks() {
        assert_eq!(address("192.0.2.1/255.255.254.0").unwrap().1, 23);
        assert_eq!(address("2001:db8::1").unwrap().1, 128);
        for bad in ["192.0.2.1/33", "192.0.2.1/255.0.255.0", "x/24", ""] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn patterns_end_whatever_they_are(pattern in "[a*?]{0,40}", text in "[ab]{0,60}") {
            glob(&pattern, &text);
            prop_assert!(glob("*", &text));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            parse_keyfile(&bytes);
            parse_network(&bytes);
            parse_interfaces(&bytes);
            parse_ifcfg(&bytes);
            parse_netplan(&bytes);
            parse_lease(&bytes);
            parse_dhclient_leases(&bytes);
            parse_resolv_conf(&bytes);
        }

        #[test]
        fn arbitrary_lines_never_panic(text in "(( {0,6}|-)[a-z0-9:/.\\[\\]{}\"=;, #-]{0,20}\n){0,12}") {
            parse_netplan(text.as_bytes());
            parse_interfaces(text.as_bytes());
            parse_dhclient_leases(text.as_bytes());
        }
    }
}
