//! A file system of its own that is small enough to be full: pages of memory, counted.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Result;
use tempfile::TempDir;

use crate::program;

/// What a file takes at least.
const PAGE: usize = 4096;

/// The file system; it is gone with this value.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one of so many pages; takes root.
    ///
    /// # Errors
    /// When it cannot be mounted.
    pub fn of_pages(pages: usize) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("deskwarden-disk-").tempdir()?;
        let size = format!("size={},mode=0700", pages * PAGE);
        let place = folder.path().display().to_string();
        program::run("mount", ["-t", "tmpfs", "-o", &size, "deskwarden-small", &place])?;
        Ok(Self { folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it up to the last page, then gives so many back.
    ///
    /// # Errors
    /// When the filler cannot be made at all.
    pub fn fill_but(&self, free: usize) -> Result<()> {
        let mut file = fs::File::create(self.filler())?;
        let mut written = 0;
        while file.write_all(&[0; PAGE]).is_ok() {
            written += 1;
        }
        file.set_len(u64::try_from(PAGE * usize::saturating_sub(written, free))?)?;
        Ok(())
    }

    /// Gives everything back.
    ///
    /// # Errors
    /// When there is no filler.
    pub fn free(&self) -> Result<()> {
        Ok(fs::remove_file(self.filler())?)
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a program that a failing test left may still be at home in it.
        program::run("umount", ["-l", &self.folder.path().display().to_string()]).ok();
    }
}
