//! Source `software/shortcuts`: programs that no installer put here, found through the shortcuts on the desktops and in the
//! menus of the PC and of each person, whether they ever run or not. Only where a shortcut leads is read of it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use deskwarden_parse::{
    registry::{Key as _, Profile},
    shortcut::parse_shortcut,
};

use super::{copied, id};
use crate::{
    Reading, Root, Source, SourceId, WatchPath, Watched,
    windows::{
        executable,
        folder::system_folder,
        gather::Gather,
        people::{self, Branch},
        room,
        root::{file_name, is_below},
    },
};

/// Folders for everybody.
const OF_ALL: [&str; 2] = [
    "C:\\Users\\Public\\Desktop",
    "C:\\ProgramData\\Microsoft\\Windows\\Start Menu",
];
/// Folders below each profile.
const OF_USER: [&str; 3] = [
    "Desktop",
    "AppData\\Roaming\\Microsoft\\Windows\\Start Menu",
    "AppData\\Roaming\\Microsoft\\Internet Explorer\\Quick Launch",
];
/// Where the desktop went when somebody moved it to another drive.
const FOLDERS: &str = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\User Shell Folders";
/// How deep menus are looked into, and how many entries there are at most in each.
const MAX_DEPTH: usize = 5;
const MAX_FOLDER: usize = 5_000;
/// Most shortcuts that are looked at.
const MAX_SHORTCUTS: usize = 5_000;

/// Desktops, menus and task bars.
#[derive(Default)]
pub(in crate::windows) struct Shortcuts {
    known: executable::Known,
    targets: Targets,
}

/// Where shortcuts lead, by path, with the stamp of the file.
#[derive(Default)]
struct Targets(Mutex<HashMap<String, (u64, Option<String>)>>);

/// A folder, and whose it is.
struct Place {
    folder: String,
    owner: Option<Profile>,
}

impl Source for Shortcuts {
    fn id(&self) -> SourceId {
        id("shortcuts")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let installed = copied::installed(root);
        let mut programs: BTreeMap<String, (String, Option<Profile>)> = BTreeMap::new();
        let mut left = MAX_SHORTCUTS;
        for place in places(root, &mut gather) {
            for shortcut in shortcuts(root, &mut gather, &place.folder, &mut left) {
                let Some(target) = self.targets.of(root, &mut gather, &shortcut) else {
                    continue;
                };
                let Some(path) = expanded(&target, place.owner.as_ref()) else {
                    continue;
                };
                let copied = is_program(&path)
                    && is_here(root, &path)
                    && !installed.iter().any(|folder| is_below(&path, folder));
                if copied && gather.there(root, &path) {
                    let name = file_name(&shortcut);
                    let name = name.get(..name.len().saturating_sub(4)).unwrap_or(name);
                    programs
                        .entry(path)
                        .or_insert_with(|| (name.to_owned(), place.owner.clone()));
                }
            }
        }
        for (path, (name, owner)) in programs {
            let owner = owner.map(|owner| (owner.sid, owner.account)).unwrap_or_default();
            let fact = copied::fact(&self.known, root, &path, &name);
            gather.facts.push(fact.of(owner.0, owner.1));
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut all = Vec::new();
        for place in places(root, &mut Gather::default()) {
            // Programs of a menu have a folder of their own there.
            for folder in [place.folder.clone(), format!("{}\\Programs", place.folder)] {
                if root.exists(&folder) {
                    all.push(WatchPath {
                        path: root.display(&folder),
                        what: Watched::Folder,
                    });
                }
            }
        }
        all
    }
}

fn places(root: &Root, gather: &mut Gather) -> Vec<Place> {
    let mut all: Vec<Place> = OF_ALL
        .iter()
        .map(|folder| Place {
            folder: (*folder).to_owned(),
            owner: None,
        })
        .collect();
    let mut of = |person: &Profile, folder: String| {
        all.push(Place {
            folder,
            owner: Some(person.clone()),
        });
    };
    for person in people::people(root, gather) {
        for folder in OF_USER.iter().filter(|_| !person.folder.is_empty()) {
            of(&person, format!("{}\\{folder}", person.folder));
        }
    }
    people::each(root, &mut Gather::default(), Branch::Own, |_, person, own| {
        let moved = own.open(FOLDERS).ok().flatten().map(|key| key.text("Desktop"));
        let moved = moved.and_then(|folder| expanded(&folder, Some(person)));
        let usual = format!("{}\\{}", person.folder, OF_USER[0]);
        if let Some(folder) =
            moved.filter(|folder| !folder.eq_ignore_ascii_case(&usual) && is_here(root, folder))
        {
            of(person, folder);
        }
    });
    all
}

/// Paths of the shortcuts in a folder and below it.
fn shortcuts(root: &Root, gather: &mut Gather, folder: &str, left: &mut usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut level = vec![folder.to_owned()];
    for _ in 0..MAX_DEPTH {
        let mut below = Vec::new();
        for folder in level {
            // A folder that leads elsewhere is not followed: its owner must not choose what is read.
            if root.read_link(&folder).is_some() {
                continue;
            }
            let names = match root.list(&folder, MAX_FOLDER) {
                Ok(names) => names.unwrap_or_default(),
                Err(why) => {
                    gather.fault(why);
                    continue;
                }
            };
            gather.answered();
            for name in names.into_iter().filter_map(|name| name.into_string().ok()) {
                let path = format!("{folder}\\{name}");
                let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
                if ending.eq_ignore_ascii_case("lnk") {
                    let Some(next) = left.checked_sub(1) else {
                        let why =
                            format!("more than {MAX_SHORTCUTS} shortcuts: the others were not looked at");
                        gather.fault(crate::Unavailable::Failed(why));
                        return found;
                    };
                    *left = next;
                    found.push(path);
                } else if root.display(&path).is_dir() {
                    below.push(path);
                }
            }
        }
        level = below;
    }
    found
}

impl Targets {
    fn of(&self, root: &Root, gather: &mut Gather, shortcut: &str) -> Option<String> {
        let stamp = root.stamp([shortcut]);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, target)) = known.get(shortcut).filter(|(of, _)| *of == stamp) {
            return target.clone();
        }
        // One that cannot be read hides a program: that is told, and it is looked at again.
        let target = parse_shortcut(&gather.file(root, shortcut)?);
        if known.len() >= MAX_SHORTCUTS {
            known.clear();
        }
        known.insert(shortcut.to_owned(), (stamp, target.clone()));
        target
    }
}

