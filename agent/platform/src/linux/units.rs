//! Which units systemd starts by itself, as the links of `etc/systemd/system` tell. Asks no manager.

use std::collections::BTreeSet;

use super::{Root, gather::Gather};
use crate::{WatchPath, Watched};

pub(super) const SYSTEM: &str = "etc/systemd/system";
const VENDOR: [&str; 3] = [
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "etc/systemd/system",
];

/// Names of the units that are started, their aliases among them.
pub(super) fn enabled(root: &Root, gather: &mut Gather) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut masked = BTreeSet::new();
    for path in gather.folder(root, SYSTEM, "") {
        let name = path.rsplit('/').next().unwrap_or_default();
        if name.ends_with(".wants") || name.ends_with(".requires") {
            for unit in gather.folder(root, &path, "") {
                found.insert(unit.rsplit('/').next().unwrap_or_default().to_owned());
            }
        } else if let Some(target) = root.read_link(&path) {
            if target == std::path::Path::new("/dev/null") {
                masked.insert(name.to_owned());
            } else if let Some(unit) = target.file_name().and_then(|unit| unit.to_str()) {
                // An alias, as display-manager.service -> gdm.service.
                found.insert(unit.to_owned());
                found.insert(name.to_owned());
            }
        }
    }
    found.retain(|unit| !masked.contains(unit));
    found
}

/// Whether a unit of that name is on the disk.
pub(super) fn installed(root: &Root, unit: &str) -> bool {
    VENDOR
        .iter()
        .any(|folder| root.exists(&format!("{folder}/{unit}")))
}

/// Paths whose stamp tells that [`enabled`] may answer differently.
pub(super) fn inputs(root: &Root) -> Vec<String> {
    let mut all: Vec<String> = Gather::default()
        .folder(root, SYSTEM, "")
        .into_iter()
        .filter(|path| path.ends_with(".wants") || path.ends_with(".requires"))
        .collect();
    all.push(SYSTEM.to_owned());
    all.push("usr/lib/systemd/system".to_owned());
    all
}

/// What to watch for it.
pub(super) fn watches(root: &Root) -> Vec<WatchPath> {
    [SYSTEM.to_owned(), format!("{SYSTEM}/multi-user.target.wants")]
        .iter()
        .map(|path| WatchPath {
            path: root.display(path),
            what: Watched::Folder,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn links_tell_what_is_started_and_a_masked_unit_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let system = folder.path().join(SYSTEM);
        fs::create_dir_all(system.join("multi-user.target.wants")).unwrap();
        for unit in ["ssh.service", "xrdp.service"] {
            let link = system.join("multi-user.target.wants").join(unit);
            symlink(format!("/lib/systemd/system/{unit}"), link).unwrap();
        }
        symlink("/dev/null", system.join("xrdp.service")).unwrap();
        symlink(
            "/lib/systemd/system/gdm3.service",
            system.join("display-manager.service"),
        )
        .unwrap();
        let found = enabled(&Root::at(folder.path()), &mut Gather::default());
        let found: Vec<_> = found.iter().map(String::as_str).collect();
        assert_eq!(found, ["display-manager.service", "gdm3.service", "ssh.service"]);
    }
}
