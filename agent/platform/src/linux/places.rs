//! Where the agent's own files are on Linux, as its packages lay them out.

use crate::Places;

/// Where the agent's own files are.
pub fn places() -> Places {
    Places {
        home: None,
        config: "/etc/deskwarden/agent.toml".into(),
        left: "/etc/deskwarden/enrol.toml".into(),
        state: "/var/lib/deskwarden-agent".into(),
    }
}
