//! Files in which people and programs keep settings: shells, tools, browsers, apt, what a proxy is.

use deskwarden_parse::{apt_conf, browser, ini, proxy, serial, shell, text, tool_conf};

use crate::{
    Target,
    measure::{in_proportion, texts_at_most},
    promise::{repeated, shown, texts},
};

/// Bytes that one byte may cause where a heading counts for every line below it; headings are cut.
const HEADED: usize = 256;
/// The same where a variable may be put in at every mention; values are cut.
const EXPANDED: usize = 512;

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "shell",
        covers: &["shell::parse_shell", "shell::parse_environment"],
        check: |bytes| {
            for found in [shell::parse_shell(bytes), shell::parse_environment(bytes)] {
                settings_at_most(bytes, &found, EXPANDED);
                assert!(
                    found.is_sorted_by(|a, b| a.name < b.name),
                    "each name once, in order"
                );
                assert!(
                    found
                        .iter()
                        .all(|setting| setting.value.len() <= proxy::MAX_VALUE)
                );
            }
            // What was read can be written as the simplest file there is.
            let environment = shell::parse_environment(bytes);
            let mut again = String::new();
            for setting in &environment {
                again.push_str(&format!("{}=\"{}\"\n", setting.name, setting.value));
            }
            if !again.contains(['$', '\r', '\u{fffd}']) {
                assert_eq!(
                    shown(&shell::parse_environment(again.as_bytes())),
                    shown(&environment)
                );
            }
        },
        seeds: || {
            let mut seeds = texts([
                "export http_proxy=http://10.0.0.1:8080 https_proxy=\"$http_proxy\"\non() { export all_proxy=x; }\nunset http_proxy\n",
                "http_proxy DEFAULT=http://a:1 OVERRIDE=${X}\nexport A='b c'\n# no\n",
                "f() {\n  export no_proxy=localhost\n}\na=1 command\n",
            ]);
            seeds.push(repeated(&format!("a={}\n", "x".repeat(1_900)), "b=$a$a\n"));
            seeds.push(repeated("x=", "${"));
            let many = (0..400).fold(format!("a={}\n", "x".repeat(1_900)), |out, number| {
                format!("{out}b{number}=$a\n")
            });
            seeds.push(many.into_bytes());
            seeds
        },
    },
    Target {
        name: "ini",
        covers: &["ini::parse_ini"],
        check: |bytes| {
            let entries = ini::parse_ini(bytes);
            let texts = entries
                .iter()
                .flat_map(|entry| [&entry.section, &entry.subsection, &entry.key, &entry.value]);
            texts_at_most(bytes, texts.map(String::as_str), HEADED);
            for entry in &entries {
                assert!(entry.key.trim() == entry.key && entry.value.trim() == entry.value);
            }
            // Asking goes through all of them, so only some are asked for.
            for entry in entries.iter().take(8) {
                let last = ini::value(&entries, &entry.section, &entry.key);
                assert!(ini::values(&entries, &entry.section, &entry.key).last() == Some(last));
            }
        },
        seeds: || {
            let mut seeds = texts([
                "[http \"https://example.com\"]\n\tproxy = http://a:1\n; no\n[ipv4]\nmethod=auto\n",
                "[a\\\"b\n=\n",
            ]);
            seeds.push(repeated(&format!("[{}]\n", "s".repeat(4_000)), "a=\n"));
            seeds.push(repeated(&format!("[a \"{}\"]\n", "s".repeat(4_000)), "a=\n"));
            seeds
        },
    },
    Target {
        name: "apt-conf",
        covers: &["apt_conf::parse_apt_conf"],
        check: |bytes| {
            let found = apt_conf::parse_apt_conf(bytes);
            settings_at_most(bytes, &found, HEADED);
        },
        seeds: || {
            let mut seeds = texts([
                "Acquire::http::Proxy \"http://10.0.0.1:3142\";\nAcquire { https { Proxy \"DIRECT\"; }; };\n/* c */ // d\n# e\n",
            ]);
            seeds.push(repeated(&format!("{} {{\n", "s".repeat(4_000)), "a b;"));
            seeds.push(repeated("", "a{"));
            seeds
        },
    },
    Target {
        name: "browser",
        covers: &[
            "browser::parse_firefox_prefs",
            "browser::parse_firefox_policies",
            "browser::parse_chromium_policy",
        ],
        check: |bytes| {
            let answers = [
                Some(browser::parse_firefox_prefs(bytes)),
                browser::parse_firefox_policies(bytes),
                browser::parse_chromium_policy(bytes),
            ];
            for (settings, bypass) in answers.iter().flatten() {
                in_proportion(bytes, &(shown(settings), bypass));
                assert!(settings.len() <= 32);
            }
        },
        seeds: || {
            texts([
                "user_pref(\"network.proxy.type\", 1);\nuser_pref(\"network.proxy.http\", \"10.0.0.1\");\nuser_pref(\"network.proxy.http_port\", 8080);\nuser_pref(\"network.proxy.no_proxies_on\", \"localhost\");\n",
                r#"{"policies":{"Proxy":{"Mode":"manual","HTTPProxy":"a:1","SOCKSProxy":"b:2","Passthrough":"x"}}}"#,
                r#"{"ProxySettings":{"ProxyMode":"fixed_servers","ProxyServer":"http=a:1;https=b:2","ProxyBypassList":"x"}}"#,
                r#"{"ProxyMode":"pac_script","ProxyPacUrl":"http://a/p.pac"}"#,
            ])
        },
    },
    Target {
        name: "tool-conf",
        covers: &["tool_conf::parse_curlrc", "tool_conf::parse_assignments"],
        check: |bytes| {
            let curl = tool_conf::parse_curlrc(bytes);
            let mut rest = shown(&curl);
            if let Some(middle) = bytes.iter().position(|byte| *byte == b'\n') {
                let (first, second) = bytes.split_at(middle + 1);
                let (first, second) = (tool_conf::parse_curlrc(first), tool_conf::parse_curlrc(second));
                assert_eq!([shown(&first), shown(&second)].concat(), rest);
            }
            in_proportion(bytes, &rest);
            let assigned = tool_conf::parse_assignments(&text::decode(bytes));
            rest = shown(&assigned);
            in_proportion(bytes, &rest);
        },
        seeds: || {
            texts([
                "proxy = http://a:1\n-x b:2\nsocks5-hostname: \"c\"\n# no\n",
                "A=b \"C=d e\" 'F=g' h",
            ])
        },
    },
    Target {
        name: "proxy",
        covers: &["proxy::parse_proxy", "proxy::parse_bypass"],
        check: |bytes| {
            let raw = text::decode(bytes);
            if let Some(found) = proxy::parse_proxy(&raw) {
                assert!(found.value.len() <= proxy::MAX_VALUE + 64);
                assert!(
                    !found.value.contains('?') && !found.value.contains('#'),
                    "no query: it may hold a secret"
                );
                // What was rebuilt says the same once more, now without credentials; what a scheme made longer than
                // what is read is cut once more.
                let whole = found.value.len() <= proxy::MAX_VALUE;
                if let Some(again) = proxy::parse_proxy(&found.value).filter(|_| whole) {
                    assert!(!again.had_credentials, "{:?}", found.value);
                    assert_eq!(
                        (&again.value, &again.scheme, &again.host, again.port),
                        (&found.value, &found.scheme, &found.host, found.port)
                    );
                }
            }
            in_proportion(bytes, &proxy::parse_bypass(&raw));
        },
        seeds: || {
            texts([
                "http://wang:secret@proxy.example:8080/path?q#f",
                "socks5h://[2001:db8::1]:1080",
                "10.0.0.1:3128",
                "user@name:pass@host",
                "localhost,127.0.0.1;*.example|<local>",
            ])
        },
    },
    Target {
        name: "serial",
        covers: &[],
        check: |bytes| {
            let text = text::decode(bytes);
            let kept = serial::meaningful(&text);
            assert!(text.contains(kept));
            assert_eq!(serial::meaningful(kept), kept);
            assert_eq!(
                kept.is_empty(),
                serial::meaningful(&text.to_ascii_uppercase()).is_empty()
            );
        },
        seeds: || {
            texts([
                "Default string",
                " PF3X9A2B ",
                "0000",
                "A1_SerNum0",
                "0123456789",
                "--",
            ])
        },
    },
];

fn settings_at_most(bytes: &[u8], found: &[proxy::Setting], per_byte: usize) {
    let texts = found
        .iter()
        .flat_map(|setting| [setting.name.as_str(), &setting.value]);
    texts_at_most(bytes, texts, per_byte);
}

#[cfg(test)]
mod tests {
    #[test]
    fn apart_from_headings_a_setting_is_as_large_as_its_line() {
        // The twin of the bounds above: an own line is never cut to nothing.
        let long = format!("[s]\nkey={}\n", "v".repeat(3_000));
        let entries = deskwarden_parse::ini::parse_ini(long.as_bytes());
        assert_eq!(entries[0].value.len(), 3_000);
    }
}
