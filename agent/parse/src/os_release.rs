//! `os-release` and files of the same shape: `KEY=value` lines, values perhaps quoted as a shell would.

use crate::text;

/// Most lines that are read.
const MAX_LINES: usize = 1_000;

/// What a system calls itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// `ID`, lower case: `debian`, `uos`, `kylin`, `openEuler`, ...
    pub id: String,
    /// `PRETTY_NAME`, else `NAME` and version.
    pub pretty_name: String,
    /// `NAME`.
    pub name: String,
    /// `VERSION_ID`, else `VERSION`.
    pub version: String,
}

/// Reads an os-release file. What it does not state stays empty.
pub fn parse_os_release(bytes: &[u8]) -> OsRelease {
    let mut release = OsRelease::default();
    let mut version = String::new();
    for (key, value) in assignments(bytes) {
        match key.as_str() {
            "ID" => release.id = value,
            "PRETTY_NAME" => release.pretty_name = value,
            "NAME" => release.name = value,
            "VERSION_ID" => release.version = value,
            "VERSION" => version = value,
            _ => {}
        }
    }
    if release.version.is_empty() {
        release.version = version;
    }
    if release.pretty_name.is_empty() {
        release.pretty_name = format!("{} {}", release.name, release.version).trim().to_owned();
    }
    release
}

/// `KEY=value` lines in order, comments and empty lines skipped, quotes and backslashes of the value undone.
pub fn assignments(bytes: &[u8]) -> impl Iterator<Item = (String, String)> {
    text::lines(bytes).take(MAX_LINES).filter_map(|line| {
        let line = line.trim_ascii();
        if line.first() == Some(&b'#') {
            return None;
        }
        let (key, value) = text::split_once(line, b'=')?;
        Some((
            text::decode(key).trim().to_owned(),
            unescape(text::decode(value).trim()),
        ))
    })
}

fn unescape(value: &str) -> String {
    let inner = text::unquote(value);
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_as_the_system_presents_itself() {
        let rows = [
            (
                "PRETTY_NAME=\"UnionTech OS Desktop 20 Pro\"\nNAME=\"uos\"\nVERSION_ID=\"20\"\nVERSION=\"20\"\nID=uos\n",
                ("uos", "UnionTech OS Desktop 20 Pro", "20"),
            ),
            (
                "NAME=\"Kylin\"\nVERSION=\"银河麒麟桌面操作系统V10 (SP1)\"\nID=kylin\nPRETTY_NAME=\"Kylin V10 SP1\"\nVERSION_ID=\"v10\"\n",
                ("kylin", "Kylin V10 SP1", "v10"),
            ),
            (
                "NAME='openEuler'\nVERSION=\"22.03 (LTS-SP1)\"\nID=\"openEuler\"\n",
                ("openEuler", "openEuler 22.03 (LTS-SP1)", "22.03 (LTS-SP1)"),
            ),
        ];
        for (file, expected) in rows {
            let found = parse_os_release(file.as_bytes());
            assert_eq!((&*found.id, &*found.pretty_name, &*found.version), expected);
        }
    }

    #[test]
    fn comments_are_skipped_and_escapes_undone() {
        let found: Vec<_> = assignments(b"# A=1\nB=\"a \\\"b\\\"\"\nnothing\n").collect();
        assert_eq!(found, [("B".to_owned(), "a \"b\"".to_owned())]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            parse_os_release(&bytes);
        }
    }
}
