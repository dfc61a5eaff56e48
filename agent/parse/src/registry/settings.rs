//! Settings of connections that Windows keeps in one lump of bytes: the proxy of a person's connections (WinINET)
//! and that of services (WinHTTP). And the text in which a proxy per protocol is written.

use crate::proxy::{MAX_VALUE, Setting};
use crate::text;

/// A proxy is set by hand.
const MANUAL: u32 = 2;
/// A script chooses it.
const SCRIPT: u32 = 4;
/// It is looked for on the network.
const DETECT: u32 = 8;

/// What one connection is told.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// A proxy is set by hand and in force.
    pub manual: bool,
    /// A script is set and in force.
    pub script: bool,
    /// The proxy is looked for on the network.
    pub detect: bool,
    /// Proxies, as they are written: one for all, or one per protocol.
    pub server: String,
    /// Hosts that bypass them.
    pub bypass: String,
    /// Address of the script.
    pub script_url: String,
}

// What a proxy is set to may hold a password until `parse_proxy` took it apart.
impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("manual", &self.manual)
            .field("script", &self.script)
            .field("detect", &self.detect)
            .finish_non_exhaustive()
    }
}

/// Reads `DefaultConnectionSettings`, its siblings and `WinHttpSettings`: size of the structure, a counter, flags,
/// then three texts, each behind its length. `None` where the bytes are no such thing.
pub fn parse_connection(bytes: &[u8]) -> Option<Connection> {
    let number = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(
            bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
        ))
    };
    // 0x46 of a person's, 0x18, 0x28 and 0x3c of older systems and of services.
    if !(0x10..=0x100).contains(&number(0)?) {
        return None;
    }
    let flags = number(8)?;
    let mut at = 12;
    let mut texts = Vec::new();
    for _ in 0..3 {
        // A short lump leaves the last ones out.
        let Some(length) = number(at) else { break };
        let length = usize::try_from(length).ok()?;
        let end = at.checked_add(4)?.checked_add(length)?;
        let found = bytes.get(at + 4..end)?;
        // Bytes, not wide characters: host names and addresses.
        let found: String = found
            .iter()
            .take_while(|byte| **byte != 0)
            .copied()
            .map(char::from)
            .collect();
        texts.push(text::clip(&found, MAX_VALUE).to_owned());
        at = end;
    }
    let mut texts = texts.into_iter();
    Some(Connection {
        manual: flags & MANUAL != 0,
        script: flags & SCRIPT != 0,
        detect: flags & DETECT != 0,
        server: texts.next().unwrap_or_default(),
        bypass: texts.next().unwrap_or_default(),
        script_url: texts.next().unwrap_or_default(),
    })
}

/// Takes apart `host:port` for every protocol, or `http=host:port;https=...;socks=...`.
pub fn parse_servers(server: &str, in_force: bool) -> Vec<Setting> {
    text::clip(server, MAX_VALUE)
        .split([';', ' '])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (protocol, address) = match part.split_once('=') {
                Some((protocol, address)) => (protocol.trim().to_ascii_lowercase(), address.trim()),
                None => (String::new(), part),
            };
            let value = match protocol.as_str() {
                "socks" if !address.contains("://") => format!("socks://{address}"),
                _ => address.to_owned(),
            };
            let name = if protocol.is_empty() {
                "ProxyServer".to_owned()
            } else {
                format!("ProxyServer:{protocol}")
            };
            Setting {
                name,
                value,
                in_force,
            }
        })
        .filter(|setting| !setting.value.is_empty())
        .collect()
}

/// A lump as Windows writes it; for tests here and elsewhere.
#[doc(hidden)]
pub fn sample(flags: u32, server: &str, bypass: &str, script: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in [0x46, 1, flags] {
        bytes.extend(u32::to_le_bytes(number));
    }
    for text in [server, bypass, script] {
        bytes.extend(u32::to_le_bytes(u32::try_from(text.len()).unwrap_or_default()));
        bytes.extend(text.bytes());
    }
    bytes.extend([0; 32]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lump_says_what_is_set_and_what_is_in_force() {
        let found = parse_connection(&sample(1 | MANUAL | DETECT, "10.0.0.1:808", "<local>", "")).unwrap();
        assert!(found.manual && found.detect && !found.script);
        assert_eq!(
            (found.server.as_str(), found.bypass.as_str()),
            ("10.0.0.1:808", "<local>")
        );
        let found = parse_connection(&sample(1 | SCRIPT, "", "", "http://wpad/p.pac")).unwrap();
        assert!(found.script && !found.manual);
        assert_eq!(found.script_url, "http://wpad/p.pac");
    }

    #[test]
    fn a_lump_of_a_service_ends_after_its_second_text() {
        let mut bytes = sample(3, "proxy:8080", "a;b", "");
        bytes.truncate(12 + 4 + 10 + 4 + 3);
        bytes[0] = 0x28;
        let found = parse_connection(&bytes).unwrap();
        assert_eq!(
            (found.server.as_str(), found.bypass.as_str()),
            ("proxy:8080", "a;b")
        );
    }

    #[test]
    fn what_is_cut_inside_a_text_is_refused() {
        let whole = sample(3, "proxy:8080", "", "");
        assert_eq!(parse_connection(&whole[..20]), None);
        assert_eq!(parse_connection(&[0xff; 64]), None);
        assert_eq!(parse_connection(&[]), None);
    }

    #[test]
    fn proxies_per_protocol_come_apart() {
        let found = parse_servers("http=a:1;https=b:2;socks=c:3", true);
        let rows: Vec<_> = found
            .iter()
            .map(|s| (s.name.as_str(), s.value.as_str()))
            .collect();
        assert_eq!(
            rows,
            [
                ("ProxyServer:http", "a:1"),
                ("ProxyServer:https", "b:2"),
                ("ProxyServer:socks", "socks://c:3")
            ]
        );
        assert_eq!(parse_servers("10.1.1.1:808", false)[0].name, "ProxyServer");
        assert!(parse_servers(" ; http=; ", true).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_lump_makes_it_fail(bytes in proptest::collection::vec(0u8.., 0..200)) {
            if let Some(found) = parse_connection(&bytes) {
                assert!(found.server.chars().count() <= bytes.len());
            }
        }

        #[test]
        fn what_is_written_is_read(server in "[a-z0-9.:=;]{0,60}", bypass in "[a-z*.;<>]{0,40}") {
            let found = parse_connection(&sample(3, &server, &bypass, "")).unwrap();
            assert_eq!((found.server, found.bypass), (server, bypass));
        }
    }
}
