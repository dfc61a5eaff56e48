//! The root of the file system that is looked at: the running one, or a folder that holds another. Opens what is below
//! it, bounded, and no file that is only a pointer to another. Knows no file format.

use std::{
    ffi::OsString,
    fs::{File, Metadata, OpenOptions},
    hash::{DefaultHasher, Hasher},
    io::{self, ErrorKind, Read as _},
    os::windows::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use deskwarden_parse::registry::unix_seconds;
use windows_sys::Win32::{
    Foundation::{ERROR_DIRECTORY, ERROR_INVALID_NAME, ERROR_SHARING_VIOLATION},
    Storage::FileSystem::{
        FILE_ATTRIBUTE_REPARSE_POINT, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
    },
};

use super::parts::Parts;
use crate::Unavailable;

/// A file-system root. Paths given to it are relative to it, or begin with a drive, which counts on the running
/// system only.
#[derive(Clone, Debug)]
pub struct Root {
    path: PathBuf,
    host: bool,
}

impl Root {
    /// The running system.
    pub fn host() -> Self {
        Self {
            path: PathBuf::from(system_drive()),
            host: true,
        }
    }

    /// Another system's files below a folder.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            host: false,
        }
    }

    /// Whether this is the running system, so that the system may be asked too.
    pub fn is_host(&self) -> bool {
        self.host
    }

    /// Where `path` lies for people and for watches.
    pub fn display(&self, path: &str) -> PathBuf {
        let path = path.replace('/', "\\");
        let drive = path.get(1..3) == Some(":\\");
        let below = if drive {
            path.get(3..).unwrap_or_default()
        } else {
            path.trim_start_matches('\\')
        };
        if drive && self.host {
            return PathBuf::from(path);
        }
        self.path.join(below)
    }

    /// The content of a regular file; `None` where there is none. A file above `max` bytes fails.
    pub fn read_limited(&self, path: &str, max: usize) -> Result<Option<Vec<u8>>, Unavailable> {
        let Some((file, found)) = self.open(path)? else {
            return Ok(None);
        };
        let place = self.display(path);
        let place = place.display();
        if !found.is_file() {
            return Err(Unavailable::Failed(format!(
                "{place}: not a regular file, not read"
            )));
        }
        let mut bytes = Vec::new();
        let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
        match file.take(limit).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() > max => Err(Unavailable::Failed(format!(
                "{place}: larger than {max} bytes, not read"
            ))),
            Ok(_) => Ok(Some(bytes)),
            Err(error) => Err(self.unavailable(path, &error)),
        }
    }

    /// Names in a folder, sorted; `None` where there is none. More than `max` entries fail.
    pub fn list(&self, path: &str, max: usize) -> Result<Option<Vec<OsString>>, Unavailable> {
        let entries = match std::fs::read_dir(self.display(path)) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(self.unavailable(path, &error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.unavailable(path, &error))?;
            if names.len() == max {
                let place = self.display(path);
                return Err(Unavailable::Failed(format!(
                    "{}: more than {max} entries, not read",
                    place.display()
                )));
            }
            names.push(entry.file_name());
        }
        names.sort_unstable();
        Ok(Some(names))
    }

    /// Whether something is there; what cannot be reached is not.
    pub fn exists(&self, path: &str) -> bool {
        self.display(path).exists()
    }

    /// Whether something is there; unlike [`Self::exists`], a missing right is told.
    pub(crate) fn probe(&self, path: &str) -> Result<bool, Unavailable> {
        self.display(path)
            .try_exists()
            .map_err(|error| self.unavailable(path, &error))
    }

    /// When a file or folder was written, in Unix seconds; `None` where it cannot be told.
    pub(super) fn modified(&self, path: &str) -> Option<i64> {
        let found = std::fs::symlink_metadata(self.display(path)).ok()?;
        unix_seconds(found.last_write_time())
    }

    /// Where a symbolic link points, unresolved; `None` for anything else.
    pub fn read_link(&self, path: &str) -> Option<PathBuf> {
        std::fs::read_link(self.display(path)).ok()
    }

    /// A regular file, to read parts of; `None` where there is none.
    pub(super) fn open_file(&self, path: &str) -> Result<Option<Parts>, Unavailable> {
        let Some((file, found)) = self.open(path)? else {
            return Ok(None);
        };
        if !found.is_file() {
            let place = self.display(path);
            return Err(Unavailable::Failed(format!(
                "{}: not a regular file, not read",
                place.display()
            )));
        }
        let parts = Parts::new(file).map_err(|error| self.unavailable(path, &error))?;
        Ok(Some(parts))
    }

    /// Changes whenever one of the files or folders is changed, replaced, made or removed.
    pub fn stamp<'a>(&self, paths: impl IntoIterator<Item = &'a str>) -> u64 {
        let mut hasher = DefaultHasher::new();
        for path in paths {
            match std::fs::metadata(self.display(path)) {
                Ok(found) => {
                    hasher.write_u64(found.last_write_time());
                    hasher.write_u64(found.creation_time());
                    hasher.write_u64(found.file_size());
                }
                Err(error) => hasher.write_i32(error.raw_os_error().unwrap_or_default()),
            }
        }
        hasher.finish()
    }

    /// A file, and what it is. One that only points elsewhere is not followed: whoever may write here must not choose
    /// what is read.
    fn open(&self, path: &str) -> Result<Option<(File, Metadata)>, Unavailable> {
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS)
            .open(self.display(path))
            .and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Ok((found, _)) if found.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0 => {
                let place = self.display(path);
                Err(Unavailable::Failed(format!(
                    "{}: points elsewhere, not read",
                    place.display()
                )))
            }
            Ok((found, file)) => Ok(Some((file, found))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(self.unavailable(path, &error)),
        }
    }

    fn unavailable(&self, path: &str, error: &io::Error) -> Unavailable {
        let place = self.display(path);
        let place = place.display();
        let number = error.raw_os_error().and_then(|number| u32::try_from(number).ok());
        match error.kind() {
            ErrorKind::PermissionDenied => Unavailable::Denied(format!(
                "{place}: no right to read it; run the agent as a service"
            )),
            _ if number == Some(ERROR_SHARING_VIOLATION) => {
                Unavailable::Failed(format!("{place}: another program keeps it to itself"))
            }
            _ => Unavailable::Failed(format!("{place}: {error}")),
        }
    }
}

