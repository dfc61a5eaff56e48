//! What a cell of a ledger file may say, and what to write where it says something else.

use std::net::{IpAddr, Ipv4Addr};

use crate::{
    model::{LedgerEntry, LedgerMode, Text},
    table::Wrong,
};

/// Longest text of a cell, in characters.
pub(super) const LONGEST: usize = 200;

pub(super) fn address(text: &str) -> Result<IpAddr, Wrong> {
    let ip: Option<IpAddr> = text.parse().ok();
    ip.filter(|ip| !ip.is_unspecified() && !ip.is_multicast() && !ip.is_loopback())
        .filter(|ip| *ip != IpAddr::V4(Ipv4Addr::BROADCAST))
        .ok_or_else(|| {
            let help = ("请写成 192.168.1.20 的形式", "write one as 192.168.1.20");
            Wrong::is_no(text, ("计算机可用的地址", "address of a machine"), help)
        })
}

/// Refuses what a file may not say of an entry either: an address that no machine has, a gateway elsewhere.
pub fn refuse_unfit(entry: &LedgerEntry) -> Result<(), Text> {
    let told = |Wrong { what, help }: Wrong| {
        Text::new(
            format!("{}；{}", what.zh, help.zh),
            format!("{}; {}", what.en, help.en),
        )
    };
    let ip = address(&entry.address).map_err(told)?;
    let Some(length) = entry.prefix else {
        return Ok(());
    };
    prefix(&length.to_string(), Some(ip)).map_err(told)?;
    match &entry.gateway {
        Some(gateway) => {
            let gateway = address(gateway).map_err(told)?;
            outside(ip, gateway, length).map_or(Ok(()), |wrong| Err(told(wrong)))
        }
        None => Ok(()),
    }
}

/// What is wrong with a gateway outside the subnet of its address.
pub(super) fn outside(ip: IpAddr, gateway: IpAddr, prefix: u8) -> Option<Wrong> {
    (!same_subnet(ip, gateway, prefix)).then(|| {
        Wrong::new(
            (
                format!("{gateway} 不在 {ip}/{prefix} 的网段内"),
                format!("{gateway} is not in the subnet of {ip}/{prefix}"),
            ),
            (
                "请改正网关、掩码或地址",
                "correct the gateway, the mask or the address",
            ),
        )
    })
}

/// A prefix length: `255.255.255.0`, `24` or `/24`.
pub(super) fn prefix(text: &str, ip: Option<IpAddr>) -> Result<u8, Wrong> {
    let wrong = || {
        let help = (
            "请写成 255.255.255.0、24 或 /24",
            "write 255.255.255.0, 24 or /24",
        );
        Wrong::is_no(text, ("子网掩码", "mask"), help)
    };
    let most = if ip.is_some_and(|ip| ip.is_ipv6()) {
        128
    } else {
        32
    };
    if let Ok(mask) = text.parse::<Ipv4Addr>() {
        let bits = u32::from(mask);
        let ones = bits.leading_ones();
        if most == 32 && bits.count_ones() == ones && ones > 0 {
            return u8::try_from(ones).map_err(|_| wrong());
        }
        return Err(wrong());
    }
    text.trim_start_matches('/')
        .parse()
        .ok()
        .filter(|prefix| (1..=most).contains(prefix))
        .ok_or_else(wrong)
}

/// The mask of an IPv4 prefix length.
pub(super) fn mask_of(prefix: u8) -> String {
    let hosts = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    Ipv4Addr::from(!hosts).to_string()
}

pub(super) fn dns(text: &str) -> Result<Vec<String>, Wrong> {
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '，' | '；' | '、' | '/'))
        .filter(|part| !part.is_empty())
        .map(|part| {
            part.parse::<IpAddr>().map(|ip| ip.to_string()).map_err(|_| {
                let help = ("多个地址之间请用空格分隔", "write addresses with spaces between");
                Wrong::is_no(part, ("DNS 服务器地址", "address of a name server"), help)
            })
        })
        .collect()
}

