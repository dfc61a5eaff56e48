//! The people of this PC and their parts of the registry: that of somebody who is signed in is asked of the system, that
//! of anybody else is read from the file in the person's profile. No account database and no domain is asked.

use deskwarden_parse::registry::{Key as _, Profile, profiles};

use super::{
    Root,
    gather::Gather,
    registry::{self, Registry, View},
};
use crate::Unavailable;

const LIST: &str = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList";
/// The person's part of the registry, in the profile.
const OWN: &str = "NTUSER.DAT";
/// The part with what programs of the person registered.
const CLASSES: &str = "AppData\\Local\\Microsoft\\Windows\\UsrClass.dat";

/// Which part of a person's registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Branch {
    /// Settings.
    Own,
    /// What programs registered.
    Classes,
}

/// Everybody with a profile; what could not be read is noted.
pub(super) fn people(root: &Root, gather: &mut Gather) -> Vec<Profile> {
    let key = match registry::machine(root, LIST, View::Native) {
        Ok(key) => key,
        Err(why) => {
            gather.fault(why);
            return Vec::new();
        }
    };
    gather.answered();
    let mut found = key.map(|key| profiles(&key)).unwrap_or_default();
    for fault in found.faults {
        gather.fault(Unavailable::Failed(fault));
    }
    for profile in &mut found.all {
        profile.folder = expand(&profile.folder);
    }
    if root.is_host() {
        // Somebody may be signed in whose profile is temporary and not in the list.
        for sid in signed_in() {
            if !found
                .all
                .iter()
                .any(|profile| profile.sid.eq_ignore_ascii_case(&sid))
            {
                let folder = folder_of(&sid);
                let account = super::root::file_name(&folder).to_owned();
                found.all.push(Profile {
                    sid,
                    folder,
                    account,
                    used: None,
                });
            }
        }
    }
    found.all
}

/// SIDs of the people whose registry is loaded.
pub(super) fn signed_in() -> Vec<String> {
    let names = match registry::user("") {
        Ok(Some(key)) => key.names().unwrap_or_default(),
        _ => Vec::new(),
    };
    let is_person = |sid: &String| {
        ["S-1-5-21-", "S-1-12-1-"]
            .iter()
            .any(|begin| sid.starts_with(begin))
            && !sid.ends_with("_Classes")
    };
    names.into_iter().filter(is_person).collect()
}

/// Calls back with each person and that branch of the person's registry. What cannot be read is noted: the facts of
/// somebody who could not be looked at are not gone.
pub(super) fn each(
    root: &Root,
    gather: &mut Gather,
    branch: Branch,
    mut visit: impl FnMut(&mut Gather, &Profile, &Registry),
) {
    for person in people(root, gather) {
        match open(root, &person, branch) {
            Ok(Some(key)) => {
                gather.answered();
                if !key.is_settled() {
                    gather.fault(Unavailable::Failed(format!(
                        "{}: the newest changes of the registry are not in its file yet",
                        person.account
                    )));
                }
                visit(gather, &person, &key);
            }
            // A profile without the file was never used, or keeps no such part.
            Ok(None) => {}
            Err(why) => gather.fault(why),
        }
    }
}

fn open(root: &Root, person: &Profile, branch: Branch) -> Result<Option<Registry>, Unavailable> {
    let (live, file) = match branch {
        Branch::Own => (person.sid.clone(), OWN),
        Branch::Classes => (format!("{}_Classes", person.sid), CLASSES),
    };
    if root.is_host()
        && let Some(key) = registry::user(&live)?
    {
        return Ok(Some(key));
    }
    if person.folder.is_empty() {
        return Ok(None);
    }
    registry::file_root(root, &format!("{}\\{file}", person.folder))
}

/// The variables that stand in front of folders of profiles.
fn expand(folder: &str) -> String {
    let windows = super::folder::system_folder();
    let drive = windows.get(..2).unwrap_or("C:").to_owned();
    for (variable, value) in [
        ("%systemdrive%", drive.as_str()),
        ("%systemroot%", windows.as_str()),
    ] {
        if folder
            .get(..variable.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(variable))
        {
            return format!("{value}{}", folder.get(variable.len()..).unwrap_or_default());
        }
    }
    folder.to_owned()
}

/// Folder of somebody who is signed in.
fn folder_of(sid: &str) -> String {
    let key = registry::user(&format!("{sid}\\Volatile Environment"))
        .ok()
        .flatten();
    key.map(|key| key.text("USERPROFILE")).unwrap_or_default()
}
