//! Linux: each part in a file of its own.

mod descriptors;
mod end;
mod heap;
mod own_files;
mod private;

use std::{io, path::Path};

use crate::Room;

pub use crate::no_service::{Service, log_event, serve};
pub use descriptors::raise_open_files;
pub use end::Ends;
pub use heap::{keep_heap_small, release_heap};
pub use own_files::{
    check_file, check_folder, create_private, create_private_as, create_private_dir, file_number,
    lock_folder, open_private, shut, shut_file, sync_dir,
};
pub use private::{ensure_private_dir, publish, read_trusted, write_private};

/// Nothing to do here: where libraries come from is decided when the program is linked, and by the system's own paths.
pub fn guard_libraries() {}

/// Packages say where a program's files are; there is no folder of the system for them.
pub fn program_data() -> Option<std::path::PathBuf> {
    None
}

/// Name of this machine.
pub fn machine_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Room of the disk that holds a folder.
pub fn room(folder: &Path) -> io::Result<Room> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(Room {
        free: found.f_bavail.saturating_mul(found.f_frsize),
        total: found.f_blocks.saturating_mul(found.f_frsize),
    })
}
