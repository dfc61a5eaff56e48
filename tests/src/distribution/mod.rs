//! Whole small systems of other distributions: typed files (`tests/fixtures/distributions`) with what that
//! distribution's own tools make on top, and what the agent says about such a root. The tools of one kind each
//! have a file; which distribution has what is the tests'.

mod collected;
mod package;
mod tool;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::architecture::tree;

pub use collected::Collected;
pub use package::{Deb, Installed, Rpm, dpkg_knows};

/// A root made of files.
#[derive(Debug)]
pub struct Distribution {
    folder: TempDir,
    /// What the tools need while they work, outside the root.
    work: TempDir,
}

impl Distribution {
    /// The typed files of that name.
    ///
    /// # Errors
    /// When they cannot be copied.
    pub fn typed(name: &str) -> Result<Self> {
        let made = Self {
            folder: tempfile::Builder::new()
                .prefix(&format!("deskwarden-{name}-"))
                .tempdir()?,
            work: tempfile::tempdir()?,
        };
        copy(
            &tree::root().join("tests/fixtures/distributions").join(name),
            made.path(),
        )?;
        Ok(made)
    }

    /// The root.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path below the root.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let file = self.file(name);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, text).with_context(|| file.display().to_string())
    }

    /// What the agent says about it.
    ///
    /// # Errors
    /// When the agent fails.
    pub fn collect(&self) -> Result<Collected> {
        Collected::of(self.path())
    }

    fn work(&self) -> &Path {
        self.work.path()
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let entries = fs::read_dir(from).with_context(|| from.display().to_string())?;
    for entry in entries {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}
