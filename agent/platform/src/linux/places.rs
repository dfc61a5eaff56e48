//! Where the agent's own files are on Linux, as its packages lay them out.

use crate::Places;

/// A program that runs may be replaced where it lies, so that there is one at every moment.
pub const REPLACES_RUNNING: bool = true;

/// Where the agent's own files are.
pub fn places() -> Places {
    Places {
        home: None,
        config: "/etc/deskwarden/agent.toml".into(),
        left: "/etc/deskwarden/enrol.toml".into(),
        state: "/var/lib/deskwarden-agent".into(),
    }
}
