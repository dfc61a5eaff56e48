//! What differs per operating system, behind one set of signatures: the sources of facts, kernel events,
//! the machine's hints. The only home of `cfg(target_os)`. Knows nothing of when a source
//! is read, of what was reported before, or of the wire: that is the agent's.

mod condition;
mod gather;
mod hardware;
mod hints;
mod known;
mod memory;
mod own;
mod proxy;
#[cfg(any(target_os = "windows", test))]
mod roll_out;
mod source;

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

pub use deskwarden_system::{
    Gravity, Lines, PrivateError, Request, Service, SystemLog, Trusted, ensure_private_dir, guard_libraries,
    keep_heap_small, publish, read_trusted, wait_for_end, write_private,
};
pub use os::{
    KernelEvents, REPLACES_RUNNING, Root, Stopper, boot_id, cpu_us, host_hints, is_privileged, kernel_events,
    monotonic_ms, places, samples, sources,
};
pub use own::{LOG, Places, log_event, serve};
pub use source::{Fact, KernelEvent, Reading, Seen, Source, SourceId, Unavailable, WatchPath, Watched};

/// Operating system and processor of this build, as `linux-x86_64`.
pub fn platform_name() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

/// Gives memory that is not in use back to the system: for the rest between two looks.
pub fn release_memory() {
    deskwarden_system::release_heap();
    #[cfg(target_os = "windows")]
    os::give_up_pages();
}