pub(super) fn mode(text: &str) -> Result<LedgerMode, Wrong> {
    match text.to_lowercase().as_str() {
        "static" | "静态" | "固定" | "手动" | "手工" | "manual" | "fixed" => Ok(LedgerMode::Static),
        "dhcp" | "动态" | "自动" | "自动获取" | "自动获得" | "dynamic" | "automatic" => {
            Ok(LedgerMode::Dhcp)
        }
        _ => Err(Wrong::is_no(
            text,
            ("获取方式", "way to get an address"),
            (
                "请写 静态 或 动态（static、dhcp）",
                "write static (静态) or dhcp (动态)",
            ),
        )),
    }
}

/// A hardware address in any of the usual spellings, in that of keys: lower case, colons.
pub(super) fn mac(text: &str) -> Result<String, Wrong> {
    mac_of(text).ok_or_else(|| {
        let help = (
            "请写成 00-1A-2B-3C-4D-5E 的形式",
            "write one as 00-1A-2B-3C-4D-5E",
        );
        Wrong::is_no(text, ("MAC 地址", "MAC address"), help)
    })
}

/// The hardware address that a text is.
pub(super) fn mac_of(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split([':', '-', '.']).collect();
    let hex = |group: &str| group.bytes().all(|b| b.is_ascii_hexdigit());
    let digits: String = match groups.as_slice() {
        [whole] if whole.len() == 12 && hex(whole) => (*whole).to_owned(),
        [a, b, c] if [a, b, c].iter().all(|g| g.len() == 4 && hex(g)) => [*a, *b, *c].concat(),
        six if six.len() == 6 && six.iter().all(|g| (1..=2).contains(&g.len()) && hex(g)) => {
            six.iter().map(|group| format!("{group:0>2}")).collect()
        }
        _ => return None,
    };
    Some(deskwarden_proto::key::mac(&digits))
}

/// Words for people: bounded, without control characters.
pub(super) fn words(text: &str) -> Result<String, Wrong> {
    if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(Wrong::new(
            (
                "内容过长或含有控制字符",
                "the text is too long or has control characters",
            ),
            (
                "请写成一行，不超过 200 个字符",
                "write at most 200 characters on one line",
            ),
        ));
    }
    Ok(text.to_owned())
}

/// Whether two addresses lie in one subnet.
fn same_subnet(one: IpAddr, other: IpAddr, prefix: u8) -> bool {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)) << 96,
        IpAddr::V6(ip) => u128::from(ip),
    };
    let rest = 128u32.saturating_sub(u32::from(prefix));
    one.is_ipv4() == other.is_ipv4()
        && bits(one).checked_shr(rest).unwrap_or(0) == bits(other).checked_shr(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_read_in_every_spelling() {
        for text in ["255.255.255.0", "24", "/24"] {
            assert!(matches!(prefix(text, None), Ok(24)), "{text}");
        }
        for text in ["255.0.255.0", "33", "0", "/", "x", "0.0.0.0"] {
            assert!(prefix(text, None).is_err(), "{text}");
        }
        assert_eq!(mask_of(20), "255.255.240.0");
        assert_eq!(
            (mask_of(0).as_str(), mask_of(32).as_str()),
            ("0.0.0.0", "255.255.255.255")
        );
    }

    #[test]
    fn hardware_addresses_are_read_as_every_maker_writes_them() {
        for text in [
            "00:1A:2B:3C:4D:5E",
            "00-1a-2b-3c-4d-5e",
            "001a.2b3c.4d5e",
            "001A-2B3C-4D5E",
            "001A2B3C4D5E",
            "0:1a:2b:3c:4d:5e",
        ] {
            assert_eq!(mac_of(text).as_deref(), Some("00:1a:2b:3c:4d:5e"), "{text}");
        }
        for text in [
            "",
            "192.168.1.20",
            "00:1a:2b:3c:4d",
            "00:1a:2b:3c:4d:zz",
            "2024-01-02",
            "1.2.3",
        ] {
            assert_eq!(mac_of(text), None, "{text}");
        }
    }
}
