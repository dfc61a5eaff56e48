//! Source `software/rpm`: packages that rpm knows as installed. Reads the beginning of each header only: lists
//! of files are most of it.

use deskwarden_parse::rpm::{self, Package};
use deskwarden_proto::{
    key,
    v1::{Section, Software, SoftwareKind, facet::Kind},
};

use crate::{
    Fact, Reading, Root, Source, SourceId, Unavailable, WatchPath, Watched,
    linux::{
        gather::Gather,
        rpmdb::{self, Rpmdb, Walk},
    },
};

/// What is wanted stands before the lists of files.
const HEADER: usize = 16 << 10;
const WHOLE_HEADER: usize = 16 << 20;

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
        let Some(database) = Rpmdb::find(root) else {
            let why = format!("{}: no rpm database", rpmdb::usual_place(root));
            return Reading::unavailable(self.id(), &Unavailable::Unsupported(why));
        };
        let mut gather = Gather::default();
        match packages(root, &database, HEADER) {
            Ok(mut answer) => {
                if answer.short {
                    // Some header keeps its names behind the lists; this is rare and reads much more.
                    match packages(root, &database, WHOLE_HEADER) {
                        Ok(whole) => answer = whole,
                        Err(why) => gather.fault(why),
                    }
                }
                if answer.short || answer.walk == Walk::Damaged {
                    gather.fault(Unavailable::Failed(format!(
                        "{}: some entries are damaged; run rpm --rebuilddb",
                        root.display(&database.path()).display()
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
        let files = rpmdb::files().into_iter();
        files
            .map(|path| WatchPath {
                path: root.display(&path),
                what: Watched::File,
            })
            .collect()
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        Some(root.stamp(rpmdb::files().iter().map(String::as_str)))
    }
}

struct Answer {
    packages: Vec<Package>,
    /// A header did not hold its names, so far as it was read.
    short: bool,
    walk: Walk,
}

fn packages(root: &Root, database: &Rpmdb, header: usize) -> Result<Answer, Unavailable> {
    let mut packages = Vec::new();
    let mut short = false;
    let walk = database.headers(root, header, |bytes| match rpm::parse_header(bytes) {
        // Keys of packagers are stored as packages, too.
        Some(package) if package.name == "gpg-pubkey" => {}
        Some(package) => packages.push(package),
        None => short = true,
    })?;
    Ok(Answer {
        packages,
        short,
        walk,
    })
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
            place.join("rpmdb.sqlite"),
            sqlite(&[named("linuxqq"), named("gpg-pubkey"), named("kernel")]),
        )
        .unwrap();
        let reading = Rpm.read(&root);
        assert_eq!(reading.look, Look::Looked, "{}", reading.reason);
        let keys: Vec<_> = reading.facts.iter().map(|fact| fact.key.as_str()).collect();
        assert_eq!(keys, ["kernel:x86_64:3.2-1", "linuxqq:x86_64"]);
        fs::write(
            place.join("rpmdb.sqlite"),
            sqlite(&[named("linuxqq"), b"damaged".to_vec()]),
        )
        .unwrap();
        let reading = Rpm.read(&root);
        assert_eq!((reading.look, reading.facts.len()), (Look::Partial, 1));
        fs::write(place.join("rpmdb.sqlite"), "no database").unwrap();
        assert_eq!(Rpm.read(&root).look, Look::Failed);
    }
}
