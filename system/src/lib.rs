//! What agent and collector need of the system that they are installed on, behind one set of signatures: files that
//! nobody else reads, a service of the system, its log, the request to end. Reads no facts: those are the platform's.

mod kept;
mod lines;
#[cfg(not(target_os = "windows"))]
mod no_service;
mod system_log;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as os;

#[cfg(target_os = "windows")]
mod windows;
#[cfg(target_os = "windows")]
use windows as os;

#[cfg(not(any(target_os = "linux", target_os = "windows")))]
mod unsupported;
#[cfg(not(any(target_os = "linux", target_os = "windows")))]
use unsupported as os;

pub use kept::{Gravity, PrivateError, Reach, Request, Room, ServiceKind, Trusted};
pub use lines::Lines;
pub use os::{
    Ends, Service, check_file, check_folder, create_private, create_private_as, create_private_dir,
    ensure_private_dir, file_number, guard_libraries, keep_heap_small, lock_folder, log_event, machine_name,
    open_private, program_data, publish, raise_open_files, read_trusted, release_heap, room, serve, shut,
    shut_file, sync_dir, write_private,
};
pub use system_log::SystemLog;
#[cfg(target_os = "windows")]
pub use windows::{dll, wide};

/// Waits until the service manager or a person at a terminal asks the program to end. Blocks.
pub fn wait_for_end() -> std::io::Result<()> {
    Ends::catch()?.wait();
    Ok(())
}
