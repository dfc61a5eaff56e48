//! Packages of npm that tests use and the product does not: fetched once, beside the programs of the tests.

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::program;

/// The folder with this version of a package and what it needs; fetched where it is not there yet.
///
/// # Errors
/// When there is no npm, or the package cannot be had.
pub fn fetched(name: &str, version: &str) -> Result<PathBuf> {
    let folder = env::current_exe()?
        .parent()
        .map(|folder| folder.join(format!("{name}-{version}")))
        .context("this program lies nowhere")?;
    // Written last: a fetch that was cut off is done again.
    let whole = folder.join("whole");
    if !whole.exists() {
        fs::create_dir_all(&folder)?;
        let quiet = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts"];
        program::finish(
            Command::new("npm")
                .arg("install")
                .args(quiet)
                .args(["--fetch-retries", "1", "--fetch-timeout", "30000", "--prefix"])
                .arg(&folder)
                .arg(format!("{name}@{version}")),
        )?;
        fs::write(whole, "")?;
    }
    Ok(folder)
}
