//! Files and folders that only their owner may see: keys, tokens, the outbox. Writes whole or not at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::fs::{Mode, OFlags};

use crate::{PrivateError, Trusted};

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

/// Replaces a file by one that everybody on this PC may read and only the owner may write.
pub fn publish(path: &Path, bytes: &[u8]) -> Result<(), PrivateError> {
    write_private(path, bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
        .map_err(|source| fault(path, "open up", source))
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

/// Reads a file that says whom to trust; `None` when there is none. Refuses one of another owner or one that others
/// may write, a symbolic link, and more than `max` bytes.
pub fn read_trusted(path: &Path, max: usize) -> Result<Option<Trusted>, PrivateError> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::RDONLY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
        Err(error) => return Err(fault(path, "open the file", error.into())),
    };
    // What was opened is what is judged: the name may show another file by now.
    let metadata = file
        .metadata()
        .map_err(|source| fault(path, "look at the file", source))?;
    let refuse = |fault: &str, remedy: &str| {
        Err(PrivateError::NotPrivate {
            path: path.to_owned(),
            fault: fault.to_owned(),
            remedy: remedy.to_owned(),
        })
    };
    let own = rustix::process::geteuid().as_raw();
    if !metadata.is_file() {
        return refuse("is not a file", "put a plain file there");
    }
    if metadata.uid() != own && metadata.uid() != 0 {
        return refuse(
            "belongs to another user",
            "check its content, then give it to root with chown",
        );
    }
    if metadata.mode() & 0o022 != 0 {
        return refuse(
            "can be written by others",
            "check its content, then run chmod 600 on it",
        );
    }
    let mut bytes = Vec::new();
    file.take(max as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| fault(path, "read", source))?;
    if bytes.len() > max {
        return refuse("is too large", "put the file there that was meant");
    }
    let others_can_read = metadata.mode() & 0o044 != 0;
    Ok(Some(Trusted {
        bytes,
        others_can_read,
    }))
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

    #[test]
    fn a_file_that_others_can_write_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("enrol.toml");
        assert_eq!(read_trusted(&path, 64).unwrap(), None);
        fs::write(&path, "secret").unwrap();
        for (mode, others_can_read) in [(0o600, false), (0o644, true), (0o640, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = read_trusted(&path, 64).unwrap().unwrap();
            assert_eq!(
                (read.bytes.as_slice(), read.others_can_read),
                (b"secret".as_slice(), others_can_read)
            );
            assert!(!format!("{read:?}").contains("115"), "{read:?}");
        }
        for mode in [0o620, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let message = read_trusted(&path, 64).unwrap_err().to_string();
            assert!(message.contains("can be written by others"), "{message}");
        }
    }

    #[test]
    fn a_link_a_folder_and_a_large_file_are_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, [b'x'; 65]).unwrap();
        assert!(
            read_trusted(&path, 64)
                .unwrap_err()
                .to_string()
                .contains("too large")
        );
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(read_trusted(&link, 100), Err(PrivateError::Io { .. })));
        assert!(read_trusted(folder.path(), 100).is_err());
    }
}
