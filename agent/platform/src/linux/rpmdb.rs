//! The database of rpm: where it is, and a walk through the headers in it, whichever of its three forms it
//! has. Knows no fact.

use deskwarden_parse::{
    bdb::hash_pairs,
    rpm::ndb_headers,
    sqlite::{Column, Database},
};

use super::Root;
use crate::Unavailable;

/// Where the database is, by distribution.
const FOLDERS: [&str; 2] = ["usr/lib/sysimage/rpm", "var/lib/rpm"];
const SQLITE: &str = "rpmdb.sqlite";
/// What was written to the former and is not in it yet.
const LOG: &str = "rpmdb.sqlite-wal";
/// openSUSE.
const NDB: &str = "Packages.db";
/// Berkeley DB: CentOS 7 and 8, openEuler 20 and 21, Kylin servers.
const BDB: &str = "Packages";
const MAX_LOG: usize = 64 << 20;

/// How far a walk came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    /// Through everything.
    Whole,
    /// To a place where the file is damaged, or was being written.
    Damaged,
}

/// A database that is there.
pub(super) struct Rpmdb {
    folder: &'static str,
    name: &'static str,
}

impl Rpmdb {
    /// The database of a root; the younger form where there are two.
    pub(super) fn find(root: &Root) -> Option<Self> {
        let all = FOLDERS
            .iter()
            .flat_map(|folder| [SQLITE, NDB, BDB].map(|name| Self { folder, name }));
        // One that may not be asked for may be there: opening it tells why not.
        all.into_iter()
            .find(|one| !matches!(root.probe(&one.path()), Ok(false)))
    }

    /// Its file.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.folder, self.name)
    }

    /// Calls back with the first `max` bytes of every header; with none where an entry has no header.
    pub(super) fn headers(
        &self,
        root: &Root,
        max: usize,
        mut each: impl FnMut(&[u8]),
    ) -> Result<Walk, Unavailable> {
        let path = self.path();
        let unreadable = || {
            let place = root.display(&path);
            Unavailable::Failed(format!("{}: not a database of rpm", place.display()))
        };
        let file = root.open_file(&path)?.ok_or_else(unreadable)?;
        let walked = match self.name {
            NDB => ndb_headers(file, max, each),
            BDB => {
                let mut pairs = 0usize;
                let walked = hash_pairs(file, max, |key, header| {
                    pairs += 1;
                    // Under the number 0 stands which number is given next.
                    if key != [0; 4] {
                        each(header);
                    }
                });
                if walked.is_none() && pairs == 0 {
                    return Err(unreadable());
                }
                walked
            }
            _ => {
                let log = root
                    .read_limited(&format!("{}/{LOG}", self.folder), MAX_LOG)?
                    .unwrap_or_default();
                let mut database = Database::open(file, &log).ok_or_else(unreadable)?;
                let table = database.table("Packages").ok_or_else(unreadable)?;
                database.rows(table, max, |columns| match columns.get(1) {
                    Some(Column::Bytes(bytes)) => each(bytes),
                    _ => each(&[]),
                })
            }
        };
        Ok(match walked {
            Some(()) => Walk::Whole,
            None => Walk::Damaged,
        })
    }
}

/// Every file whose change means that a walk may give something else.
pub(super) fn files() -> Vec<String> {
    let all = FOLDERS
        .iter()
        .flat_map(|folder| [SQLITE, LOG, NDB, BDB].map(|name| format!("{folder}/{name}")));
    all.collect()
}

/// Where a person looks for it first.
pub(super) fn usual_place(root: &Root) -> String {
    root.display(FOLDERS[1]).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_parse::rpm::parse_header;
    use std::{fs, path::Path};

    /// Databases of the same three packages, made by rpm and by Berkeley DB: see make.sh beside them.
    const MADE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../parse/fixtures/rpm");

    #[test]
    fn each_form_gives_the_same_packages() {
        for (made, name) in [("rpmdb.sqlite", SQLITE), ("Packages", BDB), ("Packages.big", BDB)] {
            let folder = tempfile::tempdir().unwrap();
            let root = Root::at(folder.path());
            assert!(Rpmdb::find(&root).is_none());
            fs::create_dir_all(folder.path().join(FOLDERS[1])).unwrap();
            fs::copy(
                Path::new(MADE).join(made),
                folder.path().join(FOLDERS[1]).join(name),
            )
            .unwrap();
            let mut names = Vec::new();
            let walk = Rpmdb::find(&root).unwrap().headers(&root, 16 << 10, |header| {
                names.extend(parse_header(header).map(|package| package.name));
            });
            names.sort();
            assert_eq!(walk, Ok(Walk::Whole), "{made}");
            assert_eq!(names, ["large", "linuxqq", "squid"], "{made}");
        }
    }

    #[test]
    fn a_file_that_is_none_fails_and_one_that_is_cut_off_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let place = folder.path().join(FOLDERS[1]);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join(BDB), "").unwrap();
        let read = || Rpmdb::find(&root).unwrap().headers(&root, 1 << 20, |_| ());
        assert!(matches!(read(), Err(Unavailable::Failed(_))));
        let whole = fs::read(Path::new(MADE).join("Packages")).unwrap();
        fs::write(place.join(BDB), &whole[..whole.len() - 8_192]).unwrap();
        assert_eq!(read(), Ok(Walk::Damaged));
    }
}
