//! What a gateway or a DHCP server remembers, as a person exports it: tables of neighbours (Linux, Windows,
//! Cisco, Huawei, H3C) and leases (ISC, dnsmasq, Kea). Who shows there without an agent is seen this way,
//! and nobody scans anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::cells::mac_of;
use crate::model::{Claim, ClaimKind, ClaimNote, ClaimOrigin, Millis, is_machine};

/// Most lines of a file that count.
const MOST: usize = 200_000;

/// An address with the hardware address behind it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observation {
    /// The address.
    pub ip: IpAddr,
    /// The hardware address, in the spelling of keys.
    pub mac: String,
    /// What the machine calls itself, where a lease says so.
    pub name: String,
}

/// The file is of another kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no line has an address and a MAC address; give {0}")]
pub struct NotATable(&'static str);

/// Reads a table of neighbours: `ip neigh`, `arp -a`, `show ip arp`, `display arp`. Every line counts that
/// has an address before a hardware address; entries that were not answered have none.
pub fn arp_table(text: &str) -> Result<Vec<Observation>, NotATable> {
    let found: BTreeSet<Observation> = text
        .lines()
        .take(MOST)
        .filter_map(|line| {
            let failed = ["FAILED", "INCOMPLETE", "incomplete"];
            let mut words = line.split_whitespace().filter(|word| !word.is_empty());
            if failed.iter().any(|word| line.contains(word)) {
                return None;
            }
            let ip = words.find_map(|word| {
                let bare = word.trim_matches(|c| matches!(c, '(' | ')' | ',' | '"'));
                bare.parse::<IpAddr>().ok()
            })?;
            let mac = words.find_map(|word| mac_of(word.trim_matches(|c| matches!(c, ',' | '"'))))?;
            observation(ip, mac, "")
        })
        .collect();
    if found.is_empty() {
        return Err(NotATable(
            "the output of `ip neigh`, `arp -a`, `show ip arp` or `display arp`",
        ));
    }
    Ok(found.into_iter().collect())
}

/// Reads a file of leases: ISC `dhcpd.leases`, `dnsmasq.leases`, or Kea's memfile CSV. Leases that ended
/// before `now` are left out.
pub fn leases(text: &str, now: Millis) -> Result<Vec<Observation>, NotATable> {
    let found = if text.contains("lease ") && text.contains('{') {
        isc(text)
    } else if text
        .lines()
        .next()
        .is_some_and(|head| head.starts_with("address,hwaddr"))
    {
        kea(text, now)
    } else {
        dnsmasq(text, now)
    };
    if found.is_empty() {
        return Err(NotATable(
            "dhcpd.leases of ISC dhcpd, dnsmasq.leases of dnsmasq, or Kea's kea-leases4.csv, with leases that are still valid",
        ));
    }
    Ok(found.into_values().collect())
}

/// Later blocks of an address replace earlier ones; only an active one is held by somebody.
fn isc(text: &str) -> BTreeMap<IpAddr, Observation> {
    let mut found = BTreeMap::new();
    let mut open: Option<(IpAddr, String, String, bool)> = None;
    for line in text.lines().take(MOST) {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("lease ") {
            let ip = rest.split_whitespace().next().and_then(|ip| ip.parse().ok());
            open = ip.map(|ip| (ip, String::new(), String::new(), true));
        } else if line.starts_with('}') {
            if let Some((ip, mac, name, active)) = open.take() {
                found.remove(&ip);
                if active {
                    found.extend(observation(ip, mac, &name).map(|one| (ip, one)));
                }
            }
        } else if let Some((_, mac, name, active)) = &mut open {
            let value = line.trim_end_matches(';');
            if let Some(text) = value.strip_prefix("hardware ethernet ") {
                *mac = mac_of(text.trim()).unwrap_or_default();
            } else if let Some(text) = value.strip_prefix("client-hostname ") {
                *name = text.trim().trim_matches('"').to_owned();
            } else if let Some(text) = value.strip_prefix("binding state ") {
                *active = text.trim() == "active";
            }
        }
    }
    found
}

/// `1700000000 00:1a:2b:3c:4d:5e 192.168.1.50 name client-id`; an end of 0 is never.
fn dnsmasq(text: &str, now: Millis) -> BTreeMap<IpAddr, Observation> {
    let read = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [end, mac, ip, name, ..] = words.as_slice() else {
            return None;
        };
        let end: i64 = end.parse().ok()?;
        let ip: IpAddr = ip.parse().ok()?;
        if end != 0 && end.saturating_mul(1000) < now {
            return None;
        }
        let name = if *name == "*" { "" } else { name };
        observation(ip, mac_of(mac)?, name).map(|one| (ip, one))
    };
    text.lines().take(MOST).filter_map(read).collect()
}

/// Columns are named in the first line; later lines of an address replace earlier ones.
fn kea(text: &str, now: Millis) -> BTreeMap<IpAddr, Observation> {
    let mut lines = text.lines().take(MOST);
    let head: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let at = |name: &str| head.iter().position(|column| column.trim() == name);
    let (ip_at, mac_at, end_at) = (at("address"), at("hwaddr"), at("expire"));
    let (name_at, state_at) = (at("hostname"), at("state"));
    let mut found = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let cell = |index: Option<usize>| {
            index
                .and_then(|index| cells.get(index))
                .copied()
                .unwrap_or_default()
        };
        let Ok(ip) = cell(ip_at).parse::<IpAddr>() else {
            continue;
        };
        found.remove(&ip);
        let ended = cell(end_at)
            .parse::<i64>()
            .is_ok_and(|end| end.saturating_mul(1000) < now);
        let held = matches!(cell(state_at), "" | "0");
        if ended || !held {
            continue;
        }
        let one = mac_of(cell(mac_at)).and_then(|mac| observation(ip, mac, cell(name_at)));
        found.extend(one.map(|one| (ip, one)));
    }
    found
}

