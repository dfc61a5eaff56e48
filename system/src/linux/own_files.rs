//! Files and folders as a program keeps them for itself: made for the owner only, judged by owner and mode.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use crate::{PrivateError, Reach};

/// Makes a file that only the owner may read and write. It must not exist.
pub fn create_private(path: &Path) -> io::Result<File> {
    made(path, 0o600)
}

/// Makes a copy's file: the owner may do with it what he may do with the original, and nobody else anything.
pub fn create_private_as(path: &Path, original: &Metadata) -> io::Result<File> {
    made(path, original.mode() & 0o700)
}

/// Opens a file for reading and writing, and makes it for the owner only where there is none.
pub fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Makes a folder, and those above it, for the owner only. One that is there is left as it is.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Closes what is there to everybody but the owner and a group that he chose.
pub fn shut(path: &Path) -> Result<(), PrivateError> {
    let failed = |source| fault(path, "make private", source);
    let mode = fs::metadata(path).map_err(failed)?.mode();
    if mode & 0o007 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o770)).map_err(failed)?;
    }
    Ok(())
}

/// Takes a file that holds nothing yet away from everybody but its owner.
pub fn shut_file(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Refuses an open file that others than those of `reach` may read or change, and for nobody's eyes but the owner's
/// one that belongs to somebody else.
pub fn check_file(path: &Path, file: &File, reach: Reach) -> Result<(), PrivateError> {
    let about = file
        .metadata()
        .map_err(|source| fault(path, "look at the file", source))?;
    match reach {
        Reach::Owner => {
            owned_by(path, &about, rustix::process::geteuid().as_raw())?;
            closed(path, &about, 0o077, "600")
        }
        Reach::Group => closed(path, &about, 0o007, "640"),
    }
}

/// Refuses a folder that is not the owner's alone.
pub fn check_folder(path: &Path) -> Result<(), PrivateError> {
    let about = fs::symlink_metadata(path).map_err(|source| fault(path, "look at the folder", source))?;
    owned_by(path, &about, rustix::process::geteuid().as_raw())?;
    closed(path, &about, 0o077, "700")
}

/// Puts the names in a folder on disk.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Keeps other programs that ask for the same folder waiting until the answer is dropped. Where the file system knows
/// no such locks, nobody waits.
pub fn lock_folder(path: &Path) -> io::Result<File> {
    let folder = File::open(path)?;
    match folder.lock() {
        Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
        _ => Ok(folder),
    }
}

/// What tells a file from another one that took its place.
pub fn file_number(about: &Metadata) -> u64 {
    about.ino()
}

fn made(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
}

fn closed(path: &Path, about: &Metadata, others: u32, wanted: &str) -> Result<(), PrivateError> {
    if about.mode() & others == 0 {
        return Ok(());
    }
    Err(PrivateError::NotPrivate {
        path: path.to_owned(),
        fault: format!("can be read by other users (mode {:o})", about.mode() & 0o777),
        remedy: format!("mend it with: chmod {wanted} {}", path.display()),
    })
}

fn owned_by(path: &Path, about: &Metadata, own: u32) -> Result<(), PrivateError> {
    if about.uid() == own {
        return Ok(());
    }
    let place = path.display();
    Err(PrivateError::NotPrivate {
        path: path.to_owned(),
        fault: format!(
            "belongs to user {}, but this program runs as user {own}",
            about.uid()
        ),
        remedy: format!("mend it with: chown {own} {place} && chmod go-rwx {place}"),
    })
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

    #[test]
    fn a_file_of_another_owner_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        create_private(&path).unwrap();
        let about = fs::metadata(&path).unwrap();
        let error = owned_by(&path, &about, about.uid() + 1).unwrap_err().to_string();
        assert!(error.contains("a.key") && error.contains("chown"), "{error}");
    }

    #[test]
    fn what_is_made_is_the_owners_alone_and_what_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (home, path) = (folder.path().join("a/b"), folder.path().join("a/b/key"));
        create_private_dir(&home).unwrap();
        check_folder(&home).unwrap();
        let file = create_private(&path).unwrap();
        assert!(create_private(&path).is_err(), "it is there");
        check_file(&path, &file, Reach::Owner).unwrap();
        let open = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        open(0o640);
        check_file(&path, &file, Reach::Group).unwrap();
        let refused = check_file(&path, &file, Reach::Owner).unwrap_err().to_string();
        assert!(
            refused.contains("chmod 600") && refused.contains("key"),
            "{refused}"
        );
        open(0o644);
        assert!(check_file(&path, &file, Reach::Group).is_err());
        shut(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    }
}
