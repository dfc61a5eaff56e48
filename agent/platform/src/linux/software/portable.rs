//! Sources `software/menu-entries` and `software/running`: programs that no package owns, found through the
//! menus of the PC and of each person, through the names of AppImages, and because they run.

use std::{collections::BTreeMap, sync::Arc};

use deskwarden_parse::app::parse_desktop_entry;
use deskwarden_proto::{
    key,
    v1::{Section, Software, SoftwareKind, facet::Kind},
};

use crate::{
    Fact, Reading, Root, Source, SourceId, WatchPath, Watched,
    linux::{
        gather::Gather,
        homes,
        host::monotonic_ms,
        memory::{DAY_MS, Memory},
        program::{Owners, Walk, file_name},
    },
};

const MENUS: [&str; 2] = ["usr/share/applications", "usr/local/share/applications"];
const MENUS_OF_USER: [&str; 3] = [".local/share/applications", "Desktop", "桌面"];
/// Where people keep AppImages. Only names that end so are looked at.
const PLACES_OF_USER: [&str; 7] = [
    "",
    "Applications",
    "Desktop",
    "Downloads",
    ".local/bin",
    "下载",
    "桌面",
];
/// Below these a program was put by hand, unless a package owns it.
const BY_HAND: [&str; 9] = [
    "/home/",
    "/media/",
    "/mnt/",
    "/opt/",
    "/root/",
    "/run/media/",
    "/srv/",
    "/tmp/",
    "/usr/local/",
];
const KEEP_MS: u64 = 7 * DAY_MS;

/// Menu entries and AppImages.
pub(in crate::linux) struct MenuEntries {
    owners: Arc<Owners>,
}

/// Programs that run from where people put them.
pub(in crate::linux) struct RunningPortable {
    owners: Arc<Owners>,
    walk: Arc<Walk>,
    seen: Memory,
}

/// What is known of a program.
#[derive(Default)]
struct Found {
    name: String,
    version: String,
    category: String,
    /// Uid and account of the person whose menu it is in.
    owner: Option<(String, String)>,
}

impl MenuEntries {
    pub(in crate::linux) fn new(owners: Arc<Owners>) -> Self {
        Self { owners }
    }
}

impl RunningPortable {
    pub(in crate::linux) fn new(owners: Arc<Owners>, walk: Arc<Walk>) -> Self {
        Self {
            owners,
            walk,
            seen: Memory::default(),
        }
    }
}

impl Source for MenuEntries {
    fn id(&self) -> SourceId {
        id("menu-entries")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let mut programs: BTreeMap<String, Found> = BTreeMap::new();
        for (folder, owner) in menus(root, &mut gather) {
            for path in gather.folder(root, &folder, ".desktop") {
                let Some(entry) = gather
                    .file(root, &path)
                    .and_then(|bytes| parse_desktop_entry(&bytes))
                else {
                    continue;
                };
                let windows = !entry.program.starts_with('/');
                if windows || (is_by_hand(&entry.program) && gather.there(root, &entry.program)) {
                    programs.entry(entry.program).or_insert(Found {
                        name: entry.name,
                        version: entry.version,
                        category: entry.categories,
                        owner: owner.clone(),
                    });
                }
            }
        }
        for (home, place) in homes::files(root, &mut gather, &PLACES_OF_USER) {
            let names = match root.list(&place, 10_000) {
                Ok(names) => names.unwrap_or_default(),
                Err(why) => {
                    gather.fault(why);
                    continue;
                }
            };
            for name in names
                .iter()
                .filter_map(|name| name.to_str())
                .filter(|name| is_app_image(name))
            {
                let path = format!("/{}/{name}", place.trim_matches('/'));
                programs.entry(path).or_insert_with(|| Found {
                    name: name.to_owned(),
                    owner: Some((home.uid.to_string(), home.name.clone())),
                    ..Found::default()
                });
            }
        }
        gather.facts = facts(root, &self.owners, programs);
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        menus(root, &mut Gather::default())
            .iter()
            .map(|(path, _)| WatchPath {
                path: root.display(path),
                what: Watched::Folder,
            })
            .collect()
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let mut gather = Gather::default();
        let mut inputs: Vec<String> = menus(root, &mut gather)
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        inputs.extend(
            homes::files(root, &mut gather, &PLACES_OF_USER)
                .into_iter()
                .map(|(_, path)| path),
        );
        let entries: Vec<String> = menus(root, &mut gather)
            .iter()
            .filter(|(_, owner)| owner.is_some())
            .flat_map(|(path, _)| gather.folder(root, path, ".desktop"))
            .collect();
        inputs.extend(entries);
        // Whether a package owns a program changes with the packages.
        let fixed = [homes::PASSWD, "var/lib/dpkg/info"];
        Some(root.stamp(fixed.into_iter().chain(inputs.iter().map(String::as_str))))
    }
}

impl Source for RunningPortable {
    fn id(&self) -> SourceId {
        id("running")
    }

