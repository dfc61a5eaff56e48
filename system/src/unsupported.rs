//! Operating systems that nobody tried yet: the same signatures, each saying so.

use std::{
    convert::Infallible,
    fs::{File, Metadata},
    io,
    path::{Path, PathBuf},
};

pub use crate::no_service::{Service, log_event, serve};
use crate::{PrivateError, Reach, Room, Trusted};

/// Never made here.
#[derive(Debug)]
pub struct Ends(Infallible);

impl Ends {
    /// Refuses: nothing tells this build when to end.
    pub fn catch() -> io::Result<Self> {
        Err(refused())
    }

    /// Never called.
    pub fn wait(self) {
        match self.0 {}
    }
}

/// Nothing to do that is known here.
pub fn guard_libraries() {}

/// Nothing to do that is known here.
pub fn keep_heap_small() {}

/// Nothing to do that is known here.
pub fn release_heap() {}

/// Unknown.
pub fn program_data() -> Option<PathBuf> {
    None
}

/// Unknown.
pub fn machine_name() -> String {
    String::new()
}

/// Always unsupported.
pub fn room(_folder: &Path) -> io::Result<Room> {
    Err(refused())
}

/// Always unsupported.
pub fn raise_open_files() -> io::Result<Option<u64>> {
    Err(refused())
}

/// Refuses: without owner-only files there is no private file.
pub fn create_private(_path: &Path) -> io::Result<File> {
    Err(refused())
}

/// Refuses: without owner-only files there is no private copy.
pub fn create_private_as(_path: &Path, _original: &Metadata) -> io::Result<File> {
    Err(refused())
}

/// Refuses: without owner-only files there is no private file.
pub fn open_private(_path: &Path) -> io::Result<File> {
    Err(refused())
}

/// Refuses: without owner-only folders there is no private folder.
pub fn create_private_dir(_path: &Path) -> io::Result<()> {
    Err(refused())
}

/// Refuses: without owners nothing is private.
pub fn shut(path: &Path) -> Result<(), PrivateError> {
    Err(unsupported(path))
}

/// Refuses: without owners nothing is private.
pub fn shut_file(_path: &Path) -> io::Result<()> {
    Err(refused())
}

/// Refuses: who reaches it is not known without owners.
pub fn check_file(path: &Path, _file: &File, _reach: Reach) -> Result<(), PrivateError> {
    Err(unsupported(path))
}

/// Refuses: who reaches it is not known without owners.
pub fn check_folder(path: &Path) -> Result<(), PrivateError> {
    Err(unsupported(path))
}

/// Always unsupported.
pub fn sync_dir(_path: &Path) -> io::Result<()> {
    Err(refused())
}

/// Always unsupported.
pub fn lock_folder(_path: &Path) -> io::Result<File> {
    Err(refused())
}

/// Its length: nothing better is known here.
pub fn file_number(about: &Metadata) -> u64 {
    about.len()
}

/// Refuses: without owner-only files there is no private write.
pub fn write_private(path: &Path, _bytes: &[u8]) -> Result<(), PrivateError> {
    Err(unsupported(path))
}

/// Refuses: whoever may read it is not known without owners.
pub fn publish(path: &Path, _bytes: &[u8]) -> Result<(), PrivateError> {
    Err(unsupported(path))
}

/// Refuses: without owner-only folders there is no private folder.
pub fn ensure_private_dir(path: &Path) -> Result<(), PrivateError> {
    Err(unsupported(path))
}

/// Refuses: whom to trust is not known without owners.
pub fn read_trusted(path: &Path, _max: usize) -> Result<Option<Trusted>, PrivateError> {
    Err(unsupported(path))
}

fn unsupported(path: &Path) -> PrivateError {
    PrivateError::Io {
        path: path.to_owned(),
        action: "keep private",
        source: refused(),
    }
}

fn refused() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this system has no support for it yet",
    )
}
