//! Files and folders that only their owner may see: keys, tokens, the outbox. Writes whole or not at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::PrivateError;

/// Replaces a file by one that only the owner may read and write. A crash leaves the old file or the new
/// one, on disk, never a part.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), PrivateError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| {
        fault(
            path,
            "write",
            io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"),
        )
    })?;
    let mut temporary = name.to_owned();
    temporary.push(format!(
        ".{}-{}.tmp",
        std::process::id(),
        COUNTER.fetch_add(1, Ordering::Relaxed)
    ));
    let temporary = folder.join(temporary);
    let written = write_new(&temporary, bytes)
        .map_err(|source| fault(&temporary, "write", source))
        .and_then(|()| fs::rename(&temporary, path).map_err(|source| fault(path, "replace", source)));
    if written.is_err() {
        fs::remove_file(&temporary).ok();
        return written;
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| fault(folder, "sync", source))
}

/// Makes a folder that only the owner may enter, or accepts one that is so already. Refuses a folder of
/// another owner, one that others may write, and a symbolic link.
pub fn ensure_private_dir(path: &Path) -> Result<(), PrivateError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(|source| fault(parent, "create the folder", source))?;
            }
            DirBuilder::new()
                .mode(0o700)
                .create(path)
                .map_err(|source| fault(path, "create the folder", source))?;
            return Ok(());
        }
        Err(source) => return Err(fault(path, "create the folder", source)),
    }
    let metadata = fs::symlink_metadata(path).map_err(|source| fault(path, "look at the folder", source))?;
    let refuse = |fault: &str, remedy: String| {
        Err(PrivateError::NotPrivate {
            path: path.to_owned(),
            fault: fault.to_owned(),
            remedy,
        })
    };
    if !metadata.is_dir() {
        return refuse(
            "is not a folder",
            "remove it or choose another data folder".to_owned(),
        );
    }
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != own {
        let remedy = format!("give it to user {own} with chown, or choose another data folder");
        return refuse(&format!("belongs to user {}", metadata.uid()), remedy);
    }
    if metadata.mode() & 0o022 != 0 {
        let remedy = format!("check its content, then run: chmod 700 {}", path.display());
        return refuse("can be written by others", remedy);
    }
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .map_err(|source| fault(path, "make the folder private", source))?;
    }
    Ok(())
}

static COUNTER: AtomicU64 = AtomicU64::new(0);

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn fault(path: &Path, action: &'static str, source: io::Error) -> PrivateError {
    PrivateError::Io {
        path: path.to_owned(),
        action,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_private_file_is_replaced_whole_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_private(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named_in_the_message() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_private(&folder.path().join("none/key"), b"x").unwrap_err();
        assert!(error.to_string().contains("none/key"), "{error}");
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/data");
        ensure_private_dir(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let message = ensure_private_dir(&path).unwrap_err().to_string();
        assert!(
            message.contains("can be written by others") && message.contains("chmod 700"),
            "{message}"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        ensure_private_dir(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn a_link_is_no_private_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("link")).unwrap();
        assert!(matches!(
            ensure_private_dir(&folder.path().join("link")),
            Err(PrivateError::NotPrivate { .. })
        ));
    }
}
