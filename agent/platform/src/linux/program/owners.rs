//! Which package owns a program, from dpkg's lists of files. Reads the lists only for paths that were not
//! asked for since the lists last changed, and keeps answers, not lists.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
};

use deskwarden_parse::file_list::Wanted;

use crate::Root;

const INFO: &str = "var/lib/dpkg/info";
const MAX_LIST: usize = 32 << 20;
/// Most answers that are kept.
const MAX_KNOWN: usize = 20_000;
/// Where packages put no programs, so that nothing is searched for those that run from there.
const NEVER_OWNED: [&str; 8] = [
    "/home/",
    "/usr/local/",
    "/root/",
    "/tmp/",
    "/snap/",
    "/run/",
    "/dev/",
    "/var/tmp/",
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
        let stamp = root.stamp([INFO]);
        if known.stamp != stamp || known.packages.len() > MAX_KNOWN {
            known.packages.clear();
            known.stamp = stamp;
        }
        let mut wanted = Wanted::default();
        for path in paths {
            if !known.packages.contains_key(*path) {
                known.packages.insert((*path).to_owned(), String::new());
                // A program that is not known has no path to search for.
                let may_be_owned =
                    path.starts_with('/') && !NEVER_OWNED.iter().any(|folder| path.starts_with(folder));
                if may_be_owned {
                    wanted.add(path);
                }
            }
        }
        if !wanted.is_empty() {
            search(root, &wanted, &mut known.packages);
        }
        paths
            .iter()
            .map(|path| known.packages.get(*path).cloned().unwrap_or_default())
            .collect()
    }
}

/// A list that cannot be read leaves its programs without an owner, which is no claim about them.
fn search(root: &Root, wanted: &Wanted<'_>, found: &mut HashMap<String, String>) {
    let mut missing = wanted.len();
    root.each_file(INFO, ".list", MAX_LIST, |name, list| {
        let package = name.strip_suffix(".list").unwrap_or(name);
        let package = package.split(':').next().unwrap_or(package);
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

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
}
