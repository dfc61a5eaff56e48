//! What programs say about themselves, read once per file: the version resource in it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use deskwarden_parse::pe::{Version, version_of};

use super::Root;

/// Most files that are remembered.
const MAX_KNOWN: usize = 2_048;

/// What was read, by path, with the stamp of the file.
#[derive(Default)]
pub(super) struct Known(Mutex<HashMap<String, (u64, Version)>>);

impl Known {
    /// The version resource of a program; empty where it has none, or cannot be read.
    pub(super) fn version(&self, root: &Root, path: &str) -> Version {
        let stamp = root.stamp([path]);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, version)) = known.get(path).filter(|(of, _)| *of == stamp) {
            return version.clone();
        }
        let file = root.open_file(path).ok().flatten();
        let version = file.and_then(version_of).unwrap_or_default();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(path.to_owned(), (stamp, version.clone()));
        version
    }
}
