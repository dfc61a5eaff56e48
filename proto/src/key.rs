//! The key of an item in each section. Keys are a contract: history, findings and the accepted baseline
//! hang on them, so a change ships a migration map, and a golden test holds every form.

use std::fmt::Write as _;

/// Longest key in bytes; a longer one ends in a hash of the whole.
pub const MAX_KEY: usize = 400;

/// Part of the machine: class and position; the serial is inside the facet, so that a swap is a change
/// of one item. `part("memory", "DIMM_A1")` is `memory:DIMM_A1`.
pub fn part(class: &str, position: &str) -> String {
    join(&[class, position])
}

/// A disk: its world-wide name, else its serial, else its bus path.
pub fn disk(wwn: &str, serial: &str, bus_path: &str) -> String {
    match (wwn.is_empty(), serial.is_empty()) {
        (false, _) => join(&["disk", "wwn", wwn]),
        (true, false) => join(&["disk", "serial", serial]),
        (true, true) => join(&["disk", "bus", bus_path]),
    }
}

/// A package of a package manager, with its architecture where several can be installed side by side.
pub fn package(name: &str, architecture: &str) -> String {
    if architecture.is_empty() {
        clean(name)
    } else {
        join(&[name, architecture])
    }
}

/// An entry below an uninstall key of the Windows registry; `view` is `64`, `32` or `user`.
pub fn uninstall(view: &str, subkey: &str) -> String {
    join(&["uninstall", view, subkey])
}

/// A portable program: its path.
pub fn portable(path: &str) -> String {
    join(&["portable", path])
}

/// A program that runs: the path of its executable.
pub fn process(path: &str) -> String {
    clean(path)
}

/// A network interface: its permanent MAC, else its name.
pub fn network(permanent_mac: &str, name: &str) -> String {
    if permanent_mac.is_empty() {
        join(&["name", name])
    } else {
        join(&["mac", &mac(permanent_mac)])
    }
}

/// A listening port. Ports of the ephemeral range are collapsed into one item per program.
pub fn listener(protocol: &str, port: u16, program: &str) -> String {
    if port >= EPHEMERAL_FROM {
        join(&[protocol, "ephemeral", program])
    } else {
        join(&[protocol, &port.to_string(), program])
    }
}

/// First port of the range that systems hand out by themselves (Linux default; IANA starts at 49152).
pub const EPHEMERAL_FROM: u16 = 32768;

/// A proxy setting: the place it stands in and its name, as `/etc/environment` and `http_proxy`.
pub fn proxy(place: &str, setting: &str) -> String {
    join(&[place, setting])
}

/// An account: its SID or uid.
pub fn account(sid_or_uid: &str) -> String {
    clean(sid_or_uid)
}

/// A machine seen on the subnet: MAC and address.
pub fn neighbour(mac_address: &str, address: &str) -> String {
    join(&[&mac(mac_address), address])
}

/// Sign-ins of one user on one day.
pub fn logon(user: &str, day: &str, remote: bool) -> String {
    join(&[user, day, if remote { "remote" } else { "console" }])
}

/// A program with connections to a watched port.
pub fn egress(program: &str, port: u16) -> String {
    join(&[program, &port.to_string()])
}

/// Removable media: the serial of the device, else its USB id.
pub fn media(serial: &str, usb_id: &str) -> String {
    if serial.is_empty() {
        join(&["usb", usb_id])
    } else {
        join(&["serial", serial])
    }
}

/// One fact per name: the `os` item, a security or health topic, a share.
pub fn named(parts: &[&str]) -> String {
    join(parts)
}

/// A MAC address in the one spelling of keys and rules: lower case, colons.
pub fn mac(text: &str) -> String {
    let digits: String = text
        .chars()
        .filter(char::is_ascii_hexdigit)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let mut out = String::with_capacity(17);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index % 2 == 0 {
            out.push(':');
        }
        out.push(digit);
    }
    out
}

fn join(parts: &[&str]) -> String {
    clean(&parts.join(":"))
}

/// Control characters (a file name may hold any) become `%XX`, and an overlong key ends in a hash.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || c == '%' && text.chars().any(char::is_control) {
            let mut buffer = [0u8; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                write!(out, "%{byte:02X}").ok();
            }
        } else {
            out.push(c);
        }
    }
    if out.len() <= MAX_KEY {
        return out;
    }
    let hash = blake3::hash(out.as_bytes()).to_hex();
    let mut end = MAX_KEY - 33;
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out.push('~');
    out.push_str(hash.as_str().get(..32).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_the_golden_file_says() {
        let rows = [
            ("part", part("memory", "DIMM_A1")),
            (
                "disk.wwn",
                disk("eui.0025388b01c4f0a1", "S4EW", "pci-0000:01:00.0"),
            ),
            ("disk.serial", disk("", "S4EWNX0M", "pci-0000:01:00.0")),
            ("disk.bus", disk("", "", "pci-0000:01:00.0")),
            ("package", package("libc6", "amd64")),
            ("package.plain", package("tzdata", "")),
            (
                "uninstall",
                uninstall("32", "{26A24AE4-039D-4CA4-87B4-2F32180401F0}"),
            ),
            ("portable", portable("/home/wang/下载/QQ.AppImage")),
            ("process", process("/usr/bin/qq")),
            ("process.control", process("/tmp/a\nb%c")),
            ("network.mac", network("00-1A-2B-3C-4D-5E", "eth0")),
            ("network.name", network("", "wg0")),
            ("listener", listener("tcp", 8080, "/usr/sbin/squid")),
            ("listener.ephemeral", listener("udp", 50123, "/usr/bin/foo")),
            ("proxy", proxy("/etc/environment", "http_proxy")),
            ("account", account("1000")),
            ("neighbour", neighbour("001A2B3C4D5E", "192.0.2.7")),
            ("logon", logon("wang", "2026-01-31", false)),
            ("egress", egress("/usr/bin/foo", 25)),
            ("media.serial", media("4C530001", "0781:5581")),
            ("media.usb", media("", "0781:5581")),
            ("named", named(&["disk_full", "/"])),
        ];
        let found: String = rows
            .iter()
            .map(|(name, key)| format!("{name}\t{key}\n"))
            .collect();
        assert_eq!(found, include_str!("key.golden"));
    }

    #[test]
    fn overlong_keys_stay_distinct_and_bounded() {
        let long = "路".repeat(400);
        let (a, b) = (process(&format!("{long}a")), process(&format!("{long}b")));
        assert!(a.len() <= MAX_KEY && b.len() <= MAX_KEY);
        assert_ne!(a, b);
    }
}
