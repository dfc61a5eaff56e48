//! Headers of rpm: what its database stores for each package, in the form that starts with the number of
//! entries, and the file (ndb) in which some systems keep them.

use std::collections::HashSet;

use crate::{sqlite::Blocks, text};

/// Most entries of one header.
const MAX_ENTRIES: usize = 4_096;
/// Longest value kept, in bytes.
const MAX_VALUE: usize = 1_000;
/// Most packages of one ndb file.
const MAX_PACKAGES: usize = 100_000;
/// Most files of one package.
const MAX_FILES: usize = 500_000;
const PAGE: usize = 4_096;

/// An installed package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// Package name.
    pub name: String,
    /// Epoch, version and release as one, `1:2.3-4.el9`.
    pub version: String,
    /// `x86_64`, `noarch`, ...; empty for keys.
    pub architecture: String,
    /// Who built it.
    pub vendor: String,
    /// Group that the packager gave.
    pub group: String,
    /// Space on disk in bytes.
    pub size_bytes: u64,
}

/// A header, of which the end may be missing; `None` where name or version are not in it.
pub fn parse_header(bytes: &[u8]) -> Option<Package> {
    let count = u32_at(bytes, 0)? as usize;
    if count > MAX_ENTRIES {
        return None;
    }
    let entries = bytes.get(8..8 + count * 16)?;
    let store = bytes.get(8 + count * 16..)?;
    let mut package = Package::default();
    let (mut version, mut release, mut epoch, mut size, mut long_size) =
        (String::new(), String::new(), None, 0, None);
    for entry in entries.chunks_exact(16) {
        let (tag, kind) = (u32_at(entry, 0)?, u32_at(entry, 4)?);
        let Some(at) = store.get(u32_at(entry, 8)? as usize..) else {
            continue;
        };
        match (tag, kind) {
            (1000, 6) => package.name = string(at),
            (1001, 6) => version = string(at),
            (1002, 6) => release = string(at),
            (1003, 4) => epoch = u32_at(at, 0),
            (1009, 4) => size = u32_at(at, 0).unwrap_or_default(),
            (5009, 5) => long_size = at.first_chunk().map(|raw| u64::from_be_bytes(*raw)),
            (1011, 6) => package.vendor = string(at),
            (1016, 6 | 9) => package.group = string(at),
            (1022, 6) => package.architecture = string(at),
            _ => {}
        }
    }
    if package.name.is_empty() || version.is_empty() {
        return None;
    }
    package.version = match epoch {
        Some(epoch) if epoch > 0 => format!("{epoch}:{version}-{release}"),
        _ => format!("{version}-{release}"),
    };
    package.size_bytes = long_size.unwrap_or(u64::from(size));
    Some(package)
}

/// Calls back with folder and name of every file that a whole header lists; folders end in a slash. What is
/// damaged is left out.
pub fn header_files(bytes: &[u8], mut each: impl FnMut(&[u8], &[u8])) -> Option<()> {
    let count = u32_at(bytes, 0)? as usize;
    if count > MAX_ENTRIES {
        return None;
    }
    let entries = bytes.get(8..8 + count * 16)?;
    let store = bytes.get(8 + count * 16..)?;
    let (mut names, mut folders, mut places) = (&[][..], &[][..], &[][..]);
    let mut files = 0;
    for entry in entries.chunks_exact(16) {
        let Some(at) = store.get(u32_at(entry, 8)? as usize..) else {
            continue;
        };
        match (u32_at(entry, 0)?, u32_at(entry, 4)?) {
            (1116, 4) => places = at,
            (1117, 8) => (names, files) = (at, u32_at(entry, 12)? as usize),
            (1118, 8) => folders = at,
            _ => {}
        }
    }
    let folders: Vec<&[u8]> = strings(folders).take(files.min(MAX_FILES)).collect();
    for (name, place) in strings(names)
        .take(files.min(MAX_FILES))
        .zip(places.chunks_exact(4))
    {
        if let Some(folder) = folders.get(u32_at(place, 0)? as usize) {
            each(folder, name);
        }
    }
    Some(())
}

/// Texts that stand one behind the other, each with its end.
fn strings(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (one, after) = rest.split_at_checked(memchr::memchr(0, rest)?)?;
        rest = after.get(1..)?;
        Some(one)
    })
}

/// Calls back with the first `max` bytes of every header of an ndb file. `None` where it is damaged; headers
/// before the damage were called.
pub fn ndb_headers(mut file: impl Blocks, max: usize, mut each: impl FnMut(&[u8])) -> Option<()> {
    let first = file.read(0, 32)?;
    if !first.starts_with(b"RpmP") || le_at(&first, 4)? != 0 {
        return None;
    }
    let pages = le_at(&first, 12)? as usize;
    if pages.checked_mul(PAGE / 16)? > MAX_PACKAGES * 4 {
        return None;
    }
    let mut blocks = HashSet::new();
    for page in 0..pages {
        let slots = file.read((page * PAGE) as u64, PAGE)?;
        // Two slots of the first page are the heading.
        for slot in slots.chunks_exact(16).skip(if page == 0 { 2 } else { 0 }) {
            if !slot.starts_with(b"Slot") {
                return None;
            }
            let (package, block) = (le_at(slot, 4)?, le_at(slot, 8)?);
            if package == 0 || block == 0 {
                continue;
            }
            // A header is of one package: many that share one would make much of little.
            if !blocks.insert(block) {
                return None;
            }
            let at = u64::from(block) * 16;
            let head = file.read(at, 16)?;
            if !head.starts_with(b"BlbS") || le_at(&head, 4)? != package {
                return None;
            }
            let length = (le_at(&head, 12)? as usize).min(max);
            each(&file.read(at + 16, length)?);
        }
    }
    Some(())
}

