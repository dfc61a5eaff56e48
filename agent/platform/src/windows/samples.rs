//! Gauges of the running system, for trends: free disk space and memory. No facts: they are never compared.

use deskwarden_proto::v1::Sample;
use windows_sys::Win32::System::SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX};

use super::{Root, host::monotonic_ms, room};

/// The gauges as they stand now; what cannot be read is left out, and another root has none.
pub fn samples(root: &Root) -> Vec<Sample> {
    if !root.is_host() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for room in room::rooms() {
        found.push(sample(
            &format!("disk_free:{}", room.place),
            room.free as f64,
            "By",
        ));
    }
    let mut memory = MEMORYSTATUSEX {
        dwLength: size_of::<MEMORYSTATUSEX>() as u32,
        ..MEMORYSTATUSEX::default()
    };
    // SAFETY: the structure is ours and says how long it is.
    #[expect(unsafe_code, reason = "a function of the system")]
    let told = unsafe { GlobalMemoryStatusEx(&raw mut memory) };
    if told != 0 {
        found.push(sample("memory_available", memory.ullAvailPhys as f64, "By"));
    }
    found.push(sample("uptime", (monotonic_ms() / 1_000) as f64, "s"));
    found
}

fn sample(name: &str, value: f64, unit: &str) -> Sample {
    Sample {
        name: name.to_owned(),
        value,
        unit: unit.to_owned(),
    }
}
