//! The database of dpkg: `var/lib/dpkg/status`, a list of stanzas. Reads the few fields that a fact
//! needs and borrows them, so that a thousand packages cost no thousand allocations.

use std::borrow::Cow;

use crate::text;

/// Most packages that one database is believed to hold; a full Debian archive is about 65,000.
pub const MAX_PACKAGES: usize = 100_000;
/// Longest value kept, in bytes.
const MAX_VALUE: usize = 1_000;

/// A package whose files are on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package<'a> {
    /// Package name.
    pub name: Cow<'a, str>,
    /// Version as the packager wrote it.
    pub version: Cow<'a, str>,
    /// `amd64`, `all`, ...
    pub architecture: Cow<'a, str>,
    /// Who maintains it, without their mail address: that says nothing about this PC.
    pub maintainer: Cow<'a, str>,
    /// Archive section.
    pub section: Cow<'a, str>,
    /// Space on disk in KiB, as the packager estimated it.
    pub installed_kib: u64,
    /// Several architectures of it can be installed side by side.
    pub side_by_side: bool,
}

/// What a database holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status<'a> {
    /// Packages in the order of the file.
    pub packages: Vec<Package<'a>>,
    /// Stanzas without a name or a state: a damaged database.
    pub malformed: usize,
    /// The database holds more than [`MAX_PACKAGES`].
    pub truncated: bool,
}

/// Reads a status database. A package counts from the moment its files are unpacked until they are
/// removed: one that waits for its configuration can be run already.
pub fn parse_status(bytes: &[u8]) -> Status<'_> {
    let mut status = Status {
        packages: Vec::with_capacity((bytes.len() / 1_000).min(MAX_PACKAGES)),
        ..Status::default()
    };
    let mut stanza = Stanza::default();
    for line in text::lines(bytes) {
        match line.first() {
            None => stanza.finish(&mut status),
            Some(b' ' | b'\t') => {}
            Some(_) => stanza.field(line),
        }
        if status.truncated {
            return status;
        }
    }
    stanza.finish(&mut status);
    status
}

#[derive(Default)]
struct Stanza<'a> {
    package: Package<'a>,
    state: &'a [u8],
    any: bool,
}

impl<'a> Stanza<'a> {
    fn field(&mut self, line: &'a [u8]) {
        self.any = true;
        let Some((name, value)) = text::split_once(line, b':') else {
            return;
        };
        match name {
            b"Package" => self.package.name = self::value(value),
            b"Status" => self.state = value.trim_ascii(),
            b"Version" => self.package.version = self::value(value),
            b"Architecture" => self.package.architecture = self::value(value),
            b"Maintainer" => self.package.maintainer = self::value(without_address(value)),
            b"Section" => self.package.section = self::value(value),
            b"Installed-Size" => {
                self.package.installed_kib = text::decode(value).trim().parse().unwrap_or(0);
            }
            b"Multi-Arch" => self.package.side_by_side = value.trim_ascii() == b"same",
            _ => {}
        }
    }

    fn finish(&mut self, status: &mut Status<'a>) {
        let stanza = std::mem::take(self);
        if !stanza.any {
            return;
        }
        let mut words = stanza
            .state
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let present = match (words.next(), words.next(), words.next()) {
            (Some(_), Some(_), Some(state)) => !matches!(state, b"not-installed" | b"config-files"),
            _ => {
                status.malformed += 1;
                return;
            }
        };
        if stanza.package.name.is_empty() {
            status.malformed += 1;
        } else if present && status.packages.len() >= MAX_PACKAGES {
            status.truncated = true;
        } else if present {
            status.packages.push(stanza.package);
        }
    }
}

/// `Name <mail@address>` without the second half; what is nothing but an address stays.
fn without_address(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    let Some(start) = memchr::memrchr(b'<', value).filter(|_| value.ends_with(b">")) else {
        return value;
    };
    match value.get(..start).map(<[u8]>::trim_ascii) {
        Some(name) if !name.is_empty() => name,
        _ => value,
    }
}

