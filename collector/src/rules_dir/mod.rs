//! Rules from files into the store: built-in packs and the watched folder are imported as versions. Owns
//! no rule: what a file means is the domain's business, when it is loaded again that of whoever judges.

mod context;
mod import;
mod watch;

pub use context::{licences, load_context};
pub use import::{ImportError, Importer, Report};
pub use watch::{WatchError, watch};

use std::collections::BTreeMap;

use deskwarden_domain::port::{RuleVersion, RuleVersionState};

/// A rule file that is part of this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// File name.
    pub name: &'static str,
    /// Its text.
    pub content: &'static str,
}

/// The rule files of this build, by name.
pub const BUILT_IN: &[BuiltIn] = include!(concat!(env!("OUT_DIR"), "/built_in.rs"));

/// Rule files that earlier builds had and this one has not: what they said stands in others now.
pub const GIVEN_UP: [&str; 3] = [
    "catalogue-communication.toml",
    "catalogue-leisure.toml",
    "catalogue-network.toml",
];

/// Files that are refused now, by name: whose newest version was, and that are still there. `versions` are the newest
/// first.
pub fn refused_now(versions: &[RuleVersion]) -> Vec<&RuleVersion> {
    let mut newest: BTreeMap<&str, &RuleVersion> = BTreeMap::new();
    for version in versions {
        newest.entry(&version.file).or_insert(version);
    }
    let refused = |version: &&RuleVersion| version.state == RuleVersionState::Refused && !version.removed;
    newest.into_values().filter(refused).collect()
}

/// Origin of versions that came with a build.
pub const FROM_BUILD: &str = "built-in";
/// Origin of versions that came from the watched folder.
pub const FROM_FOLDER: &str = "rules.d";

#[cfg(test)]
mod tests {
    use deskwarden_domain::rules::{RuleFile, RuleSet};

    use super::BUILT_IN;

    #[test]
    fn the_rules_of_this_build_load() {
        let files: Vec<RuleFile<'_>> = BUILT_IN
            .iter()
            .map(|file| RuleFile {
                name: file.name,
                content: file.content,
            })
            .collect();
        let faults = RuleSet::load(&files).err().unwrap_or_default();
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
