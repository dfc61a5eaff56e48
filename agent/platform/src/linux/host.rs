//! The running machine itself: boot, clock, rights, and hints by which a person recognises it.

use deskwarden_proto::v1::HostHints;

use super::Root;

/// Identity of this boot; empty where the kernel does not tell.
pub fn boot_id() -> String {
    Root::host()
        .read_limited("proc/sys/kernel/random/boot_id", 100)
        .ok()
        .flatten()
        .map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
        .unwrap_or_default()
}

/// Milliseconds since boot, sleep included.
pub fn monotonic_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let millis = u64::try_from(now.tv_nsec / 1_000_000).unwrap_or_default();
    seconds.saturating_mul(1_000).saturating_add(millis)
}

/// Whether this process may read everything.
pub fn is_privileged() -> bool {
    rustix::process::geteuid().is_root()
}

/// What helps a person to recognise the PC. Never identity.
pub fn host_hints(root: &Root) -> HostHints {
    let _ = root;
    HostHints::default()
}
