//! Source `software/rpm`: packages that rpm knows as installed, from its database in the forms sqlite and
//! ndb. Reads the beginning of each header only: lists of files are most of it.

use deskwarden_parse::{
    rpm::{self, Package},
    sqlite::{Column, Database},
};
use deskwarden_proto::{
    key,
    v1::{Section, Software, SoftwareKind, facet::Kind},
};

use crate::{Fact, Reading, Root, Source, SourceId, Unavailable, WatchPath, Watched, linux::gather::Gather};

/// Where the database is, by distribution.
const PLACES: [&str; 2] = ["usr/lib/sysimage/rpm", "var/lib/rpm"];
const SQLITE: &str = "rpmdb.sqlite";
const LOG: &str = "rpmdb.sqlite-wal";
const NDB: &str = "Packages.db";
const BDB: &str = "Packages";
/// What is wanted stands before the lists of files.
const HEADER: usize = 16 << 10;
const WHOLE_HEADER: usize = 16 << 20;
const MAX_LOG: usize = 64 << 20;

/// The database of rpm.
pub(in crate::linux) struct Rpm;

impl Source for Rpm {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Software,
            source: "rpm",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let found = PLACES.iter().find_map(|folder| {
            [SQLITE, NDB, BDB]
                .iter()
                .map(|name| (folder, *name))
                .find(|(folder, name)| root.exists(&format!("{folder}/{name}")))
        });
        let Some((folder, name)) = found else {
            let why = format!("{}: no rpm database", root.display(PLACES[1]).display());
            return Reading::unavailable(self.id(), &Unavailable::Unsupported(why));
        };
        let path = format!("{folder}/{name}");
        let place = root.display(&path);
        if name == BDB {
            let why = format!(
                "{}: rpm's database in the form of Berkeley DB is not read; its packages are missing here",
                place.display()
            );
            return Reading::unavailable(self.id(), &Unavailable::Unsupported(why));
        }
        let mut gather = Gather::default();
        match packages(root, folder, name, HEADER) {
            Ok(mut answer) => {
                if answer.short {
                    // Some header keeps its names behind the lists; this is rare and reads much more.
                    match packages(root, folder, name, WHOLE_HEADER) {
                        Ok(whole) => answer = whole,
                        Err(why) => gather.fault(why),
                    }
                }
                if answer.short || answer.damaged {
                    gather.fault(Unavailable::Failed(format!(
                        "{}: some entries are damaged; run rpm --rebuilddb",
                        place.display()
                    )));
                }
                gather.facts = answer.packages.into_iter().map(fact).collect();
                gather.answered();
            }
            Err(why) => gather.fault(why),
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let files = PLACES
            .iter()
            .flat_map(|folder| [SQLITE, LOG, NDB].map(|name| format!("{folder}/{name}")));
        files
            .map(|path| WatchPath {
                path: root.display(&path),
                what: Watched::File,
            })
            .collect()
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let files: Vec<String> = PLACES
            .iter()
            .flat_map(|folder| [SQLITE, LOG, NDB, BDB].map(|name| format!("{folder}/{name}")))
            .collect();
        Some(root.stamp(files.iter().map(String::as_str)))
    }
}

#[derive(Default)]
struct Answer {
    packages: Vec<Package>,
    /// A header did not hold its names, so far as it was read.
    short: bool,
    damaged: bool,
}

impl Answer {
    fn header(&mut self, bytes: &[u8]) {
        match rpm::parse_header(bytes) {
            // Keys of packagers are stored as packages, too.
            Some(package) if package.name == "gpg-pubkey" => {}
            Some(package) => self.packages.push(package),
            None => self.short = true,
        }
    }
}

fn packages(root: &Root, folder: &str, name: &str, header: usize) -> Result<Answer, Unavailable> {
    let path = format!("{folder}/{name}");
    let unreadable = || {
        let place = root.display(&path);
        Unavailable::Failed(format!("{}: not a database of rpm", place.display()))
    };
    let file = root.open_file(&path)?.ok_or_else(unreadable)?;
    let mut answer = Answer::default();
    if name == NDB {
        answer.damaged = rpm::ndb_headers(file, header, |bytes| answer.header(bytes)).is_none();
        return Ok(answer);
    }
    let log = root
        .read_limited(&format!("{folder}/{LOG}"), MAX_LOG)?
        .unwrap_or_default();
    let mut database = Database::open(file, &log).ok_or_else(unreadable)?;
    let table = database.table("Packages").ok_or_else(unreadable)?;
    let walked = database.rows(table, header, |columns| match columns.get(1) {
        Some(Column::Bytes(bytes)) => answer.header(bytes),
        _ => answer.short = true,
    });
    answer.damaged = walked.is_none();
    Ok(answer)
}

