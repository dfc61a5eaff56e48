//! The data folder: private, and used by one running collector at a time.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use deskwarden_system::{create_private_dir, open_private, shut};

/// Name of the lock's file.
const LOCK: &str = "collector.lock";

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It cannot be made or read.
    #[error("the data folder {} cannot be used: {source}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It belongs to a collector that runs.
    #[error("another collector{} runs on the data folder {}; stop it, or give this one a folder of its own", with_pid(.pid), .folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
        /// Process id of the other one, where known.
        pid: Option<u32>,
    },
}

fn with_pid(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

/// A data folder that belongs to this process until this is dropped.
#[derive(Debug)]
pub struct DataDir {
    _lock: File,
}

impl DataDir {
    /// Makes the folder if it is not there, closes it to others, and takes it for this process.
    pub fn take(folder: &Path) -> Result<Self, DataError> {
        let fault = |source| DataError::Folder {
            folder: folder.to_owned(),
            source,
        };
        create_private_dir(folder).map_err(fault)?;
        shut(folder).map_err(|error| fault(error.into_io()))?;
        let path = folder.join(LOCK);
        let mut lock = open_private(&path).map_err(fault)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&path)
                    .ok()
                    .and_then(|text| text.trim().parse().ok());
                return Err(DataError::Busy {
                    folder: folder.to_owned(),
                    pid,
                });
            }
            Err(TryLockError::Error(error)) => return Err(fault(error)),
        }
        // The number is only shown to people; the lock itself is what counts.
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(fault)?;
        Ok(Self { _lock: lock })
    }

    /// Takes a folder if it is one that a collector has had: nobody may start one in it meanwhile.
    pub fn take_if_used(folder: &Path) -> Result<Option<Self>, DataError> {
        if folder.join(LOCK).exists() {
            Self::take(folder).map(Some)
        } else {
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_second_collector_on_the_same_folder_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data");
        let first = DataDir::take(&folder).unwrap();
        let error = DataDir::take(&folder).unwrap_err();
        assert!(
            matches!(error, DataError::Busy { pid: Some(pid), .. } if pid == std::process::id()),
            "{error}"
        );
        drop(first);
        assert!(DataDir::take(&folder).is_ok());
    }

    #[test]
    fn the_folder_is_closed_to_others() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let _held = DataDir::take(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o750);
    }
}
