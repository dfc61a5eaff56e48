//! What programs say about themselves, read once per file: the version resource in it, and who signed it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use deskwarden_parse::{
    authenticode::signer_of,
    pe::{Version, version_of},
};

use super::{Root, signature};

/// Most files that are remembered.
const MAX_KNOWN: usize = 2_048;

/// What was read of one file.
#[derive(Default)]
struct Told {
    stamp: u64,
    version: Option<Version>,
    signer: Option<String>,
}

/// What was read, by path.
#[derive(Default)]
pub(super) struct Known(Mutex<HashMap<String, Told>>);

impl Known {
    /// The version resource of a program; empty where it has none, or cannot be read.
    pub(super) fn version(&self, root: &Root, path: &str) -> Version {
        self.of(root, path, |told| {
            told.version.get_or_insert_with(|| {
                let file = root.open_file(path).ok().flatten();
                file.and_then(version_of).unwrap_or_default()
            })
        })
    }

    /// The publisher whose signature holds; empty where there is none. Reads the whole file when it is signed.
    pub(super) fn signer(&self, root: &Root, path: &str) -> String {
        self.of(root, path, |told| {
            told.signer.get_or_insert_with(|| {
                // Only the running system knows whom to trust.
                let file = root.open_file(path).ok().flatten().filter(|_| root.is_host());
                file.filter(|file| signature::holds(file.file(), &root.display(path)))
                    .and_then(signer_of)
                    .unwrap_or_default()
            })
        })
    }

    fn of<T: Clone>(&self, root: &Root, path: &str, look: impl FnOnce(&mut Told) -> &mut T) -> T {
        let stamp = root.stamp([path]);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN && !known.contains_key(path) {
            known.clear();
        }
        let told = known.entry(path.to_owned()).or_default();
        if told.stamp != stamp {
            *told = Told {
                stamp,
                ..Told::default()
            };
        }
        look(told).clone()
    }
}