fn observation(ip: IpAddr, mac: String, name: &str) -> Option<Observation> {
    let everywhere = ip.is_multicast() || ip.is_unspecified() || ip.is_loopback();
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    (is_machine(&mac) && !everywhere && !broadcast).then(|| Observation {
        ip,
        mac,
        name: name.chars().filter(|c| !c.is_control()).take(64).collect(),
    })
}

/// What an imported table claims, from both sides of every line.
pub fn claims(observations: &[Observation], name: &str, at: Millis) -> Vec<Claim> {
    let claim = |kind, value: String, note: ClaimNote| Claim {
        kind,
        value,
        origin: ClaimOrigin::Imported,
        asset: None,
        device: None,
        item_key: name.to_owned(),
        note: note.encode(),
    };
    observations
        .iter()
        .flat_map(|seen| {
            let ip = seen.ip.to_string();
            let note = |mac: &str, ip: &str| ClaimNote {
                mac: mac.to_owned(),
                ip: ip.to_owned(),
                name: seen.name.clone(),
                at: Some(at),
                ..ClaimNote::default()
            };
            [
                claim(ClaimKind::Ip, ip.clone(), note(&seen.mac, "")),
                claim(ClaimKind::Mac, seen.mac.clone(), note("", &ip)),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str = "00:1a:2b:3c:4d:5e";

    fn only(found: Result<Vec<Observation>, NotATable>) -> (String, String, String) {
        let found = found.unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        (
            found[0].ip.to_string(),
            found[0].mac.clone(),
            found[0].name.clone(),
        )
    }

    #[test]
    fn tables_of_every_maker_are_read() {
        for text in [
            "10.0.0.7 dev eth0 lladdr 00:1a:2b:3c:4d:5e REACHABLE\n10.0.0.8 dev eth0  FAILED\n10.0.0.9 dev eth0 INCOMPLETE",
            "? (10.0.0.7) at 00:1a:2b:3c:4d:5e [ether] on eth0\n? (10.0.0.8) at <incomplete> on eth0",
            "Address                  HWtype  HWaddress           Flags Mask            Iface\n10.0.0.7                 ether   00:1a:2b:3c:4d:5e   C                     eth0",
            "接口: 10.0.0.2 --- 0x5\n  Internet 地址         物理地址              类型\n  10.0.0.7              00-1a-2b-3c-4d-5e     动态\n  10.0.0.255            ff-ff-ff-ff-ff-ff     静态\n  224.0.0.22            01-00-5e-00-00-16     静态",
            "Protocol  Address          Age (min)  Hardware Addr   Type   Interface\nInternet  10.0.0.7               12   001a.2b3c.4d5e  ARPA   Vlan1\nInternet  10.0.0.8                0   Incomplete      ARPA",
            "IP ADDRESS      MAC ADDRESS     EXPIRE(M) TYPE        INTERFACE   VPN-INSTANCE\n10.0.0.7        001a-2b3c-4d5e  20        D-0         Vlanif10",
            "  Type: S-Static   D-Dynamic\nIP address      MAC address    VLAN/VSI name Interface  Aging Type\n10.0.0.7        001a-2b3c-4d5e 1             GE1/0/1    1139  D",
        ] {
            let (ip, mac, _) = only(arp_table(text));
            assert_eq!((ip.as_str(), mac.as_str()), ("10.0.0.7", MAC), "{text}");
        }
        assert!(arp_table("nothing here\n10.0.0.1 only").is_err());
    }

    #[test]
    fn leases_of_every_server_are_read_and_ended_ones_left_out() {
        let isc = "lease 10.0.0.7 {\n  starts 4 2026/11/25 01:00:00;\n  binding state active;\n  hardware ethernet 00:1a:2b:3c:4d:5e;\n  client-hostname \"phone\";\n}\nlease 10.0.0.8 {\n  binding state active;\n  hardware ethernet 00:1a:2b:3c:4d:5f;\n}\nlease 10.0.0.8 {\n  binding state free;\n  hardware ethernet 00:1a:2b:3c:4d:5f;\n}\n";
        let dnsmasq = "2000 00:1a:2b:3c:4d:5e 10.0.0.7 phone 01:00:1a\n500 00:1a:2b:3c:4d:5f 10.0.0.8 * *\n";
        let kea = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id\n10.0.0.7,00:1a:2b:3c:4d:5e,,3600,2000,1,0,0,phone,0,,0\n10.0.0.8,00:1a:2b:3c:4d:5f,,3600,2000,1,0,0,,2,,0\n10.0.0.9,00:1a:2b:3c:4d:5f,,3600,900,1,0,0,,0,,0\n";
        for text in [isc, dnsmasq, kea] {
            let found = only(leases(text, 1_000_000));
            assert_eq!(found, ("10.0.0.7".into(), MAC.into(), "phone".into()), "{text}");
        }
        assert!(leases("hello", 0).is_err());
    }

    #[test]
    fn a_line_claims_the_address_and_the_machine() {
        let seen = arp_table("10.0.0.7 dev eth0 lladdr 00:1a:2b:3c:4d:5e STALE").unwrap();
        let claims = claims(&seen, "gw", 5);
        assert_eq!(claims.len(), 2);
        assert_eq!(
            (claims[0].value.as_str(), claims[0].said().mac.as_str()),
            ("10.0.0.7", MAC)
        );
        assert_eq!(
            (claims[1].value.as_str(), claims[1].said().ip.as_str()),
            (MAC, "10.0.0.7")
        );
    }
}