/// Drive that Windows runs from, as `C:\`.
fn system_drive() -> String {
    let folder = super::folder::system_folder();
    folder.get(..3).unwrap_or("C:\\").to_owned()
}

fn is_absent(error: &io::Error) -> bool {
    let number = error.raw_os_error().and_then(|number| u32::try_from(number).ok());
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || matches!(number, Some(ERROR_DIRECTORY | ERROR_INVALID_NAME))
}

/// The last part of a path of Windows.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or_default()
}

/// Whether a path is below a folder, however both are spelled.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    let (path, folder) = (Path::new(path), Path::new(folder));
    let mut path = path.components();
    folder.components().all(|part| {
        path.next()
            .is_some_and(|other| other.as_os_str().eq_ignore_ascii_case(part.as_os_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_read_up_to_the_bound_and_what_is_absent_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        fs::create_dir(folder.path().join("文件")).unwrap();
        fs::write(folder.path().join("文件/a.txt"), "12345").unwrap();
        assert_eq!(root.read_limited("文件\\a.txt", 5).unwrap().unwrap(), b"12345");
        assert_eq!(root.read_limited("C:\\文件/a.txt", 5).unwrap().unwrap(), b"12345");
        let refused = root.read_limited("文件/a.txt", 4).unwrap_err().to_string();
        assert!(refused.contains("larger than 4 bytes"), "{refused}");
        assert!(root.read_limited("文件", 5).is_err(), "a folder is no file");
        for absent in ["none", "文件/none", "文件/a.txt/none", "a?b", "none/a*"] {
            assert!(root.read_limited(absent, 5).unwrap().is_none(), "{absent}");
        }
    }

    #[test]
    fn a_folder_is_listed_in_order_and_up_to_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        for name in ["b", "a", "丙"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(root.list("", 3).unwrap().unwrap(), ["a", "b", "丙"]);
        assert!(root.list("", 2).is_err());
        assert!(root.list("none", 2).unwrap().is_none());
    }

    #[test]
    fn a_changed_file_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let before = root.stamp(["a"]);
        fs::write(folder.path().join("a"), "1").unwrap();
        let made = root.stamp(["a"]);
        fs::write(folder.path().join("a"), "12").unwrap();
        assert!(before != made && made != root.stamp(["a"]));
        let now = super::super::host::unix_now();
        assert!(root.modified("a").is_some_and(|at| (now - at).abs() < 60));
    }

    #[test]
    fn a_path_is_below_a_folder_however_both_are_spelled() {
        assert!(is_below("c:\\PROGRAM files\\a\\b.exe", "C:\\Program Files"));
        assert!(is_below("C:/Program Files/a.exe", "C:\\Program Files\\"));
        assert!(!is_below("C:\\Program Files (x86)\\a.exe", "C:\\Program Files"));
        assert!(!is_below("D:\\Program Files\\a.exe", "C:\\Program Files"));
        assert_eq!(file_name("C:\\a/微信.exe"), "微信.exe");
    }
}