fn fact(package: Package) -> Fact {
    // Two builds of one package may be installed side by side: kernels are.
    let side_by_side = ["kernel", "kernel-core", "kernel-modules", "kernel-devel"]
        .contains(&package.name.as_str())
        || package.name.starts_with("kernel-modules-");
    let key = if side_by_side {
        key::named(&[&package.name, &package.architecture, &package.version])
    } else {
        key::package(&package.name, &package.architecture)
    };
    let software = Software {
        package: package.name.clone(),
        name: package.name,
        version: package.version,
        publisher: package.vendor,
        kind: SoftwareKind::Package.into(),
        architecture: package.architecture,
        section_hint: package.group,
        summary: package.summary,
        ..Software::default()
    };
    let mut fact = Fact::machine(key, Kind::Software(software));
    fact.local.size_bytes = package.size_bytes;
    fact
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_parse::rpm::sample::header;
    use deskwarden_proto::v1::Look;
    use std::fs;

    /// An SQLite file of one page of schema and one leaf, as SQLite lays them out.
    fn sqlite(rows: &[Vec<u8>]) -> Vec<u8> {
        const SIZE: usize = 4_096;
        let leaf = |begin: usize, cells: &[Vec<u8>]| {
            let mut page = vec![0u8; SIZE];
            page[begin] = 13;
            page[begin + 3..begin + 5].copy_from_slice(&u16::try_from(cells.len()).unwrap().to_be_bytes());
            let mut end = SIZE;
            for (index, cell) in cells.iter().enumerate() {
                end -= cell.len();
                page[end..end + cell.len()].copy_from_slice(cell);
                let at = begin + 8 + index * 2;
                page[at..at + 2].copy_from_slice(&u16::try_from(end).unwrap().to_be_bytes());
            }
            page
        };
        let wide = |value: usize| {
            vec![
                0x80 | u8::try_from(value >> 7).unwrap(),
                u8::try_from(value & 0x7f).unwrap(),
            ]
        };
        let cell = |row: usize, kinds: Vec<u8>, body: &[u8]| {
            let mut record = vec![u8::try_from(kinds.len() + 1).unwrap()];
            record.extend(kinds);
            record.extend(body);
            let mut cell = wide(record.len());
            cell.push(u8::try_from(row).unwrap());
            cell.extend(record);
            cell
        };
        let schema = cell(
            1,
            vec![13 + 2 * 5, 13 + 2 * 8, 13 + 2 * 8, 1],
            b"tablePackagesPackages\x02",
        );
        let rows: Vec<_> = rows
            .iter()
            .enumerate()
            .map(|(index, blob)| cell(index + 1, [vec![0], wide(12 + 2 * blob.len())].concat(), blob))
            .collect();
        let mut first = leaf(100, &[schema]);
        first[..16].copy_from_slice(b"SQLite format 3\0");
        first[16..18].copy_from_slice(&4_096u16.to_be_bytes());
        [first, leaf(0, &rows)].concat()
    }

    fn named(name: &str) -> Vec<u8> {
        header(&[(1000, name), (1001, "3.2"), (1002, "1"), (1022, "x86_64")])
    }

    #[test]
    fn packages_are_listed_and_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(Rpm.read(&root).look, Look::Unsupported);
        let place = folder.path().join("var/lib/rpm");
        fs::create_dir_all(&place).unwrap();
        fs::write(
            place.join(SQLITE),
            sqlite(&[named("linuxqq"), named("gpg-pubkey"), named("kernel")]),
        )
        .unwrap();
        let reading = Rpm.read(&root);
        assert_eq!(reading.look, Look::Looked, "{}", reading.reason);
        let keys: Vec<_> = reading.facts.iter().map(|fact| fact.key.as_str()).collect();
        assert_eq!(keys, ["kernel:x86_64:3.2-1", "linuxqq:x86_64"]);
        fs::write(
            place.join(SQLITE),
            sqlite(&[named("linuxqq"), b"damaged".to_vec()]),
        )
        .unwrap();
        let reading = Rpm.read(&root);
        assert_eq!((reading.look, reading.facts.len()), (Look::Partial, 1));
        fs::write(place.join(SQLITE), "no database").unwrap();
        assert_eq!(Rpm.read(&root).look, Look::Failed);
    }

    #[test]
    fn a_form_that_is_not_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("var/lib/rpm")).unwrap();
        fs::write(folder.path().join("var/lib/rpm/Packages"), "").unwrap();
        let reading = Rpm.read(&Root::at(folder.path()));
        assert_eq!(reading.look, Look::Unsupported);
        assert!(reading.reason.contains("Berkeley"));
    }
}