fn string(bytes: &[u8]) -> String {
    // A text whose end was cut off is not taken for the whole.
    let Some(end) = memchr::memchr(0, bytes) else {
        return String::new();
    };
    let value = text::decode(bytes.get(..end).unwrap_or_default());
    text::kept(&value, MAX_VALUE).to_owned()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn le_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Writes headers for tests.
#[doc(hidden)]
pub mod sample {
    /// A header of texts by tag.
    pub fn header(rows: &[(u32, &str)]) -> Vec<u8> {
        let (mut entries, mut store) = (Vec::new(), Vec::new());
        for (tag, value) in rows {
            for word in [*tag, 6, store.len() as u32, 1] {
                entries.extend(word.to_be_bytes());
            }
            store.extend(value.as_bytes());
            store.push(0);
        }
        let mut out = Vec::new();
        for word in [rows.len() as u32, store.len() as u32] {
            out.extend(word.to_be_bytes());
        }
        out.extend(entries);
        out.extend(store);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn qq() -> Vec<u8> {
        sample::header(&[
            (1000, "linuxqq"),
            (1001, "3.2.1"),
            (1002, "1"),
            (1004, "聊天"),
            (1011, "Tencent"),
            (1022, "x86_64"),
        ])
    }

    #[test]
    fn a_header_gives_its_package() {
        let package = parse_header(&qq()).unwrap();
        assert_eq!(
            (
                &*package.name,
                &*package.version,
                &*package.architecture,
                &*package.vendor
            ),
            ("linuxqq", "3.2.1-1", "x86_64", "Tencent")
        );
        assert_eq!(parse_header(&sample::header(&[(1000, "x")])), None);
    }

    #[test]
    fn a_header_lists_its_files_with_their_folders() {
        // A header as rpmbuild makes them.
        let file: &[u8] = include_bytes!("../fixtures/rpm/Packages");
        let mut found = Vec::new();
        crate::bdb::hash_pairs(file, 1 << 20, |_, header| {
            header_files(header, |folder, name| {
                found.push(format!("{}{}", text::decode(folder), text::decode(name)));
            });
        })
        .unwrap();
        assert_eq!(
            found.len(),
            400 + 3 + 2 + 3,
            "every file, and a folder per package"
        );
        assert!(found.contains(&"/opt/squid/part-of-the-program-3".to_owned()));
        assert!(found.contains(&"/opt/linuxqq".to_owned()));
    }

    #[test]
    fn an_ndb_file_gives_its_headers() {
        let header = qq();
        let mut file = vec![0u8; PAGE];
        file[..4].copy_from_slice(b"RpmP");
        file[12] = 1;
        for slot in file.chunks_exact_mut(16).skip(2) {
            slot[..4].copy_from_slice(b"Slot");
        }
        file[32 + 4] = 1;
        file[32 + 8..32 + 12].copy_from_slice(&256u32.to_le_bytes());
        file.extend(b"BlbS");
        file.extend(1u32.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        file.extend((header.len() as u32).to_le_bytes());
        file.extend(&header);
        let mut found = Vec::new();
        ndb_headers(&*file, 1 << 20, |bytes| found.extend(parse_header(bytes))).unwrap();
        assert_eq!(found[0].name, "linuxqq");
        assert!(ndb_headers(&file[..100], 100, |_| ()).is_none());
    }

    #[test]
    fn an_ndb_file_that_rpm_wrote_gives_its_packages_and_their_files() {
        let file: &[u8] = include_bytes!("../fixtures/rpm/Packages.db");
        let (mut names, mut files) = (Vec::new(), 0);
        let walked = ndb_headers(file, 1 << 20, |header| {
            let package = parse_header(header).unwrap();
            names.push(format!("{} {}", package.name, package.version));
            header_files(header, |_, _| files += 1).unwrap();
        });
        names.sort();
        assert_eq!(walked, Some(()));
        assert_eq!(names, ["large 1.0-1", "linuxqq 3.2.1-1", "squid 7:6.1-1"]);
        assert_eq!(files, 400 + 3 + 2 + 3, "every file, and a folder per package");
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..200, byte in any::<u8>(), cut in 0usize..220) {
            let mut bytes = qq();
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
            bytes.truncate(cut);
            parse_header(&bytes);
            header_files(&bytes, |_, _| ());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            parse_header(&bytes);
            header_files(&bytes, |_, _| ());
            let mut file = b"RpmP\0\0\0\0\0\0\0\0\x01\0\0\0".to_vec();
            file.extend(bytes);
            file.resize(5_000, 7);
            ndb_headers(&*file, 100, |_| ());
        }
    }
}
