//! Files and folders as a program keeps them for itself: made for SYSTEM and Administrators only, judged by owner and
//! rights. There is no group in between: whom an administrator gave rights is another.

use std::{
    fs::{File, Metadata, OpenOptions},
    io,
    os::windows::{
        fs::{MetadataExt as _, OpenOptionsExt as _},
        io::AsHandle as _,
    },
    path::Path,
};

use windows_sys::Win32::Storage::FileSystem::{FILE_FLAG_OPEN_REPARSE_POINT, READ_CONTROL, WRITE_DAC};

use super::{
    acl::{self, Descriptor},
    beneath::{Folder, create_folder},
    private::{ensure_private_dir, judged, refuse},
};
use crate::{PrivateError, Reach};

/// The file by which programs keep each other waiting: a folder itself cannot be locked here.
const TURN: &str = ".deskwarden-turn";

/// Makes a file that only SYSTEM and Administrators may read and write. It must not exist.
pub fn create_private(path: &Path) -> io::Result<File> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let rights = Descriptor::private(false)?;
    Folder::open(folder_of(path), 0)?.create(name, &rights)
}

/// Makes a copy's file, for SYSTEM and Administrators only.
pub fn create_private_as(path: &Path, _original: &Metadata) -> io::Result<File> {
    create_private(path)
}

/// Opens a file for reading and writing, and makes it private where there is none.
pub fn open_private(path: &Path) -> io::Result<File> {
    match create_private(path) {
        Ok(made) => drop(made),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    OpenOptions::new().read(true).write(true).open(path)
}

/// Makes a folder, and those above it, for SYSTEM and Administrators only. One that is there is left as it is.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        create_private_dir(above)?;
    }
    match create_folder(path, &Descriptor::private(true)?) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        done => done,
    }
}

/// Closes a folder to all others; refuses one that others may change.
pub fn shut(path: &Path) -> Result<(), PrivateError> {
    ensure_private_dir(path)
}

/// Takes a file that holds nothing yet away from everybody but SYSTEM and Administrators.
pub fn shut_file(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new()
        .access_mode(READ_CONTROL | WRITE_DAC)
        .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
        .open(path)?;
    acl::replace(file.as_handle(), &Descriptor::private(false)?)
}

/// Refuses an open file that belongs to somebody else, or that others may read or change.
pub fn check_file(path: &Path, file: &File, _reach: Reach) -> Result<(), PrivateError> {
    let found = judged(path, file.as_handle())?;
    if found.read_by_others {
        return refuse(
            path,
            "can be read by others",
            "give rights to SYSTEM and Administrators only",
        );
    }
    Ok(())
}

/// Refuses a folder that is not ours alone; one that others may only read is closed to them.
pub fn check_folder(path: &Path) -> Result<(), PrivateError> {
    ensure_private_dir(path)
}

/// Nothing: the file system puts names on disk by itself, together with the file that was flushed under them.
pub fn sync_dir(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Keeps other programs that ask for the same folder waiting until the answer is dropped.
pub fn lock_folder(path: &Path) -> io::Result<File> {
    let turn = open_private(&path.join(TURN))?;
    turn.lock()?;
    Ok(turn)
}

/// What tells a file from another one that took its place: the system numbers them, but tells the number to few.
pub fn file_number(about: &Metadata) -> u64 {
    about.file_size()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_private_and_what_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("一\\home");
        create_private_dir(&home).unwrap();
        check_folder(&home).unwrap();
        let path = home.join("key");
        drop(create_private(&path).unwrap());
        let again = create_private(&path).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        let file = open_private(&path).unwrap();
        check_file(&path, &file, Reach::Owner).unwrap();
        let turn = lock_folder(&home).unwrap();
        assert!(turn.try_lock().is_err() || turn.unlock().is_ok());
    }
}
