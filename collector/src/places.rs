//! Where an installed collector is: its configuration, its data. Packages of Linux put them where such things are there;
//! on Windows one private folder holds all of it.

use std::path::{Path, PathBuf};

use deskwarden_system::program_data;

/// Name of the folder on Windows, below ProgramData.
const HOME: &str = "Deskwarden Collector";
/// Name of a configuration, in the folder of Windows and in a data folder that has its own.
pub const FILE: &str = "collector.toml";

/// The one folder of an installed collector, where the system has such folders.
pub fn home() -> Option<PathBuf> {
    program_data().map(|all| all.join(HOME))
}

/// The configuration of an installed collector.
pub fn default_file() -> PathBuf {
    home().map_or_else(|| Path::new("/etc/deskwarden").join(FILE), |home| home.join(FILE))
}

/// The data of an installed collector.
pub fn default_data() -> PathBuf {
    home().map_or_else(
        || PathBuf::from("/var/lib/deskwarden-collector"),
        |home| home.join("data"),
    )
}