    fn read(&self, root: &Root) -> Reading {
        let found = match self.walk.recent(root) {
            Ok(found) => found,
            Err(why) => return Reading::unavailable(self.id(), &why),
        };
        let programs: BTreeMap<String, Found> = found
            .running
            .iter()
            .filter(|process| is_by_hand(&process.exe))
            .map(|process| {
                let name = file_name(&process.exe).to_owned();
                let found = Found {
                    name,
                    ..Found::default()
                };
                (process.exe.clone(), found)
            })
            .collect();
        let mut gather = Gather::default();
        let facts = facts(root, &self.owners, programs);
        gather.facts = self.seen.merge(monotonic_ms(), KEEP_MS, facts);
        gather.answered();
        if let Some(why) = &found.denied {
            gather.fault(why.clone());
        }
        gather.finish(self.id())
    }
}

/// Folders of menu entries, each with the person whose it is.
fn menus(root: &Root, gather: &mut Gather) -> Vec<(String, Option<(String, String)>)> {
    let mut all: Vec<_> = MENUS.iter().map(|path| ((*path).to_owned(), None)).collect();
    let users = homes::files(root, gather, &MENUS_OF_USER);
    all.extend(
        users
            .into_iter()
            .map(|(home, path)| (path, Some((home.uid.to_string(), home.name)))),
    );
    all
}

fn facts(root: &Root, owners: &Owners, programs: BTreeMap<String, Found>) -> Vec<Fact> {
    let paths: Vec<&str> = programs.keys().map(String::as_str).collect();
    let packages = owners.packages(root, &paths);
    programs
        .into_iter()
        .zip(packages)
        .filter(|(_, package)| package.is_empty())
        .map(|((path, found), _)| {
            let kind = if is_app_image(&path) {
                SoftwareKind::AppImage
            } else {
                SoftwareKind::Portable
            };
            let exe = path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
            let software = Software {
                name: found.name,
                version: found.version,
                kind: kind.into(),
                exe,
                section_hint: found.category,
                ..Software::default()
            };
            let (principal, account) = found.owner.unwrap_or_default();
            Fact::machine(key::portable(&path), Kind::Software(software))
                .at(path)
                .of(principal, account)
        })
        .collect()
}

fn is_by_hand(path: &str) -> bool {
    BY_HAND.iter().any(|folder| path.starts_with(folder))
}

fn is_app_image(name: &str) -> bool {
    name.get(name.len().saturating_sub(9)..)
        .is_some_and(|ending| ending.eq_ignore_ascii_case(".appimage"))
}

fn id(source: &'static str) -> SourceId {
    SourceId {
        section: Section::Software,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::{fs, os::unix::fs::symlink, path::Path};

    fn write(folder: &Path, path: &str, content: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn kinds(reading: &Reading) -> Vec<(&str, SoftwareKind)> {
        reading
            .facts
            .iter()
            .map(|fact| match &fact.facet.kind {
                Some(Kind::Software(software)) => (fact.key.as_str(), software.kind()),
                _ => panic!("not software"),
            })
            .collect()
    }

    #[test]
    fn what_no_package_owns_is_found_through_menus_and_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        write(at, "etc/passwd", "wang:x:1000:1000::/home/wang:/bin/sh\n");
        let entry = |exec: &str| format!("[Desktop Entry]\nType=Application\nName=x\nExec={exec}\n");
        write(at, "opt/game/run", "");
        write(at, "opt/owned/run", "");
        write(at, "var/lib/dpkg/info/owned.list", "/opt/owned/run\n");
        write(at, "usr/share/applications/a.desktop", &entry("/opt/owned/run"));
        write(at, "usr/share/applications/b.desktop", &entry("/usr/bin/gedit"));
        write(
            at,
            "home/wang/.local/share/applications/c.desktop",
            &entry("/opt/game/run %f"),
        );
        write(
            at,
            "home/wang/.local/share/applications/d.desktop",
            &entry("/opt/gone/run"),
        );
        write(at, "home/wang/下载/QQ.AppImage", "");
        let reading = MenuEntries::new(Arc::default()).read(&Root::at(at));
        assert_eq!(reading.look, Look::Looked, "{}", reading.reason);
        assert_eq!(
            kinds(&reading),
            [
                ("portable:/home/wang/下载/QQ.AppImage", SoftwareKind::AppImage),
                ("portable:/opt/game/run", SoftwareKind::Portable),
            ]
        );
        assert!(reading.facts.iter().all(|fact| fact.principal == "1000"));
    }

    #[test]
    fn a_program_that_runs_from_a_home_is_found() {
        let folder = tempfile::tempdir().unwrap();
        for (pid, exe) in [(4, "/home/wang/xmrig"), (5, "/usr/bin/bash")] {
            let place = folder.path().join(format!("proc/{pid}"));
            fs::create_dir_all(&place).unwrap();
            symlink(exe, place.join("exe")).unwrap();
        }
        let reading = RunningPortable::new(Arc::default(), Arc::default()).read(&Root::at(folder.path()));
        assert_eq!(
            kinds(&reading),
            [("portable:/home/wang/xmrig", SoftwareKind::Portable)]
        );
    }
}
