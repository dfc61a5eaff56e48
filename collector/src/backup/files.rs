//! Files of a backup: found below a folder, copied for their owner only, on disk before anybody is told.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use deskwarden_system::{create_private_as, create_private_dir, sync_dir};

use super::{BackupError, fault};

/// Folders within folders that are looked into.
const DEEPEST: usize = 16;

/// What a source that is not there means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// It was removed meanwhile.
    Skip,
    /// It must be there.
    Fail,
}

/// Makes a folder that only its owner may enter, with those above it.
pub(super) fn private_folder(path: &Path) -> Result<(), BackupError> {
    create_private_dir(path).map_err(fault(path))
}

/// Puts the names in a folder on disk.
pub(super) fn sync_folder(path: &Path) -> Result<(), BackupError> {
    sync_dir(path).map_err(fault(path))
}

/// Paths of all regular files below a folder, relative to it with `/`, in order. Links are not followed.
pub(super) fn walk(folder: &Path, leave_out: &dyn Fn(&Path) -> bool) -> Result<Vec<String>, BackupError> {
    let mut found = Vec::new();
    into(folder, folder, DEEPEST, leave_out, &mut found)?;
    found.sort();
    Ok(found)
}

fn into(
    root: &Path,
    folder: &Path,
    deeper: usize,
    leave_out: &dyn Fn(&Path) -> bool,
    found: &mut Vec<String>,
) -> Result<(), BackupError> {
    for entry in fs::read_dir(folder).map_err(fault(folder))? {
        let entry = entry.map_err(fault(folder))?;
        let path = entry.path();
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(fault(&path)(error)),
        };
        if leave_out(&path) {
            continue;
        }
        if kind.is_dir() {
            if deeper == 0 {
                return Err(fault(&path)(io::Error::other(
                    "folders lie too deep within each other",
                )));
            }
            into(root, &path, deeper - 1, leave_out, found)?;
        } else if kind.is_file() {
            let relative = path.strip_prefix(root).ok().and_then(written);
            let relative = relative.ok_or_else(|| fault(&path)(io::Error::other("its name is not UTF-8")))?;
            found.push(relative);
        }
    }
    Ok(())
}

/// A relative path as lists have it, with `/` on every system.
fn written(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    parts.map(|parts| parts.join("/"))
}

/// Copies a file to a new one that only its owner may read, durably. `false` where there was none to copy.
pub(super) fn copy(from: &Path, to: &Path, absent: Absent) -> Result<bool, BackupError> {
    let mut source = match File::open(from) {
        Ok(source) => source,
        Err(error) if error.kind() == io::ErrorKind::NotFound && absent == Absent::Skip => return Ok(false),
        Err(error) => return Err(fault(from)(error)),
    };
    let folder = to.parent().unwrap_or(Path::new("."));
    private_folder(folder)?;
    // What only its owner may run or read stays so; nobody else gets more than before.
    let original = source.metadata().map_err(fault(from))?;
    let mut target = create_private_as(to, &original).map_err(fault(to))?;
    io::copy(&mut source, &mut target)
        .and_then(|_| target.sync_all())
        .map_err(fault(to))?;
    sync_folder(folder)?;
    Ok(true)
}
