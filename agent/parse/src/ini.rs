//! Files of `[section]` and `key = value` lines: git's configuration, key files of NetworkManager, unit
//! files of systemd-networkd. Keeps order and repetition; what a key means is its reader's.

use crate::text;

/// Most entries of one file.
const MAX_ENTRIES: usize = 10_000;
/// Longest part of a heading: it is kept with every entry below it.
const MAX_HEADING: usize = 256;

/// One line that sets something.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Section name as written, without its brackets and without a quoted part.
    pub section: String,
    /// The quoted part of a header: `[http "https://example.com"]`.
    pub subsection: String,
    /// Key as written.
    pub key: String,
    /// Value, trimmed.
    pub value: String,
}

/// Entries in the order of the file. Lines that are none of it are skipped.
pub fn parse_ini(bytes: &[u8]) -> Vec<Entry> {
    let mut found = Vec::new();
    let (mut section, mut subsection) = (String::new(), String::new());
    for line in text::lines(bytes) {
        let line = text::decode(line);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            let inside = header.rsplit_once(']').map_or(header, |(inside, _)| inside);
            (section, subsection) = match inside.split_once('"') {
                Some((name, quoted)) => (
                    heading(name),
                    text::clip(quoted.trim_end_matches('"'), MAX_HEADING)
                        .replace("\\\"", "\"")
                        .replace("\\\\", "\\"),
                ),
                None => (heading(inside), String::new()),
            };
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        found.push(Entry {
            section: section.clone(),
            subsection: subsection.clone(),
            key: key.trim().to_owned(),
            value: value.trim().to_owned(),
        });
        if found.len() == MAX_ENTRIES {
            break;
        }
    }
    found
}

fn heading(text: &str) -> String {
    text::kept(text, MAX_HEADING).to_owned()
}

/// The values of a key in a section, in order; names compared without case.
pub fn values<'a>(entries: &'a [Entry], section: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    entries
        .iter()
        .filter(move |entry| {
            entry.section.eq_ignore_ascii_case(section) && entry.key.eq_ignore_ascii_case(key)
        })
        .map(|entry| entry.value.as_str())
}

/// The last value of a key in a section, or an empty one.
pub fn value<'a>(entries: &'a [Entry], section: &'a str, key: &'a str) -> &'a str {
    values(entries, section, key).last().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sections_subsections_and_repetition_are_kept() {
        let file = b"top=1\n[http]\n\tproxy = http://a:1\n; no\n[http \"https://x.example\"]\nproxy=b\n[Network]\nDNS=1\nDNS=2\nbroken\n";
        let entries = parse_ini(file);
        let found: Vec<_> = entries
            .iter()
            .map(|e| (&*e.section, &*e.subsection, &*e.key, &*e.value))
            .collect();
        assert_eq!(
            found,
            [
                ("", "", "top", "1"),
                ("http", "", "proxy", "http://a:1"),
                ("http", "https://x.example", "proxy", "b"),
                ("Network", "", "DNS", "1"),
                ("Network", "", "DNS", "2"),
            ]
        );
        assert_eq!(value(&entries, "network", "dns"), "2");
        assert_eq!(value(&entries, "network", "none"), "");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            parse_ini(&bytes);
        }
    }
}
