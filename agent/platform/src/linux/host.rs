//! The running machine itself: boot, clock, rights, and hints by which a person recognises it.

use deskwarden_proto::v1::HostHints;

use super::{Root, network, part};
use crate::{Source, hints};

/// Digits of a boot's identity that are kept: they go with every record, and tell one boot of this PC from its next.
const BOOT_DIGITS: usize = 8;

/// Identity of this boot; empty where the kernel does not tell.
pub fn boot_id() -> String {
    Root::host()
        .read_limited("proc/sys/kernel/random/boot_id", 100)
        .ok()
        .flatten()
        .map(|bytes| {
            let digits = bytes.iter().filter(|byte| byte.is_ascii_hexdigit());
            digits.take(BOOT_DIGITS).map(|byte| char::from(*byte)).collect()
        })
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
        portable: is_portable(root),
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

/// Whether it is carried about: by its chassis, or where that is not told by a battery that drives it.
fn is_portable(root: &Root) -> bool {
    const CHASSIS: &str = "sys/class/dmi/id/chassis_type";
    const SUPPLIES: &str = "sys/class/power_supply";
    /// Portable, laptop, notebook, hand held, sub notebook, tablet, convertible, detachable.
    const KINDS: [&str; 8] = ["8", "9", "10", "11", "14", "30", "31", "32"];
    /// Other, unknown: the maker did not say.
    const UNTOLD: [&str; 3] = ["", "1", "2"];
    let value = |path: &str| {
        let bytes = root.read_limited(path, 4_096).ok().flatten().unwrap_or_default();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    };
    let chassis = value(CHASSIS);
    if !UNTOLD.contains(&&*chassis) {
        return KINDS.contains(&&*chassis);
    }
    let supplies = root
        .list(SUPPLIES, hints::MAX_HINTS)
        .ok()
        .flatten()
        .unwrap_or_default();
    supplies.iter().filter_map(|name| name.to_str()).any(|name| {
        // A mouse has a battery too, of scope `Device`.
        value(&format!("{SUPPLIES}/{name}/type")) == "Battery"
            && value(&format!("{SUPPLIES}/{name}/scope")) != "Device"
    })
}

fn hostname(root: &Root) -> String {
    if root.is_host() {
        return deskwarden_system::machine_name();
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
    use deskwarden_proto::v1::{Part, PartClass};

    use super::*;
    use crate::hints::add_part;

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
    fn a_notebook_is_known_by_its_chassis_or_its_battery() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let put = |path: &str, value: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, value).unwrap();
        };
        assert!(!is_portable(&root));
        put("sys/class/power_supply/mouse/type", "Battery\n");
        put("sys/class/power_supply/mouse/scope", "Device\n");
        assert!(!is_portable(&root));
        put("sys/class/power_supply/BAT0/type", "Battery\n");
        assert!(is_portable(&root));
        put("sys/class/dmi/id/chassis_type", "3\n");
        assert!(!is_portable(&root), "a desktop with a UPS");
        put("sys/class/dmi/id/chassis_type", "10\n");
        assert!(is_portable(&root));
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
