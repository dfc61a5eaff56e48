//! The vocabulary between the agent and the system that it is installed on: where its own files are, what a service
//! manager asks of it, and what it tells the system's log. Knows no system.

use std::path::PathBuf;

/// Where the agent's own files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Folder that holds all of it, where there is such a folder.
    pub home: Option<PathBuf>,
    /// The configuration.
    pub config: PathBuf,
    /// What a roll-out leaves for this PC.
    pub left: PathBuf,
    /// Identity and outbox.
    pub state: PathBuf,
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
