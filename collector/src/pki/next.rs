//! The authority that is made beside the one in use, and how it takes its place: in one go, also when a
//! crash cuts that short. What it is made of is [`super::rotate`]'s.

use std::{fs, io, path::Path};

use super::{PkiError, files};

/// Where the next authority is made.
pub(super) const NEXT: &str = "next";
/// Written last there: from then on the replacement is finished, whatever happens.
pub(super) const READY: &str = "ready";
/// The new root, signed by the old one.
pub(super) const CROSS: &str = "cross.crt";
/// What is replaced. The certificates come last, so that a key never stands beside a certificate that is newer.
const PARTS: [&str; 5] = [
    "root.key",
    "intermediate.key",
    "root.crt",
    "intermediate.crt",
    CROSS,
];

/// Finishes a replacement that a crash cut short; clears one that never was complete.
pub(super) fn finish(folder: &Path) -> Result<(), PkiError> {
    let next = folder.join(NEXT);
    if !files::exists(&next)? {
        return Ok(());
    }
    if files::exists(&next.join(READY))? {
        for name in PARTS {
            let (from, to) = (next.join(name), folder.join(name));
            match fs::rename(&from, &to) {
                // Moved before the crash.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(failed("replace", &to, source)),
                Ok(()) => {}
            }
        }
        let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| failed("write", folder, source))?;
    }
    clear(&next)
}

/// Files of roots that are trusted beside the one in use.
pub(super) fn further(folder: &Path) -> Result<Vec<std::path::PathBuf>, PkiError> {
    files::certificate_files(&folder.join("roots"))
}

/// Removes what was made there.
pub(super) fn clear(next: &Path) -> Result<(), PkiError> {
    match fs::remove_dir_all(next) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(failed("remove", next, source)),
        _ => Ok(()),
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> PkiError {
    PkiError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
