//! Folders as they are: copies that keep everything, so that an older state can come back.

use std::{fs, path::Path};

use anyhow::Result;

/// Copies a folder with everything in it and the rights of its files.
///
/// # Errors
/// When a file cannot be copied.
pub fn copy(from: &Path, into: &Path) -> Result<()> {
    fs::create_dir_all(into)?;
    fs::set_permissions(into, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = into.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
