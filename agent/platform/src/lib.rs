//! What differs per operating system, behind one set of signatures: the sources of facts, kernel events,
//! private files, the machine's hints. The only home of `cfg(target_os)`. Knows nothing of when a source
//! is read, of what was reported before, or of the wire: that is the agent's.

mod condition;
mod gather;
mod hardware;
mod hints;
mod known;
mod memory;
#[cfg(not(target_os = "windows"))]
mod no_service;
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

pub use os::{
    KernelEvents, REPLACES_RUNNING, Root, Service, Stopper, boot_id, cpu_us, ensure_private_dir,
    guard_libraries, host_hints, is_privileged, keep_heap_small, kernel_events, log_event, monotonic_ms,
    places, publish, read_trusted, release_memory, samples, serve, sources, wait_for_end, write_private,
};
pub use own::{Gravity, Places, Request};
pub use source::{
    Fact, KernelEvent, PrivateError, Reading, Seen, Source, SourceId, Trusted, Unavailable, WatchPath,
    Watched,
};

/// Operating system and processor of this build, as `linux-x86_64`.
pub fn platform_name() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}
