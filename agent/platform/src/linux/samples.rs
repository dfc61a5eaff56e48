//! Gauges of the running system, for trends: free disk space, memory, load. No facts: they are never compared.

use deskwarden_parse::gauges::{parse_loadavg, parse_meminfo};
use deskwarden_proto::v1::Sample;

use super::{Root, gather::Gather, host::monotonic_ms, room};

const MAX_FILE: usize = 64 << 10;
/// Longest name of the contract.
const MAX_NAME: usize = 64;
/// Most file systems that are sampled.
const MAX_ROOMS: usize = 32;

/// The gauges as they stand now; what cannot be read is left out, and another root has none.
pub fn samples(root: &Root) -> Vec<Sample> {
    if !root.is_host() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let rooms = room::rooms(root, &mut Gather::default()).unwrap_or_default();
    for room in rooms.into_iter().take(MAX_ROOMS) {
        let name = format!("disk_free:{}", room.place);
        // A cut name could be that of another place.
        if name.len() <= MAX_NAME && !name.chars().any(char::is_control) {
            let free = room.usable.saturating_sub(room.used).saturating_mul(room.block);
            found.push(sample(&name, free as f64, "By"));
        }
    }
    let read = |path| root.read_limited(path, MAX_FILE).ok().flatten();
    if let Some(memory) = read("proc/meminfo").and_then(|bytes| parse_meminfo(&bytes)) {
        found.push(sample("memory_available", memory.available as f64, "By"));
        found.push(sample("memory_swapped", memory.swapped as f64, "By"));
    }
    if let Some([_, _, load]) = read("proc/loadavg").and_then(|bytes| parse_loadavg(&bytes)) {
        found.push(sample("load_15min", load, "1"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_system_has_gauges_and_another_root_has_none() {
        let found = samples(&Root::host());
        let value = |name: &str| {
            found
                .iter()
                .find(|sample| sample.name == name)
                .map(|sample| sample.value)
        };
        assert!(value("memory_available").is_some_and(|bytes| bytes > 1e6));
        assert!(value("uptime").is_some_and(|seconds| seconds > 0.0));
        assert!(value("load_15min").is_some_and(|load| load >= 0.0));
        let folder = tempfile::tempdir().unwrap();
        assert!(samples(&Root::at(folder.path())).is_empty());
    }
}