/// Shortcuts lead to documents and folders as well.
fn is_program(path: &str) -> bool {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    ending.eq_ignore_ascii_case("exe")
}

/// Whether a path is that of a program or folder on a drive of this PC. Others may be away, and are not waited for.
fn is_here(root: &Root, path: &str) -> bool {
    let Some((drive, rest)) = path.split_at_checked(1) else {
        return false;
    };
    let Some(letter) = drive.chars().next().filter(|_| rest.starts_with(":\\")) else {
        return false;
    };
    let own = system_folder().starts_with(letter.to_ascii_uppercase());
    own || (root.is_host() && letter.is_ascii_alphabetic() && room::is_fixed(letter.to_ascii_uppercase()))
}

/// The path with its variable in front put in; `None` where it is none that is known here.
fn expanded(path: &str, owner: Option<&Profile>) -> Option<String> {
    let Some((variable, rest)) = path.strip_prefix('%').and_then(|path| path.split_once('%')) else {
        return Some(path.to_owned());
    };
    let windows = system_folder();
    let drive = windows.get(..2).unwrap_or("C:");
    let home = owner
        .map(|owner| owner.folder.as_str())
        .filter(|home| !home.is_empty());
    let value = match variable.to_ascii_lowercase().as_str() {
        "userprofile" => home?.to_owned(),
        "appdata" => format!("{}\\AppData\\Roaming", home?),
        "localappdata" => format!("{}\\AppData\\Local", home?),
        "systemdrive" | "homedrive" => drive.to_owned(),
        "systemroot" | "windir" => windows.clone(),
        "public" => format!("{drive}\\Users\\Public"),
        "programdata" | "allusersprofile" => format!("{drive}\\ProgramData"),
        "programfiles" | "programw6432" => format!("{drive}\\Program Files"),
        "programfiles(x86)" => format!("{drive}\\Program Files (x86)"),
        _ => return None,
    };
    Some(format!("{value}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_in_front_are_put_in_and_unknown_ones_lead_nowhere() {
        let owner = Profile {
            sid: "S-1-5-21-1".to_owned(),
            folder: "D:\\Users\\李伟".to_owned(),
            account: "李伟".to_owned(),
            used: None,
        };
        let of = |path: &str| expanded(path, Some(&owner)).unwrap_or_default();
        assert_eq!(
            of("%LocalAppData%\\a.exe"),
            "D:\\Users\\李伟\\AppData\\Local\\a.exe"
        );
        assert_eq!(of("%USERPROFILE%\\a.exe"), "D:\\Users\\李伟\\a.exe");
        assert!(of("%windir%\\a.exe").eq_ignore_ascii_case("C:\\windows\\a.exe"));
        assert_eq!(of("C:\\100%\\a.exe"), "C:\\100%\\a.exe");
        assert_eq!(of("%OneDrive%\\a.exe"), "");
        assert_eq!(expanded("%userprofile%\\a.exe", None), None);
    }

    #[test]
    fn only_programs_on_drives_of_this_pc_are_looked_at() {
        let elsewhere = Root::at("C:\\none");
        assert!(is_here(&elsewhere, "C:\\a.exe"));
        for path in [
            "\\\\server\\share\\a.exe",
            "a.exe",
            "",
            "C:a.exe",
            "Q:\\a.exe",
            "中:\\a.exe",
        ] {
            assert!(!is_here(&elsewhere, path), "{path}");
        }
        assert!(is_program("C:\\a.EXE") && !is_program("C:\\a.docx") && !is_program("C:\\exe"));
    }
}
