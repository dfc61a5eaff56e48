//! A store in use, copied into one file: the file is a SQLite store as it was at one moment, whatever engine it came from.

use std::path::Path;

use deskwarden_domain::port::StoreError;

use crate::{OpenError, file_of, opened::Opened, sqlite::Sqlite};

/// Copies the store at `from` into a new file. Collectors may run on it meanwhile. The file is on disk when this returns.
///
/// # Errors
/// The file exists, the store is of another schema or out of reach, or the disk takes no more.
pub fn snapshot(from: &str, file: &Path) -> Result<(), OpenError> {
    if file.exists() {
        return Err(StoreError::Conflict(format!("{} exists: name a new file", file.display())).into());
    }
    let source = Opened::existing(from)?;
    match file_of(from)? {
        Some(path) => Sqlite::copy_into(&path, file)?,
        None => {
            let target = Opened::at(&format!("sqlite:{}", file.display()))?;
            super::fill(&source, &target, &mut |_| {})?;
            // Closing moves the write-ahead log into the file.
            drop(target);
        }
    }
    Ok(())
}
