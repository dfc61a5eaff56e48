//! Who has a profile on this PC: the list that Windows keeps. No account database and no domain is asked.

use super::{Found, Key};

/// A person's profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// SID.
    pub sid: String,
    /// Folder, as it is written there: it may begin with a variable.
    pub folder: String,
    /// Account name, after the folder.
    pub account: String,
    /// When it was last loaded, in Unix seconds.
    pub used: Option<i64>,
}

/// Profiles of people below a `ProfileList` key; those of services are left out.
pub fn profiles<K: Key>(list: &K) -> Found<Profile> {
    let mut found = Found::default();
    found.each(list, "ProfileList", |found, name, _, values| {
        let folder = values.text("ProfileImagePath");
        if !is_person(name) || folder.is_empty() {
            return;
        }
        let last = folder.rsplit(['\\', '/']).find(|part| !part.is_empty());
        let half = |name: &str| values.number(name).map(|half| half & 0xffff_ffff);
        let used = match (half("LocalProfileLoadTimeHigh"), half("LocalProfileLoadTimeLow")) {
            (Some(high), Some(low)) => super::unix_seconds(high << 32 | low),
            _ => None,
        };
        found.all.push(Profile {
            sid: name.to_owned(),
            account: account(last.unwrap_or_default()),
            folder,
            used,
        });
    });
    found
}

/// SIDs of local and domain accounts, and of the accounts of a cloud directory.
pub(super) fn is_person(sid: &str) -> bool {
    ["S-1-5-21-", "S-1-12-1-"]
        .iter()
        .any(|begin| sid.starts_with(begin))
        && !sid.ends_with(".bak")
}

/// `wang.OFFICE` and `wang.OFFICE.000` are folders of wang.
fn account(folder: &str) -> String {
    folder.split('.').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_apart_from_services() {
        assert!(is_person("S-1-5-21-1-2-3-1001"));
        assert!(is_person("S-1-12-1-1-2-3-4"));
        for other in ["S-1-5-18", "S-1-5-80-1", "S-1-5-21-1-2-3-1001.bak", ""] {
            assert!(!is_person(other), "{other}");
        }
        assert_eq!(account("wang.OFFICE.000"), "wang");
    }
}
