//! Proxy settings in the configuration of command-line tools: `curlrc`, and the environment that systemd's
//! manager gives services. Tools with plain `key = value` files need no parser of their own.

use crate::{
    proxy::{MAX_VALUE, Setting},
    text,
};

/// Most lines of one file that are read.
const MAX_LINES: usize = 20_000;

/// Proxies of a `.curlrc`: `proxy = x`, `--proxy x`, `-x x`, `socks5 = x`.
pub fn parse_curlrc(bytes: &[u8]) -> Vec<Setting> {
    text::lines(bytes)
        .take(MAX_LINES)
        .filter_map(|line| {
            let line = text::decode(line);
            let line = line.trim();
            let (name, value) = line
                .split_once(|c: char| c == '=' || c == ':' || c.is_whitespace())
                .map(|(name, value)| (name, value.trim_start_matches([' ', '\t', '=', ':'])))?;
            let name = match name.trim_start_matches('-') {
                "x" | "proxy" => "proxy",
                "preproxy" => "preproxy",
                "socks4" => "socks4",
                "socks4a" => "socks4a",
                "socks5" => "socks5",
                "socks5-hostname" => "socks5h",
                _ => return None,
            };
            let value = text::unquote(value.trim());
            let value = if name.starts_with("socks") && !value.contains("://") {
                format!("{name}://{value}")
            } else {
                value.to_owned()
            };
            Some(Setting {
                name: name.to_owned(),
                value: text::clip(&value, MAX_VALUE).to_owned(),
                in_force: true,
            })
        })
        .collect()
}

/// The assignments of an `Environment=` line: words, each of which may stand in quotes.
pub fn parse_assignments(value: &str) -> Vec<Setting> {
    let mut found = Vec::new();
    let mut rest = text::clip(value, 64 << 10).trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = if matches!(first, '"' | '\'') {
            let inside = rest.get(1..).unwrap_or_default();
            inside.split_once(first).unwrap_or((inside, ""))
        } else {
            rest.split_once(char::is_whitespace).unwrap_or((rest, ""))
        };
        if let Some((name, value)) = word.split_once('=') {
            found.push(Setting {
                name: name.to_owned(),
                value: text::clip(text::unquote(value), MAX_VALUE).to_owned(),
                in_force: true,
            });
        }
        rest = after.trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(found: Vec<Setting>) -> Vec<(String, String)> {
        found.into_iter().map(|s| (s.name, s.value)).collect()
    }

    #[test]
    fn every_spelling_of_curl_is_read() {
        let file = b"# proxy = no\nproxy = \"http://a:1\"\n--proxy b:2\n-x c:3\nsocks5 = d:4\nuser = x\n";
        let found: Vec<String> = rows(parse_curlrc(file))
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        assert_eq!(found, ["http://a:1", "b:2", "c:3", "socks5://d:4"]);
    }

    #[test]
    fn assignments_may_stand_in_quotes() {
        let found = rows(parse_assignments(r#""http_proxy=http://a:1" no_proxy=x 'A=b c'"#));
        let expected = [("http_proxy", "http://a:1"), ("no_proxy", "x"), ("A", "b c")];
        assert_eq!(
            found,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,100}") {
            parse_curlrc(text.as_bytes());
            parse_assignments(&text);
        }
    }
}
