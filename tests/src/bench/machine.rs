//! The machine that a bench ran on, as far as figures depend on it.

use std::fs;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// Processor, memory and system.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processor, as it names itself.
    pub processor: String,
    /// Cores that this system may use.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The distribution, as it names itself.
    pub system: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Installed Debian packages.
    pub packages: usize,
}

impl Machine {
    /// This one.
    ///
    /// # Errors
    /// When the kernel does not show it.
    pub fn here() -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| format!("{path} cannot be read"));
        let value = |text: &str, name: &str, between: char| {
            let line = text.lines().find(|line| line.starts_with(name));
            let value = line
                .and_then(|line| line.split_once(between))
                .map(|(_, value)| value);
            value.unwrap_or("unknown").trim().trim_matches('"').to_owned()
        };
        let memory = value(&read("/proc/meminfo")?, "MemTotal", ':');
        let memory: u64 = memory
            .split(' ')
            .next()
            .unwrap_or_default()
            .parse()
            .unwrap_or_default();
        let status = fs::read_to_string("/var/lib/dpkg/status").unwrap_or_default();
        Ok(Self {
            processor: value(&read("/proc/cpuinfo")?, "model name", ':'),
            cores: std::thread::available_parallelism()?.get(),
            memory_mib: memory / 1024,
            system: value(&read("/etc/os-release")?, "PRETTY_NAME", '='),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            packages: status
                .lines()
                .filter(|line| *line == "Status: install ok installed")
                .count(),
        })
    }
}
