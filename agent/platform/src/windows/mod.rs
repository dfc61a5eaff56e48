//! Windows: its own place on the system, its service, and what it knows of the machine.

mod acl;
mod beneath;
mod end;
mod event_log;
mod installer;
mod places;
mod private;
mod privileges;
mod service;
mod wide;

pub use end::wait_for_end;
pub use event_log::log_event;
pub use places::places;
pub use private::{ensure_private_dir, publish, read_trusted, write_private};
pub use service::{Service, serve};

pub use crate::unsupported::{
    KernelEvents, Root, Stopper, boot_id, cpu_us, host_hints, is_privileged, keep_heap_small, kernel_events,
    monotonic_ms, release_memory, samples, sources,
};
