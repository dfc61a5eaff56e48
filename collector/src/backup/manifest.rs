//! The list of what is in a backup: what it came from, and size and SHA-256 of every file, so that `sha256sum` can check
//! it too.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{Read as _, Write as _},
    path::{Component, Path},
};

use data_encoding::HEXLOWER;
use deskwarden_domain::model::Millis;
use deskwarden_system::create_private;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::clock;

use super::{
    BackupError, fault,
    files::{sync_folder, walk},
};

/// Name of the list.
pub(super) const LIST: &str = "backup.json";
/// Name of the store's file.
pub(super) const STORE: &str = "store.db";
/// Format of the list.
const FORMAT: u32 = 1;
/// More than any list needs, in bytes.
const MOST: u64 = 16 << 20;

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Path within the backup, with `/`.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// Version of the collector that made it.
    pub version: String,
    /// When it was made, RFC 3339.
    pub made_at: String,
    /// Kind of store that it came from: `sqlite` or `postgres`. The copy is a SQLite file either way.
    pub store: String,
    /// Its files.
    pub files: Vec<Entry>,
}

impl Manifest {
    pub(super) fn new(now: Millis, store: &str) -> Self {
        let kind = if store.starts_with("sqlite:") {
            "sqlite"
        } else {
            "postgres"
        };
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made_at: clock::rfc3339(now),
            store: kind.to_owned(),
            files: Vec::new(),
        }
    }

    /// Adds a file that was copied.
    pub(super) fn add(&mut self, folder: &Path, path: &str) -> Result<(), BackupError> {
        let (bytes, sha256) = digest(&folder.join(path))?;
        self.files.push(Entry {
            path: path.to_owned(),
            bytes,
            sha256,
        });
        Ok(())
    }

    /// Writes the list, durably: what has one is whole.
    pub(super) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let path = folder.join(LIST);
        let text = serde_json::to_vec_pretty(self).map_err(|error| fault(&path)(error.into()))?;
        create_private(&path)
            .and_then(|mut file| {
                file.write_all(&text)?;
                file.sync_all()
            })
            .map_err(fault(&path))?;
        sync_folder(folder)
    }

    /// Reads the list.
    pub(super) fn read(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(LIST);
        let mut text = Vec::new();
        let file = File::open(&path).map_err(fault(&path))?;
        file.take(MOST).read_to_end(&mut text).map_err(fault(&path))?;
        let found: Self = serde_json::from_slice(&text).map_err(|error| fault(&path)(error.into()))?;
        if found.format != FORMAT {
            return Err(not_whole(
                folder,
                vec![format!(
                    "{LIST} has format {}, this build knows {FORMAT}",
                    found.format
                )],
            ));
        }
        Ok(found)
    }

    /// Looks at every file.
    pub(super) fn check(&self, folder: &Path) -> Result<(), BackupError> {
        let mut faults = Vec::new();
        let listed: BTreeSet<&str> = self.files.iter().map(|entry| entry.path.as_str()).collect();
        if !listed.contains(STORE) {
            faults.push(format!("{LIST} names no {STORE}"));
        }
        for entry in &self.files {
            if !is_inside(&entry.path) {
                faults.push(format!(
                    "{LIST} names {:?}, which is no path within a backup",
                    entry.path
                ));
                continue;
            }
            match digest(&folder.join(&entry.path)) {
                Ok((bytes, sha256)) if bytes == entry.bytes && sha256 == entry.sha256 => {}
                Ok(_) => faults.push(format!("{} was changed after the backup was made", entry.path)),
                Err(error) => faults.push(error.to_string()),
            }
        }
        for there in walk(folder, &|_| false)? {
            if there != LIST && !listed.contains(there.as_str()) {
                faults.push(format!("{there} is not on the list"));
            }
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(not_whole(folder, faults))
        }
    }
}

fn not_whole(folder: &Path, faults: Vec<String>) -> BackupError {
    BackupError::NotWhole {
        folder: folder.to_owned(),
        faults,
    }
}

/// A path that stays where the backup is.
fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

/// What is made anew by every start, or is the database itself.
pub(super) fn is_temporary(path: &Path, database: Option<&Path>) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let of_database = database.is_some_and(|database| {
        let stem = database
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        path.parent() == database.parent()
            && [stem, &format!("{stem}-wal"), &format!("{stem}-shm")].contains(&name)
    });
    of_database || name == "collector.lock" || name == ".deskwarden-turn" || name.ends_with(".new")
}

fn digest(path: &Path) -> Result<(u64, String), BackupError> {
    // Not through a link: it may lead anywhere.
    let about = fs::symlink_metadata(path).map_err(fault(path))?;
    if !about.is_file() {
        return Err(fault(path)(std::io::Error::other("it is no regular file")));
    }
    let mut file = File::open(path).map_err(fault(path))?;
    let mut context = Context::new(&SHA256);
    let mut piece = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut piece).map_err(fault(path))?;
        let Some(part) = piece.get(..read).filter(|part| !part.is_empty()) else {
            return Ok((bytes, HEXLOWER.encode(context.finish().as_ref())));
        };
        bytes += read as u64;
        context.update(part);
    }
}
