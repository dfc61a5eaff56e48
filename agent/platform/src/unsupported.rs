//! Operating systems without sources of their own yet: the same signatures, each saying so.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Instant,
};

use deskwarden_proto::v1::{HostHints, Sample};

pub use crate::no_service::{Service, log_event, serve};
use crate::{KernelEvent, Places, PrivateError, Source, Trusted, Unavailable};

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

/// Nothing to do that is known here.
pub fn guard_libraries() {}

/// Nothing to do that is known here.
pub fn keep_heap_small() {}

/// Nothing to do that is known here.
pub fn release_memory() {}

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

/// Refuses: without owner-only files there is no private write.
pub fn write_private(path: &Path, _bytes: &[u8]) -> Result<(), PrivateError> {
    Err(unsupported(path))
}

/// Refuses: whoever may read it is not known without owners.
pub fn publish(path: &Path, _bytes: &[u8]) -> Result<(), PrivateError> {
    Err(unsupported(path))
}

/// Refuses: without owner-only folders there is no private folder.
pub fn ensure_private_dir(path: &Path) -> Result<(), PrivateError> {
    Err(unsupported(path))
}

/// Refuses: whom to trust is not known without owners.
pub fn read_trusted(path: &Path, _max: usize) -> Result<Option<Trusted>, PrivateError> {
    Err(unsupported(path))
}

fn unsupported(path: &Path) -> PrivateError {
    PrivateError::Io {
        path: path.to_owned(),
        action: "keep private",
        source: io::Error::new(
            io::ErrorKind::Unsupported,
            "this system has no support for it yet",
        ),
    }
}

/// Refuses: nothing tells this build when to end.
pub fn wait_for_end() -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "signals are not read on this system yet",
    ))
}
