//! Files and folders that only SYSTEM and Administrators may see: keys, tokens, the outbox. Writes whole or not at
//! all; follows no junction and no link.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::windows::{fs::MetadataExt as _, io::AsHandle as _},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use deskwarden_parse::security_descriptor::{ADMINISTRATORS, SYSTEM};
use windows_sys::Win32::Storage::FileSystem::WRITE_DAC;

use super::{
    acl::{self, Descriptor},
    beneath::{Folder, create_folder, open_file},
};
use crate::{PrivateError, Trusted};

/// Replaces a file by one that only SYSTEM and Administrators may read and write. A crash leaves the old file or the
/// new one, never a part.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), PrivateError> {
    let parent = match path.parent() {
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
    let folder = Folder::open(parent, 0).map_err(|source| fault(parent, "open the folder", source))?;
    let rights = Descriptor::private(false).map_err(|source| fault(path, "make private", source))?;
    let mut temporary = name.to_owned();
    temporary.push(format!(
        ".{}-{}.tmp",
        std::process::id(),
        COUNTER.fetch_add(1, Ordering::Relaxed)
    ));
    let place = parent.join(&temporary);
    let mut file = folder
        .create(&temporary, &rights)
        .map_err(|source| fault(&place, "write", source))?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|source| fault(&place, "write", source))
        .and_then(|()| {
            folder
                .rename(&file, name)
                .map_err(|source| fault(path, "replace", source))
        });
    drop(file);
    if written.is_err() {
        fs::remove_file(&place).ok();
    }
    written
}

/// Replaces a file whose readers are those of its folder.
pub fn publish(path: &Path, bytes: &[u8]) -> Result<(), PrivateError> {
    write_private(path, bytes)
}

/// Makes a folder that only SYSTEM and Administrators may enter, or accepts one that is so already. Refuses a folder
/// of another owner, one that others may write, a junction and a link.
pub fn ensure_private_dir(path: &Path) -> Result<(), PrivateError> {
    let rights = Descriptor::private(true).map_err(|source| fault(path, "make private", source))?;
    let mut made = create_folder(path, &rights);
    if let (Err(error), Some(parent)) = (&made, path.parent())
        && error.kind() == io::ErrorKind::NotFound
    {
        fs::create_dir_all(parent).map_err(|source| fault(parent, "create the folder", source))?;
        made = create_folder(path, &rights);
    }
    match made {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(source) => return Err(fault(path, "create the folder", source)),
    }
    let folder = match Folder::open(path, 0) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            return refuse(
                path,
                &error.to_string(),
                "remove it or choose another data folder",
            );
        }
        Err(source) => return Err(fault(path, "look at the folder", source)),
    };
    let found = judged(path, folder.as_handle())?;
    if found.protected && !found.read_by_others {
        return Ok(());
    }
    Folder::open(path, WRITE_DAC)
        .and_then(|folder| acl::replace(folder.as_handle(), &rights))
        .map_err(|source| fault(path, "make the folder private", source))
}

/// Reads a file that says whom to trust; `None` when there is none. Refuses one of another owner or one that others
/// may write, a link, and more than `max` bytes.
pub fn read_trusted(path: &Path, max: usize) -> Result<Option<Trusted>, PrivateError> {
    let file = match open_file(path) {
        Ok(file) => file,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            return refuse(path, &error.to_string(), "put a plain file there");
        }
        Err(error) => return Err(fault(path, "open the file", error)),
    };
    // What was opened is what is judged: the name may show another file by now.
    let found = judged(path, file.as_handle())?;
    let bytes = read_all(&file, max).map_err(|source| fault(path, "read", source))?;
    match bytes {
        Some(bytes) => Ok(Some(Trusted {
            bytes,
            others_can_read: found.read_by_others,
        })),
        None => refuse(path, "is too large", "put the file there that was meant"),
    }
}

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// What was found of an owner and rights that are trusted.
pub(super) struct Judged {
    pub(super) protected: bool,
    pub(super) read_by_others: bool,
}

