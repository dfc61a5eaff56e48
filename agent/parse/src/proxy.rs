//! Proxy settings, whatever file they stand in: a name with a value, and what the value says. A value may
//! hold a password until it went through [`parse_proxy`]; nothing here prints it before.

use std::fmt;

use crate::text;

/// Longest value that is read, in bytes.
pub const MAX_VALUE: usize = 2_000;

/// A name and the text that it is set to, as found; the text may hold credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Setting {
    /// Name as the file spells it.
    pub name: String,
    /// Value as the file spells it, quotes undone.
    pub value: String,
    /// Whether it takes effect by itself: not inside a function that somebody must call.
    pub in_force: bool,
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting")
            .field("name", &self.name)
            .field("in_force", &self.in_force)
            .finish_non_exhaustive()
    }
}

/// A proxy without its credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyValue {
    /// The setting rebuilt without credentials, query and fragment.
    pub value: String,
    /// Lower case; `http` when none is stated.
    pub scheme: String,
    /// Host or address, lower case, without brackets.
    pub host: String,
    /// Port, 0 when none is stated.
    pub port: u16,
    /// A user name or password was present.
    pub had_credentials: bool,
}

/// Takes a proxy value apart. `None` for an empty one and for the spellings of "no proxy".
pub fn parse_proxy(raw: &str) -> Option<ProxyValue> {
    let raw = text::kept(raw, MAX_VALUE);
    if raw.is_empty()
        || ["direct", "false", "none"]
            .iter()
            .any(|off| raw.eq_ignore_ascii_case(off))
    {
        return None;
    }
    let (scheme, rest) = match raw.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
        Some((_, rest)) => ("http".to_owned(), rest),
        None => ("http".to_owned(), raw),
    };
    // The last @ of all: a password may hold any character, an address of a proxy holds none.
    let (had_credentials, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => (true, rest),
        None => (false, rest),
    };
    // White space ends an address, as a query does.
    let rest = rest
        .split(|c: char| matches!(c, '?' | '#') || c.is_whitespace() || c.is_control())
        .next()
        .unwrap_or_default();
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at_checked(at).unwrap_or((rest, "")),
        None => (rest, ""),
    };
    let (host, port) = host_and_port(authority);
    // A bracket without its other half would be taken for one of a pair when the value is read again.
    let host = host.to_ascii_lowercase().replace(['[', ']'], "");
    let shown = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    let path = if path == "/" { "" } else { path };
    let value = match port {
        0 => format!("{scheme}://{shown}{path}"),
        port => format!("{scheme}://{shown}:{port}{path}"),
    };
    Some(ProxyValue {
        value,
        scheme,
        host,
        port,
        had_credentials,
    })
}

/// Hosts that bypass a proxy, as a `no_proxy` value lists them.
pub fn parse_bypass(raw: &str) -> Vec<String> {
    text::clip(raw, MAX_VALUE)
        .split([',', ' ', '\t', '|', ';'])
        .filter(|host| !host.is_empty())
        .map(str::to_owned)
        .collect()
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn host_and_port(authority: &str) -> (&str, u16) {
    if let Some((host, after)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (
            host,
            after
                .strip_prefix(':')
                .and_then(|port| port.parse().ok())
                .unwrap_or(0),
        );
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, port.parse().unwrap_or(0)),
        _ => (authority, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_rebuilt_reads_the_same_again() {
        for raw in [
            "socks5h://S2001:db8::1]:1080",
            "http://[20001\t:",
            "a\tb:1",
            "[x:8080",
        ] {
            let once = parse_proxy(raw).unwrap();
            assert_eq!(parse_proxy(&once.value).unwrap(), once, "{raw:?}");
        }
    }

    #[test]
    fn values_are_taken_apart() {
        let rows = [
            (
                "http://10.0.0.1:3128/",
                ("http://10.0.0.1:3128", "http", "10.0.0.1", 3128, false),
            ),
            (
                "Proxy.Corp:8080",
                ("http://proxy.corp:8080", "http", "proxy.corp", 8080, false),
            ),
            (
                "socks5h://[2001:DB8::1]:1080",
                (
                    "socks5h://[2001:db8::1]:1080",
                    "socks5h",
                    "2001:db8::1",
                    1080,
                    false,
                ),
            ),
            (
                "https://wang:p@ss/w@proxy:1",
                ("https://proxy:1", "https", "proxy", 1, true),
            ),
            ("wang:geheim@proxy", ("http://proxy", "http", "proxy", 0, true)),
            (
                "http://p/wpad.dat?key=geheim",
                ("http://p/wpad.dat", "http", "p", 0, false),
            ),
        ];
        for (raw, (value, scheme, host, port, had_credentials)) in rows {
            let expected = ProxyValue {
                value: value.to_owned(),
                scheme: scheme.to_owned(),
                host: host.to_owned(),
                port,
                had_credentials,
            };
            assert_eq!(parse_proxy(raw), Some(expected), "{raw}");
        }
    }

    #[test]
    fn spellings_of_no_proxy_are_none() {
        for raw in ["", "  ", "DIRECT", "false"] {
            assert_eq!(parse_proxy(raw), None);
        }
    }

    #[test]
    fn a_setting_is_never_printed_with_its_value() {
        let setting = Setting {
            name: "a".into(),
            value: "geheim".into(),
            in_force: true,
        };
        assert!(!format!("{setting:?}").contains("geheim"));
    }

    proptest! {
        #[test]
        fn credentials_never_survive(user in "[a-z]{1,8}", password in "\\PC{1,20}") {
            let secret = format!("Q7{password}Q7");
            let found = parse_proxy(&format!("http://{user}:{secret}@proxy.example:3128")).unwrap();
            prop_assert_eq!(&found.value, "http://proxy.example:3128");
            prop_assert!(found.had_credentials);
        }

        #[test]
        fn arbitrary_text_never_panics(raw in "\\PC*") {
            parse_proxy(&raw);
            parse_bypass(&raw);
        }
    }
}
