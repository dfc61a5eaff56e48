//! Backups: the store as it was at one moment, the certificate authority, the key of sealed secrets, rules and
//! configuration, in one folder with a list of what is in it. Made while the collector runs, checked before it is
//! restored. Knows files, no nouns.
//!
//! A backup is whoever has it: it holds private keys. It is made for its owner only; where it goes from there is up to
//! the administrator.

mod files;
mod manifest;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use deskwarden_domain::model::Millis;
use deskwarden_store::OpenError;
use deskwarden_system::write_private;

use crate::{clock, config::StoreUrl, data::DataError};

use files::{Absent, copy, private_folder, sync_folder, walk};
pub use manifest::{Entry, Manifest};
use manifest::{LIST, STORE};

/// What every backup's folder begins with.
const PREFIX: &str = "deskwarden-";
/// What a folder is called until it is whole.
const UNFINISHED: &str = ".part";

/// Why a backup could not be made or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The backup is not whole; everything that is wrong with it.
    #[error("the backup {} cannot be used:\n{}", .folder.display(), .faults.join("\n"))]
    NotWhole {
        /// The backup.
        folder: PathBuf,
        /// One line each.
        faults: Vec<String>,
    },
    /// There is something where the backup would go to.
    #[error(
        "{} holds a collector already ({found}): restore into an empty folder, or move that one away",
        .folder.display()
    )]
    Occupied {
        /// The data folder.
        folder: PathBuf,
        /// What was found.
        found: String,
    },
    /// The data folder cannot be taken.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
}

fn fault(path: &Path) -> impl Fn(io::Error) -> BackupError {
    move |source| BackupError::File {
        path: path.to_owned(),
        source,
    }
}

/// What is backed up.
#[derive(Clone, Copy, Debug)]
pub struct Source<'s> {
    /// The data folder.
    pub data_dir: &'s Path,
    /// The store.
    pub store: &'s StoreUrl,
    /// The configuration, where it lies outside of the data folder.
    pub config: Option<&'s Path>,
}

/// Makes a backup in `folder`, named by its time, and returns its path. The collector may run.
///
/// # Errors
/// What cannot be read or written. A backup that could not be finished is removed.
pub fn make(source: Source<'_>, folder: &Path, now: Millis) -> Result<PathBuf, BackupError> {
    private_folder(folder)?;
    let name: String = clock::rfc3339(now - now % 1_000)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let whole = folder.join(format!("{PREFIX}{name}"));
    let part = folder.join(format!("{PREFIX}{name}{UNFINISHED}"));
    if whole.exists() {
        return Err(fault(&whole)(io::Error::from(io::ErrorKind::AlreadyExists)));
    }
    if part.exists() {
        return Err(fault(&part)(io::Error::from(io::ErrorKind::AlreadyExists)));
    }
    private_folder(&part)?;
    let made = fill(source, &part, now)
        .and_then(|()| fs::rename(&part, &whole).map_err(fault(&whole)))
        .and_then(|()| sync_folder(folder));
    if let Err(error) = made {
        // The reason is what people need to hear; what is left is named so that nobody takes it for a backup.
        fs::remove_dir_all(&part).ok();
        return Err(error);
    }
    Ok(whole)
}

fn fill(source: Source<'_>, part: &Path, now: Millis) -> Result<(), BackupError> {
    let mut manifest = Manifest::new(now, source.store.reveal());
    deskwarden_store::snapshot(source.store.reveal(), &part.join(STORE))?;
    manifest.add(part, STORE)?;
    let database = deskwarden_store::file_of(source.store.reveal())?;
    // Backups may lie within the data folder; they are not backed up again.
    let left_out = |path: &Path| {
        part.starts_with(path)
            || path.join(LIST).is_file()
            || manifest::is_temporary(path, database.as_deref())
    };
    for file in walk(source.data_dir, &left_out)? {
        let to = format!("data/{file}");
        // A certificate that was replaced meanwhile is there under its new name; one that is gone is not needed.
        if copy(&source.data_dir.join(&file), &part.join(&to), Absent::Skip)? {
            manifest.add(part, &to)?;
        }
    }
    if let Some(config) = source.config {
        copy(config, &part.join("config/collector.toml"), Absent::Fail)?;
        manifest.add(part, "config/collector.toml")?;
    }
    manifest.write(part)
}

