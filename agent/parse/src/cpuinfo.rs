//! `/proc/cpuinfo`: processors by package, on the architectures that offices have.

use std::collections::BTreeMap;

use crate::text;

/// Longest brand of a board: it is kept with each of its processors.
const MAX_BRAND: usize = 256;

/// One processor package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Package number; 0 where the kernel names none.
    pub package: u32,
    /// Maker as the processor says.
    pub vendor: String,
    /// Brand.
    pub model: String,
    /// Cores; threads where the kernel does not tell cores.
    pub cores: u32,
}

/// Packages in the order of their numbers.
pub fn parse_cpuinfo(bytes: &[u8]) -> Vec<Cpu> {
    let mut packages: BTreeMap<u32, (Cpu, u32)> = BTreeMap::new();
    let mut current: Option<Cpu> = None;
    let mut brand = String::new();
    for line in text::lines(bytes).take(200_000) {
        let Some((name, value)) = text::split_once(line, b':') else {
            continue;
        };
        let name = text::decode(name).trim().to_ascii_lowercase();
        let value = text::decode(value).trim().to_owned();
        match name.as_str() {
            "processor" if value.parse::<u32>().is_ok() => {
                take(&mut packages, current.replace(Cpu::default()));
            }
            "model name" | "cpu model" => {
                current.get_or_insert_default().model =
                    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            }
            "vendor_id" | "cpu implementer" => current.get_or_insert_default().vendor = value,
            "physical id" | "package" => current.get_or_insert_default().package = value.parse().unwrap_or(0),
            "cpu cores" => current.get_or_insert_default().cores = value.parse().unwrap_or(0),
            // Boards without a brand per core name themselves once, at the end.
            "hardware" => brand = text::clip(&value, MAX_BRAND).to_owned(),
            _ => {}
        }
    }
    take(&mut packages, current);
    packages
        .into_values()
        .map(|(mut cpu, threads)| {
            if cpu.cores == 0 {
                cpu.cores = threads;
            }
            if cpu.model.is_empty() {
                cpu.model.clone_from(&brand);
            }
            cpu
        })
        .collect()
}

fn take(packages: &mut BTreeMap<u32, (Cpu, u32)>, cpu: Option<Cpu>) {
    if let Some(cpu) = cpu {
        packages.entry(cpu.package).or_insert((cpu, 0)).1 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn threads_are_folded_into_packages() {
        let thread = |n, package| {
            format!(
                "processor\t: {n}\nvendor_id\t: HygonGenuine\nmodel name\t: Hygon C86  3250\nphysical id\t: {package}\ncpu cores\t: 8\n\n"
            )
        };
        let found = parse_cpuinfo([thread(0, 0), thread(1, 0), thread(2, 1)].concat().as_bytes());
        assert_eq!(found.len(), 2);
        assert_eq!(
            (&*found[0].model, found[0].cores, found[1].package),
            ("Hygon C86 3250", 8, 1)
        );
    }

    #[test]
    fn other_architectures_count_threads() {
        let found = parse_cpuinfo(
            b"processor: 0\nBogoMIPS: 1\nprocessor: 1\nCPU implementer: 0x70\nHardware: Phytium D2000\n",
        );
        assert_eq!(
            (found.len(), found[0].cores, &*found[0].model),
            (1, 2, "Phytium D2000")
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            parse_cpuinfo(&bytes);
        }
    }
}
