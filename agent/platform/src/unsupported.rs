//! Operating systems without sources of their own yet: the same signatures, each saying so.

use std::{collections::BTreeSet, ffi::OsString, path::PathBuf, sync::OnceLock, time::Instant};

use deskwarden_proto::v1::{HostHints, Sample};

use crate::{KernelEvent, Places, Source, Unavailable};

/// A file-system root; nothing can be read below it on this system.
#[derive(Clone, Debug)]
pub struct Root {
    path: PathBuf,
    host: bool,
}

impl Root {
    /// The running system.
    pub fn host() -> Self {
        Self {
            path: PathBuf::from("/"),
            host: true,
        }
    }

    /// Another system's files below a folder.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            host: false,
        }
    }

    /// Whether this is the running system.
    pub fn is_host(&self) -> bool {
        self.host
    }

    /// Where `path` lies for people and for watches.
    pub fn display(&self, path: &str) -> PathBuf {
        self.path.join(path.trim_start_matches('/'))
    }

    /// Always unsupported.
    pub fn read_limited(&self, path: &str, _max: usize) -> Result<Option<Vec<u8>>, Unavailable> {
        let place = self.display(path);
        Err(Unavailable::Unsupported(format!(
            "{}: not readable on this system",
            place.display()
        )))
    }

    /// Always unsupported.
    pub fn list(&self, path: &str, max: usize) -> Result<Option<Vec<OsString>>, Unavailable> {
        self.read_limited(path, max).map(|_| None)
    }

    /// Nothing is.
    pub fn exists(&self, _path: &str) -> bool {
        false
    }

    /// None.
    pub fn read_link(&self, _path: &str) -> Option<PathBuf> {
        None
    }

    /// Always the same: nothing is seen to change.
    pub fn stamp<'a>(&self, _paths: impl IntoIterator<Item = &'a str>) -> u64 {
        0
    }
}

/// Never made here.
pub struct KernelEvents(std::convert::Infallible);

/// Never made here.
#[derive(Clone, Debug)]
pub struct Stopper(std::convert::Infallible);

impl Stopper {
    /// Nothing to stop.
    pub fn stop(&self) {
        match self.0 {}
    }
}

impl KernelEvents {
    /// A handle that ends the iteration.
    pub fn stopper(&self) -> Stopper {
        match self.0 {}
    }
}

impl Iterator for KernelEvents {
    type Item = Result<BTreeSet<KernelEvent>, Unavailable>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0 {}
    }
}

/// Always unsupported.
pub fn kernel_events() -> Result<KernelEvents, Unavailable> {
    Err(Unavailable::Unsupported(
        "kernel events: not available on this system".to_owned(),
    ))
}

/// None.
pub fn sources() -> Vec<Box<dyn Source>> {
    Vec::new()
}

/// None.
pub fn samples(_root: &Root) -> Vec<Sample> {
    Vec::new()
}

/// None.
pub fn host_hints(_root: &Root) -> HostHints {
    HostHints::default()
}

/// Empty: unknown.
pub fn boot_id() -> String {
    String::new()
}

/// Milliseconds since this process first asked: the best that the standard library tells.
pub fn monotonic_ms() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed().as_millis();
    u64::try_from(elapsed).unwrap_or(u64::MAX)
}

/// Not told by the standard library.
pub fn cpu_us() -> Option<u64> {
    None
}

/// Unknown, so no.
pub fn is_privileged() -> bool {
    false
}

/// Nobody tried whether a program that runs may be replaced here.
pub const REPLACES_RUNNING: bool = false;

/// Where a program of Unix would have them.
pub fn places() -> Places {
    Places {
        home: None,
        config: "/etc/deskwarden/agent.toml".into(),
        left: "/etc/deskwarden/enrol.toml".into(),
        state: "/var/lib/deskwarden-agent".into(),
    }
}
