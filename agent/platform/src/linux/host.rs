//! The running machine itself: boot, clock, rights, and hints by which a person recognises it.

use deskwarden_proto::v1::HostHints;

use super::{Root, network, part};
use crate::{Source, hints};

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

/// CPU that this process took so far, in microseconds.
pub fn cpu_us() -> Option<u64> {
    let taken = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(taken.tv_sec).ok()?;
    let micros = u64::try_from(taken.tv_nsec / 1_000).ok()?;
    Some(seconds.saturating_mul(1_000_000).saturating_add(micros))
}

/// Whether this process may read everything.
pub fn is_privileged() -> bool {
    rustix::process::geteuid().is_root()
}

/// What helps a person to recognise the PC. Never identity. What cannot be read is missing.
pub fn host_hints(root: &Root) -> HostHints {
    let mut hints = HostHints {
        hostname: hostname(root),
        ..HostHints::default()
    };
    for source in [
        &part::Smbios as &dyn Source,
        &part::Disks,
        &network::Netlink::default(),
    ] {
        for fact in source.read(root).facts {
            hints::add(&mut hints, fact);
        }
    }
    hints
}

fn hostname(root: &Root) -> String {
    if root.is_host() {
        return rustix::system::uname().nodename().to_string_lossy().into_owned();
    }
    let bytes = root
        .read_limited("etc/hostname", 4_096)
        .ok()
        .flatten()
        .unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_come_from_parts_that_stay_in_the_pc() {
        let disk = |serial: &str, removable| Part {
            class: PartClass::Disk.into(),
            serial: serial.to_owned(),
            removable,
            ..Part::default()
        };
        let mut hints = HostHints::default();
        for part in [disk("S1", false), disk("STICK", true), disk("", false)] {
            add_part(&mut hints, part);
        }
        assert_eq!(hints.disk_serials, ["S1"]);
    }

    #[test]
    fn another_root_is_named_by_its_own_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        std::fs::write(folder.path().join("etc/hostname"), "pc-042\n").unwrap();
        let hints = host_hints(&Root::at(folder.path()));
        assert_eq!(
            hints,
            HostHints {
                hostname: "pc-042".to_owned(),
                ..HostHints::default()
            }
        );
    }

    #[test]
    fn the_clock_of_the_boot_only_goes_forward() {
        let earlier = monotonic_ms();
        assert!(earlier > 0 && monotonic_ms() >= earlier);
        assert_eq!(boot_id(), boot_id());
    }
}
