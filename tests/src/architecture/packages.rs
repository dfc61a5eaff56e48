//! The packages of the workspace: what each declares to use, and what it links in the end. Asks cargo.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Packages of the workspace and the packages of the workspace that each one declares, of every kind.
///
/// # Errors
/// When cargo cannot read the workspace.
pub fn edges(root: &Path) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let text = cargo(root, &["metadata", "--format-version", "1", "--no-deps"])?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata printed no JSON")?;
    let mut all = BTreeMap::new();
    for package in metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?
    {
        let uses = package["dependencies"]
            .as_array()
            .context("a package lists no dependencies")?
            .iter()
            .filter(|dependency| dependency["path"].is_string())
            .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
            .collect();
        all.insert(
            package["name"]
                .as_str()
                .context("a package has no name")?
                .to_owned(),
            uses,
        );
    }
    Ok(all)
}

/// Names of every package that ends up in a build of `package` alone: not its tests, not its build scripts.
///
/// # Errors
/// When cargo cannot resolve it.
pub fn linked(root: &Path, package: &str) -> Result<BTreeSet<String>> {
    let text = cargo(
        root,
        &[
            "tree",
            "--package",
            package,
            "--edges",
            "normal,no-proc-macro",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ],
    )?;
    Ok(text
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect())
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .output()
        .context("cargo does not start")?;
    if !output.status.success() {
        bail!(
            "cargo {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}
