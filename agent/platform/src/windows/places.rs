//! Where the agent's own files are on Windows: below ProgramData, wherever that is.

use std::path::Path;

use deskwarden_system::program_data;

use crate::Places;

/// Where ProgramData is unless somebody moved it.
const USUAL: &str = r"C:\ProgramData";

/// A program that runs may be moved, and neither replaced nor removed by any of its names.
pub const REPLACES_RUNNING: bool = false;

/// Where the agent's own files are. No variable of the environment has a say in it.
pub fn places() -> Places {
    let all = program_data();
    let home = all.as_deref().unwrap_or(Path::new(USUAL)).join("Deskwarden");
    Places {
        config: home.join("agent.toml"),
        left: home.join("enrol.toml"),
        state: home.join("state"),
        home: Some(home),
    }
}
