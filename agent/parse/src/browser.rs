//! Proxy settings of browsers: the preferences of Firefox, and the policies that a company gives Firefox and
//! the browsers built on Chromium. Nothing else of those files is kept.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    proxy::{MAX_VALUE, Setting},
    text,
};

/// Most lines of one preferences file that are read.
const MAX_LINES: usize = 100_000;

/// Proxies that the preferences of a profile set, and the hosts that bypass them.
pub fn parse_firefox_prefs(bytes: &[u8]) -> (Vec<Setting>, String) {
    // By name, because a file may repeat names without end.
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    for line in text::lines(bytes).take(MAX_LINES) {
        let line = text::decode(line);
        let Some(inside) = line.trim().strip_prefix("user_pref(\"network.proxy.") else {
            continue;
        };
        let Some((name, value)) = inside.split_once("\",") else {
            continue;
        };
        let value = value.trim().trim_end_matches(';').trim_end_matches(')').trim();
        let value = text::clip(text::unquote(value), MAX_VALUE).replace("\\\"", "\"");
        rows.insert(name.to_owned(), value);
    }
    let get = |name: &str| rows.get(name).map(String::as_str).unwrap_or_default();
    let mode = get("type");
    let mut found = Vec::new();
    let socks = if get("socks_version") == "4" {
        "socks4"
    } else {
        "socks5"
    };
    for (name, port, scheme) in [
        ("http", "http_port", "http"),
        ("ssl", "ssl_port", "http"),
        ("socks", "socks_port", socks),
    ] {
        let host = get(name);
        if !host.is_empty() {
            let value = match get(port) {
                "" | "0" => format!("{scheme}://{host}"),
                port => format!("{scheme}://{host}:{port}"),
            };
            found.push(setting(&format!("network.proxy.{name}"), value, mode == "1"));
        }
    }
    let pac = get("autoconfig_url");
    if !pac.is_empty() {
        found.push(setting(
            "network.proxy.autoconfig_url",
            pac.to_owned(),
            mode == "2",
        ));
    }
    (found, get("no_proxies_on").to_owned())
}

/// Proxies that a Firefox `policies.json` sets; `None` where it is no JSON.
pub fn parse_firefox_policies(bytes: &[u8]) -> Option<(Vec<Setting>, String)> {
    let file: Value = serde_json::from_slice(bytes).ok()?;
    let proxy = file.get("policies").and_then(|policies| policies.get("Proxy"));
    let get = |name: &str| {
        proxy
            .and_then(|proxy| proxy.get(name))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let mode = get("Mode");
    let mut found = Vec::new();
    for (name, scheme, wanted) in [
        ("HTTPProxy", "", "manual"),
        ("SSLProxy", "", "manual"),
        ("SOCKSProxy", "socks5://", "manual"),
        ("AutoConfigURL", "", "autoConfig"),
    ] {
        if !get(name).is_empty() {
            found.push(setting(
                &format!("Proxy.{name}"),
                format!("{scheme}{}", text::clip(get(name), MAX_VALUE)),
                mode == wanted,
            ));
        }
    }
    Some((found, get("Passthrough").to_owned()))
}

/// Proxies that a policy file of Chromium sets; `None` where it is no JSON.
pub fn parse_chromium_policy(bytes: &[u8]) -> Option<(Vec<Setting>, String)> {
    let file: Value = serde_json::from_slice(bytes).ok()?;
    let nested = file.get("ProxySettings");
    let get = |name: &str| {
        let value = nested
            .and_then(|settings| settings.get(name))
            .or_else(|| file.get(name));
        value.and_then(Value::as_str).unwrap_or_default()
    };
    let mode = get("ProxyMode");
    let mut found = Vec::new();
    // A list of the form `http=a:1;https=b:2` or one server for all.
    for entry in get("ProxyServer")
        .split(';')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .take(16)
    {
        let (name, server) = match entry.split_once('=') {
            Some((scheme, server)) => (format!("ProxyServer.{scheme}"), server),
            None => ("ProxyServer".to_owned(), entry),
        };
        let in_force = matches!(mode, "fixed_servers" | "");
        found.push(setting(&name, text::clip(server, MAX_VALUE).to_owned(), in_force));
    }
    let pac = get("ProxyPacUrl");
    if !pac.is_empty() {
        let in_force = matches!(mode, "pac_script" | "");
        found.push(setting(
            "ProxyPacUrl",
            text::clip(pac, MAX_VALUE).to_owned(),
            in_force,
        ));
    }
    Some((found, get("ProxyBypassList").to_owned()))
}

fn setting(name: &str, value: String, in_force: bool) -> Setting {
    Setting {
        name: name.to_owned(),
        value,
        in_force,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(found: &[Setting]) -> Vec<(&str, &str, bool)> {
        found.iter().map(|s| (&*s.name, &*s.value, s.in_force)).collect()
    }

    #[test]
    fn preferences_give_the_proxies_and_which_are_in_force() {
        let file = b"// Mozilla User Preferences\nuser_pref(\"network.proxy.http\", \"10.0.0.9\");\n\
user_pref(\"network.proxy.http_port\", 3128);\nuser_pref(\"network.proxy.socks\", \"s\");\n\
user_pref(\"network.proxy.autoconfig_url\", \"http://p/wpad.dat\");\nuser_pref(\"network.proxy.type\", 1);\n\
user_pref(\"network.proxy.no_proxies_on\", \"localhost, .corp\");\nuser_pref(\"browser.secret\", 1);\n";
        let (found, bypass) = parse_firefox_prefs(file);
        assert_eq!(
            rows(&found),
            [
                ("network.proxy.http", "http://10.0.0.9:3128", true),
                ("network.proxy.socks", "socks5://s", true),
                ("network.proxy.autoconfig_url", "http://p/wpad.dat", false),
            ]
        );
        assert_eq!(bypass, "localhost, .corp");
    }

    #[test]
    fn policies_of_either_browser_are_read() {
        let (found, _) =
            parse_firefox_policies(br#"{"policies":{"Proxy":{"Mode":"manual","HTTPProxy":"a:1"}}}"#).unwrap();
        assert_eq!(rows(&found), [("Proxy.HTTPProxy", "a:1", true)]);
        let (found, bypass) = parse_chromium_policy(
            br#"{"ProxySettings":{"ProxyMode":"fixed_servers","ProxyServer":"http=a:1;https=b:2","ProxyBypassList":"x"},"ProxyPacUrl":"http://p"}"#,
        )
        .unwrap();
        assert_eq!(
            rows(&found),
            [
                ("ProxyServer.http", "a:1", true),
                ("ProxyServer.https", "b:2", true),
                ("ProxyPacUrl", "http://p", false)
            ]
        );
        assert_eq!(bypass, "x");
        assert!(parse_chromium_policy(b"{").is_none());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            parse_firefox_prefs(&bytes);
            parse_firefox_policies(&bytes);
            parse_chromium_policy(&bytes);
        }

        #[test]
        fn arbitrary_lines_never_panic(line in "\\PC{0,60}") {
            parse_firefox_prefs(format!("user_pref(\"network.proxy.{line}").as_bytes());
        }
    }
}
