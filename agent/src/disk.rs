//! The few file operations that the outbox is built on, behind a trait so that a test can lose what was
//! not synced. Knows nothing of what is in the files.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

/// One folder of files. Nothing is durable before `sync` (contents) and `sync_folder` (names).
pub trait Disk: Send {
    /// The whole file, or `None` when there is none.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Exactly `length` bytes from `offset`.
    fn read_at(&self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>>;
    /// Creates or empties the file and writes it.
    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Adds to the end of an existing file.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Takes away what an existing file holds after `length`.
    fn cut(&mut self, name: &str, length: u64) -> io::Result<()>;
    /// Makes the file's contents durable.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Puts `from` in the place of `to`, which need not exist.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file that may be missing.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_folder(&mut self) -> io::Result<()>;
    /// Names of the files.
    fn names(&self) -> io::Result<Vec<String>>;
}

/// A folder of the real file system. Its privacy is the business of whoever made it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder must exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn existing(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().append(true).open(self.path.join(name))
    }
}

impl Disk for Folder {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read_at(&self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path.join(name))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        File::create(self.path.join(name))?.write_all(bytes)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.existing(name)?.write_all(bytes)
    }

    fn cut(&mut self, name: &str, length: u64) -> io::Result<()> {
        // What may only append may not cut everywhere.
        let file = OpenOptions::new().write(true).open(self.path.join(name))?;
        file.set_len(length)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.existing(name)?.sync_all()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        match File::open(&self.path) {
            Ok(folder) => folder.sync_all(),
            // Systems on which a folder cannot be opened journal their names by themselves.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}
