//! SHA-256 of programs. Each file is read once, and again when it changed; one look reads a bounded amount.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Mutex, PoisonError},
};

use deskwarden_parse::sqlite::Blocks as _;
use ring::digest::{Context, SHA256};

use crate::Root;

/// Largest program that is hashed.
const MAX_FILE: u64 = 1 << 30;
/// Most that one look reads: about a second of one core.
const MAX_LOOK: u64 = 256 << 20;
const PART: usize = 1 << 16;
/// Most answers that are kept.
const MAX_KNOWN: usize = 20_000;

/// Hashes of programs, remembered while their files do not change.
#[derive(Default)]
pub(in crate::linux) struct Hashes(Mutex<HashMap<String, (u64, String)>>);

impl Hashes {
    /// Hash of each path in hexadecimal, empty where there is no such file or it cannot be read, and how many
    /// were left for the next look.
    pub(in crate::linux) fn of(&self, root: &Root, paths: &[&str]) -> (Vec<String>, usize) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > MAX_KNOWN {
            known.clear();
        }
        let (mut left, mut waiting) = (MAX_LOOK, 0);
        let hashes = paths
            .iter()
            .map(|path| {
                let stamp = root.stamp([*path]);
                if let Some((_, hash)) = known.get(*path).filter(|(of, _)| *of == stamp) {
                    return hash.clone();
                }
                let size = root.size(path).unwrap_or_default();
                if size > left && size <= MAX_FILE && left < MAX_LOOK {
                    waiting += 1;
                    return String::new();
                }
                left = left.saturating_sub(size);
                let hash = if size > MAX_FILE {
                    String::new()
                } else {
                    hash(root, path, size).unwrap_or_default()
                };
                known.insert((*path).to_owned(), (stamp, hash.clone()));
                hash
            })
            .collect();
        (hashes, waiting)
    }
}

fn hash(root: &Root, path: &str, size: u64) -> Option<String> {
    let mut file = root.open_file(path).ok()??;
    let mut context = Context::new(&SHA256);
    let mut at = 0;
    while at < size {
        let length = usize::try_from(size - at).unwrap_or(PART).min(PART);
        context.update(&file.read(at, length)?);
        at += length as u64;
    }
    let mut text = String::with_capacity(64);
    for byte in context.finish().as_ref() {
        write!(text, "{byte:02x}").ok()?;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_changed_file_is_hashed_again_and_a_missing_one_has_no_hash() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let hashes = Hashes::default();
        fs::write(folder.path().join("a"), "one").unwrap();
        let (first, waiting) = hashes.of(&root, &["/a", "/none"]);
        assert_eq!((first[0].len(), &*first[1], waiting), (64, "", 0));
        assert_eq!(hashes.of(&root, &["/a"]).0[0], first[0]);
        fs::write(folder.path().join("a"), "other").unwrap();
        assert_ne!(hashes.of(&root, &["/a"]).0[0], first[0]);
    }

    #[test]
    fn what_is_too_much_for_one_look_waits_for_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        for name in ["a", "b"] {
            // A hole: as large as it says, and nothing on the disk.
            let file = fs::File::create(folder.path().join(name)).unwrap();
            file.set_len(MAX_LOOK / 8 * 5).unwrap();
        }
        let hashes = Hashes::default();
        assert_eq!(hashes.of(&root, &["/a", "/b"]).1, 1);
        let (both, waiting) = hashes.of(&root, &["/a", "/b"]);
        assert_eq!((waiting, both[0] == both[1], both[0].len()), (0, true, 64));
    }
}