/// What is open, if it belongs to somebody who is trusted and nobody else may change it.
pub(super) fn judged(
    path: &Path,
    handle: std::os::windows::io::BorrowedHandle<'_>,
) -> Result<Judged, PrivateError> {
    let found = acl::read(handle).map_err(|source| fault(path, "read the rights", source))?;
    let own = acl::own_sid().map_err(|source| fault(path, "make private", source))?;
    let trusted = [SYSTEM, ADMINISTRATORS, own.as_str()];
    if !trusted.contains(&found.owner.as_str()) {
        let what = format!("belongs to {}", found.owner);
        return refuse(
            path,
            &what,
            "check its content, then give it to Administrators, or remove it",
        );
    }
    if let Some(sid) = found.changed_by_others(&trusted) {
        let who = if sid == "*" { "everybody" } else { sid };
        let what = format!("can be changed by {who}");
        return refuse(
            path,
            &what,
            "check its content, then give rights to SYSTEM and Administrators only",
        );
    }
    Ok(Judged {
        protected: found.protected,
        read_by_others: found.read_by_others(&trusted).is_some(),
    })
}

fn read_all(file: &File, max: usize) -> io::Result<Option<Vec<u8>>> {
    if file.metadata()?.file_size() > max as u64 {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(max as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= max).then_some(bytes))
}

pub(super) fn refuse<T>(path: &Path, fault: &str, remedy: &str) -> Result<T, PrivateError> {
    Err(PrivateError::NotPrivate {
        path: path.to_owned(),
        fault: fault.to_owned(),
        remedy: remedy.to_owned(),
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

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_private_file_is_replaced_as_a_whole_and_nobody_else_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("一\\home");
        ensure_private_dir(&home).unwrap();
        ensure_private_dir(&home).unwrap();
        let file = home.join("token");
        assert!(read_trusted(&file, 100).unwrap().is_none());
        for text in ["first", "second"] {
            write_private(&file, text.as_bytes()).unwrap();
            let found = read_trusted(&file, 100).unwrap().unwrap();
            assert_eq!(found.bytes, text.as_bytes());
            assert!(!found.others_can_read);
        }
        assert_eq!(names(&home), ["token"], "nothing else stays");
        let refused = read_trusted(&file, 3).map(drop).unwrap_err().to_string();
        assert!(refused.contains("too large"), "{refused}");
    }

    #[test]
    fn a_folder_that_everybody_may_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        ensure_private_dir(&home).unwrap();
        let open = Descriptor::from_text("D:P(A;OICI;FA;;;WD)").unwrap();
        let folder = Folder::open(&home, WRITE_DAC).unwrap();
        acl::replace(folder.as_handle(), &open).unwrap();
        let refused = ensure_private_dir(&home).unwrap_err().to_string();
        assert!(refused.contains("can be changed by S-1-1-0"), "{refused}");
    }

    #[test]
    fn a_folder_that_others_may_read_is_made_private() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let own = acl::own_sid().unwrap();
        let readable = Descriptor::from_text(&format!("D:P(A;OICI;FA;;;{own})(A;OICI;FR;;;WD)")).unwrap();
        create_folder(&home, &readable).unwrap();
        ensure_private_dir(&home).unwrap();
        let found = judged(&home, Folder::open(&home, 0).unwrap().as_handle()).unwrap();
        assert!(!found.read_by_others);
    }

    #[test]
    fn a_file_where_the_folder_belongs_is_refused_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        fs::write(&home, "mine").unwrap();
        let refused = ensure_private_dir(&home).unwrap_err().to_string();
        assert!(refused.contains("is not a folder"), "{refused}");
        assert_eq!(fs::read_to_string(&home).unwrap(), "mine");
        assert!(read_trusted(folder.path(), 100).is_err(), "a folder is no file");
    }
}
