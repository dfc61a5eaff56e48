//! Which package owns a program, from the lists of files that dpkg and rpm keep. Reads the lists only for paths
//! that were not asked for since the lists last changed, and keeps answers, not lists.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
};

use deskwarden_parse::{
    file_list::Wanted,
    rpm::{header_files, parse_header},
};

use crate::{
    Root,
    linux::rpmdb::{self, Rpmdb},
};

const INFO: &str = "var/lib/dpkg/info";
const MAX_LIST: usize = 32 << 20;
const MAX_HEADER: usize = 32 << 20;
/// Most answers that are kept.
const MAX_KNOWN: usize = 20_000;
/// Where packages put no programs, so that nothing is searched for those that run from there.
const NEVER_OWNED: [&str; 12] = [
    "/home/",
    "/usr/local/",
    "/root/",
    "/tmp/",
    "/snap/",
    "/run/",
    "/dev/",
    "/var/tmp/",
    "/var/cache/",
    "/mnt/",
    "/media/",
    "/srv/",
];

/// Owners of programs, remembered.
#[derive(Default)]
pub(in crate::linux) struct Owners(Mutex<Known>);

#[derive(Default)]
struct Known {
    stamp: u64,
    /// Path -> package; empty when none owns it.
    packages: HashMap<String, String>,
}

impl Owners {
    /// Package of each path, empty for none, in the order of the paths.
    pub(in crate::linux) fn packages(&self, root: &Root, paths: &[&str]) -> Vec<String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let files = rpmdb::files();
        let stamp = root.stamp([INFO].into_iter().chain(files.iter().map(String::as_str)));
        if known.stamp != stamp || known.packages.len() > MAX_KNOWN {
            known.packages.clear();
            known.stamp = stamp;
        }
        let mut wanted = Wanted::default();
        for path in paths {
            if !known.packages.contains_key(*path) {
                known.packages.insert((*path).to_owned(), String::new());
                if may_be_owned(path) {
                    wanted.add(path);
                }
            }
        }
        if !wanted.is_empty() {
            let mut missing = search_dpkg(root, &wanted, &mut known.packages);
            if let (Some(database), true) = (Rpmdb::find(root), missing > 0) {
                search_rpm(root, &database, &wanted, &mut known.packages, &mut missing);
            }
        }
        paths
            .iter()
            .map(|path| known.packages.get(*path).cloned().unwrap_or_default())
            .collect()
    }
}

/// A program that is not known has no path to search for, and no package puts one directly below the root.
fn may_be_owned(path: &str) -> bool {
    let below = path.strip_prefix('/').unwrap_or_default();
    below.contains('/') && !NEVER_OWNED.iter().any(|folder| path.starts_with(folder))
}

/// Most programs are called like their package: with those lists first, the search mostly ends after a few.
/// A list that cannot be read leaves its programs without an owner, which is no claim about them. Says how many
/// have none.
fn search_dpkg(root: &Root, wanted: &Wanted<'_>, found: &mut HashMap<String, String>) -> usize {
    let mut missing = wanted.len();
    let likely = |name: &str| wanted.is_likely(package_of(name));
    root.each_file(INFO, ".list", MAX_LIST, likely, |name, list| {
        let package = package_of(name);
        for path in wanted.found_in(list) {
            if let Some(owner) = found.get_mut(path).filter(|owner| owner.is_empty()) {
                package.clone_into(owner);
                missing = missing.saturating_sub(1);
            }
        }
        if missing == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    missing
}

fn search_rpm(
    root: &Root,
    database: &Rpmdb,
    wanted: &Wanted<'_>,
    found: &mut HashMap<String, String>,
    missing: &mut usize,
) {
    let mut path = Vec::new();
    // A damaged database is told by the source of its packages.
    let walked = database.headers(root, MAX_HEADER, |header| {
        if *missing == 0 {
            return;
        }
        let mut owned: Vec<&str> = Vec::new();
        header_files(header, |folder, name| {
            path.clear();
            path.extend_from_slice(folder);
            path.extend_from_slice(name);
            owned.extend(wanted.owned(&path));
        });
        if owned.is_empty() {
            return;
        }
        let Some(package) = parse_header(header) else {
            return;
        };
        for path in owned {
            if let Some(owner) = found.get_mut(path).filter(|owner| owner.is_empty()) {
                owner.clone_from(&package.name);
                *missing = missing.saturating_sub(1);
            }
        }
    });
    drop(walked);
}

fn package_of(list: &str) -> &str {
    let package = list.strip_suffix(".list").unwrap_or(list);
    package.split(':').next().unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_search_ends_with_the_lists_of_likely_packages() {
        let folder = tempfile::tempdir().unwrap();
        let info = folder.path().join(INFO);
        fs::create_dir_all(&info).unwrap();
        for number in 0..50 {
            fs::write(info.join(format!("other{number}.list")), "/usr/share/doc\n").unwrap();
        }
        fs::write(info.join("cron.list"), "/usr/sbin/cron\n").unwrap();
        let root = Root::at(folder.path());
        let mut wanted = Wanted::default();
        wanted.add("/usr/sbin/cron");
        let mut read = 0;
        root.each_file(
            INFO,
            ".list",
            MAX_LIST,
            |name| wanted.is_likely(package_of(name)),
            |_, list| {
                read += 1;
                match wanted.found_in(list).next() {
                    Some(_) => ControlFlow::Break(()),
                    None => ControlFlow::Continue(()),
                }
            },
        );
        assert_eq!(read, 1, "one list of {}", 51);
    }

    #[test]
    fn nothing_is_searched_for_programs_that_no_package_holds() {
        for path in ["", "unknown", "/init", "/home/wang/qq", "/tmp/.mount_x/y"] {
            assert!(!may_be_owned(path), "{path}");
        }
        for path in ["/usr/bin/qq", "/opt/apps/qq/qq", "/bin/sh", "/var/lib/x/y"] {
            assert!(may_be_owned(path), "{path}");
        }
    }

    #[test]
    fn an_owner_is_found_and_forgotten_when_the_lists_change() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let info = folder.path().join(INFO);
        let owners = Owners::default();
        let paths = ["/usr/bin/qq", "/home/wang/qq", "/usr/bin/none"];
        assert_eq!(owners.packages(&root, &paths), ["", "", ""]);
        fs::create_dir_all(&info).unwrap();
        fs::write(
            info.join("linuxqq:amd64.list"),
            "/.\n/usr/bin/qq\n/home/wang/qq\n",
        )
        .unwrap();
        assert_eq!(owners.packages(&root, &paths), ["linuxqq", "", ""]);
        fs::remove_file(info.join("linuxqq:amd64.list")).unwrap();
        assert_eq!(owners.packages(&root, &paths), ["", "", ""]);
    }

    #[test]
    fn an_owner_is_found_in_each_form_of_the_database_of_rpm() {
        let made = concat!(env!("CARGO_MANIFEST_DIR"), "/../parse/fixtures/rpm");
        for name in ["rpmdb.sqlite", "Packages", "Packages.db"] {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("var/lib/rpm");
            fs::create_dir_all(&place).unwrap();
            fs::copy(std::path::Path::new(made).join(name), place.join(name)).unwrap();
            let paths = [
                "/opt/large/part-of-the-program-400",
                "/opt/squid/part-of-the-program-1",
                "/opt/large/part-of-the-program-401",
            ];
            let found = Owners::default().packages(&Root::at(folder.path()), &paths);
            assert_eq!(found, ["large", "squid", ""], "{name}");
        }
    }
}
