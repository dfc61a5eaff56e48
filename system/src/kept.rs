//! The vocabulary between a program and the system that it is installed on: what a service manager asks of it, what it
//! tells the system's log, who reaches its files. Knows no system.

use std::{fmt, io, path::PathBuf};

/// A service, as its installation registers it.
#[derive(Clone, Copy, Debug)]
pub struct ServiceKind {
    /// Its name.
    pub name: &'static str,
    /// The command by which a person runs the same program in a console.
    pub by_hand: &'static str,
    /// The privileges that it keeps; the rest is given back for good.
    pub privileges: &'static [&'static str],
}

/// What the service manager asks of a running service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// End: somebody stops the service, or the PC shuts down.
    Stop,
    /// The PC goes to sleep once [`Service::asleep`](crate::Service::asleep) was called, or soon.
    Sleep,
    /// It is awake again.
    Wake,
    /// Somebody signed in or out.
    People,
}

/// How grave an entry of the system's log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gravity {
    /// Something happened that is well.
    Note,
    /// Somebody should look some day.
    Warning,
    /// It does not work.
    Fault,
}

/// Who reaches a file beside its owner and the system itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nobody.
    Owner,
    /// A group that its owner chose.
    Group,
}

/// Room of the disk that a folder lies on, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What this program may still write.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// Why a private file or folder could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// The file system refused.
    #[error("{path}: cannot {action}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Others could read or change what is kept here.
    #[error("{path}: {fault}; {remedy}")]
    NotPrivate {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        fault: String,
        /// What to do.
        remedy: String,
    },
}

impl PrivateError {
    /// The same without the path, for whoever names it by himself.
    pub fn into_io(self) -> io::Error {
        match self {
            Self::Io { source, .. } => source,
            Self::NotPrivate { fault, remedy, .. } => io::Error::other(format!("{fault}; {remedy}")),
        }
    }
}

/// A file that nobody but its reader and root could have written.
#[derive(Clone, PartialEq, Eq)]
pub struct Trusted {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether others may read it.
    pub others_can_read: bool,
}

// What is read this way may hold a secret.
impl fmt::Debug for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trusted({} bytes)", self.bytes.len())
    }
}