/// Renews the file that tells when the last backup was made. Replaced, not written into: whoever may make backups here may
/// also do this, whoever did it before.
///
/// # Errors
/// The file cannot be written.
pub fn mark(file: &Path, made: &Path) -> Result<(), BackupError> {
    if let Some(folder) = file.parent().filter(|folder| !folder.exists()) {
        private_folder(folder)?;
    }
    let text = made.display().to_string();
    write_private(file, text.as_bytes()).map_err(|error| fault(file)(io::Error::other(error)))
}

/// Removes all backups of `folder` but the newest `keep`, and what was left unfinished. Returns what was removed.
///
/// # Errors
/// What cannot be listed or removed.
pub fn prune(folder: &Path, keep: usize) -> Result<Vec<PathBuf>, BackupError> {
    let mut whole = Vec::new();
    let mut removed = Vec::new();
    for entry in fs::read_dir(folder).map_err(fault(folder))? {
        let path = entry.map_err(fault(folder))?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let ours = name.starts_with(PREFIX) && path.is_dir();
        if ours && name.ends_with(UNFINISHED) {
            removed.push(path);
        } else if ours && path.join(LIST).is_file() {
            whole.push(path);
        }
    }
    whole.sort();
    whole.truncate(whole.len().saturating_sub(keep));
    removed.append(&mut whole);
    for path in &removed {
        fs::remove_dir_all(path).map_err(fault(path))?;
    }
    Ok(removed)
}

/// Reads a backup and every file in it.
///
/// # Errors
/// Everything that is missing, changed, or not on its list.
pub fn verify(backup: &Path) -> Result<Manifest, BackupError> {
    let manifest = Manifest::read(backup)?;
    manifest.check(backup)?;
    Ok(manifest)
}

/// Puts a backup in the place of a collector that is lost: files into an empty data folder, the store to where the
/// configuration says. Nothing is written before the whole backup was checked.
///
/// # Errors
/// A backup that is not whole, a place that is taken, and what cannot be written.
pub fn restore(backup: &Path, data_dir: &Path, store: &StoreUrl) -> Result<Manifest, BackupError> {
    let manifest = verify(backup)?;
    refuse_occupied(data_dir)?;
    private_folder(data_dir)?;
    let _alone = crate::data::DataDir::take(data_dir)?;
    for entry in &manifest.files {
        if let Some(name) = entry.path.strip_prefix("data/") {
            copy(&backup.join(&entry.path), &data_dir.join(name), Absent::Fail)?;
        }
    }
    // Last: a folder without a store is none that a collector was ever started on.
    let kept = backup.join(STORE);
    match deskwarden_store::file_of(store.reveal())? {
        Some(file) => {
            if file.exists() {
                return Err(BackupError::Occupied {
                    folder: data_dir.to_owned(),
                    found: file.display().to_string(),
                });
            }
            copy(&kept, &file, Absent::Fail)?;
        }
        None => {
            let from = format!("sqlite:{}", scratch(&kept, data_dir)?.display());
            let done = deskwarden_store::transfer(&from, store.reveal(), &mut |_| {});
            fs::remove_dir_all(data_dir.join(SCRATCH)).map_err(fault(data_dir))?;
            done?;
        }
    }
    Ok(manifest)
}

/// Where a copy of the store lies while it goes to a server: opening the backup itself would change it.
const SCRATCH: &str = "restoring";

fn scratch(kept: &Path, data_dir: &Path) -> Result<PathBuf, BackupError> {
    let copied = data_dir.join(SCRATCH).join(STORE);
    copy(kept, &copied, Absent::Fail)?;
    Ok(copied)
}

fn refuse_occupied(data_dir: &Path) -> Result<(), BackupError> {
    let entries = match fs::read_dir(data_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fault(data_dir)(error)),
    };
    for entry in entries {
        let name = entry.map_err(fault(data_dir))?.file_name();
        // An administrator may have put the configuration there first.
        if name != "collector.toml" && name != "collector.lock" {
            return Err(BackupError::Occupied {
                folder: data_dir.to_owned(),
                found: name.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
