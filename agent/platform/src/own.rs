//! The agent's own place on the system: where its files are, and its service. Knows no system.

use std::{io, path::PathBuf};

use deskwarden_system::{Gravity, Service, ServiceKind};

/// The name of the agent in the system's log, as the installation registers it.
pub const LOG: &str = "Deskwarden";

/// The agent's service. It keeps what it needs to pass through folders, to read the files of every account (hives of
/// people who are not signed in), and to ask which program a process of another account is.
const SERVICE: ServiceKind = ServiceKind {
    name: "deskwarden-agent",
    by_hand: "run",
    privileges: &["SeChangeNotifyPrivilege", "SeBackupPrivilege", "SeDebugPrivilege"],
};

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

/// Runs `body` as the service that the manager started this process for. Returns when it has ended; fails at once
/// where no manager started it. What `body` fails with is the caller's to tell; the manager hears that it failed.
pub fn serve(body: impl FnOnce(&'static Service) -> Result<(), String> + Send + 'static) -> io::Result<()> {
    deskwarden_system::serve(SERVICE, body)
}

/// Writes an entry of the system's log. A log that takes none has nobody to tell it to.
pub fn log_event(gravity: Gravity, text: &str) {
    deskwarden_system::log_event(LOG, gravity, text);
}