fn value(bytes: &[u8]) -> Cow<'_, str> {
    match text::decode(bytes.trim_ascii()) {
        Cow::Borrowed(value) => Cow::Borrowed(text::clip(value, MAX_VALUE)),
        Cow::Owned(value) => Cow::Owned(text::clip(&value, MAX_VALUE).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STATUS: &[u8] = b"Package: linuxqq\nStatus: install ok installed\nPriority: optional\n\
Section: net\nInstalled-Size: 120\nMaintainer: Tencent <qq@example.com>\nArchitecture: amd64\n\
Version: 3.2.1-1\nConffiles:\n /etc/qq 0123\nDescription: chat \xe8\x81\x8a\xe5\xa4\xa9\n more\n .\n\n\
Package: removed\nStatus: deinstall ok config-files\nVersion: 1\n\n\
Package: libc6\nStatus: hold ok unpacked\nMulti-Arch: same\nArchitecture: i386\nVersion: 2.36\n\n\
Package: purged\nStatus: purge ok not-installed\n";

    #[test]
    fn only_packages_with_files_on_disk_are_listed() {
        let status = parse_status(STATUS);
        let names: Vec<&str> = status.packages.iter().map(|p| &*p.name).collect();
        assert_eq!(names, ["linuxqq", "libc6"]);
        assert_eq!(status.malformed, 0);
        let qq = &status.packages[0];
        assert_eq!(
            (
                &*qq.version,
                &*qq.maintainer,
                &*qq.section,
                qq.installed_kib,
                qq.side_by_side
            ),
            ("3.2.1-1", "Tencent", "net", 120, false)
        );
        assert!(status.packages[1].side_by_side);
    }

    #[test]
    fn a_stanza_without_state_is_counted_as_damage() {
        let status = parse_status(b"Package: a\nVersion: 1\n\nStatus: install ok installed\n\nnonsense\n");
        assert_eq!((status.packages.len(), status.malformed), (0, 3));
    }

    #[test]
    fn of_a_maintainer_the_name_is_kept_and_an_address_only_where_there_is_no_name() {
        for (said, kept) in [
            ("Tencent <qq@example.com>", "Tencent"),
            ("<qq@example.com>", "<qq@example.com>"),
            ("qq@example.com", "qq@example.com"),
            ("A < B", "A < B"),
            ("腾讯 <qq@example.com> ", "腾讯"),
        ] {
            let status = format!("Package: a\nStatus: install ok installed\nMaintainer: {said}\n");
            assert_eq!(parse_status(status.as_bytes()).packages[0].maintainer, kept);
        }
    }

    #[test]
    fn a_damaged_name_stays_visible() {
        let status = parse_status(b"Package: a\xff\nStatus: install ok installed\n");
        assert_eq!(status.packages[0].name, "a\u{fffd}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            parse_status(&bytes);
        }

        #[test]
        fn generated_databases_are_read_back(
            rows in proptest::collection::vec(
                ("[a-z][a-z0-9+.-]{1,20}", "[0-9]{1,3}(\\.[0-9a-z~+]{1,5}){0,3}", any::<bool>(), "\\PC{0,30}"),
                0..40,
            )
        ) {
            let mut file = String::new();
            let mut expected = Vec::new();
            for (name, version, installed, summary) in &rows {
                let state = if *installed { "installed" } else { "config-files" };
                file.push_str(&format!(
                    "Package: {name}\nStatus: install ok {state}\nVersion: {version}\nDescription: {summary}\n long\n\n"
                ));
                if *installed {
                    expected.push((name.clone(), version.clone()));
                }
            }
            let status = parse_status(file.as_bytes());
            let found: Vec<_> = status.packages.iter()
                .map(|p| (p.name.to_string(), p.version.to_string()))
                .collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(status.malformed, 0);
        }
    }
}
