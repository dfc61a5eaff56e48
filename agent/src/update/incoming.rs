//! A package on its way in: kept in the agent's own folder, counted and hashed as it comes, and whole or gone.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use ring::digest::{Context, SHA256};

use super::offer::Package;

/// A file that is being received. Removed unless it is kept.
#[derive(Debug)]
pub struct Incoming {
    path: PathBuf,
    file: File,
    hash: Hash,
    left: u64,
    sha256: [u8; 32],
    kept: bool,
}

/// The hash so far; it shows nothing of itself.
struct Hash(Context);

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash")
    }
}

/// Why what came is not the package.
#[derive(Debug, thiserror::Error)]
pub enum NotWhole {
    /// It cannot be kept.
    #[error("the package cannot be kept: {0}")]
    Io(#[from] io::Error),
    /// More came than was signed for.
    #[error("more came than the manifest says")]
    TooLong,
    /// Less came.
    #[error("{0} bytes are missing")]
    Truncated(u64),
    /// Other bytes came.
    #[error("it is another file than the publisher signed")]
    Hash,
}

impl Incoming {
    /// Begins to receive into a file of a private folder.
    pub fn begin(folder: &Path, package: &Package) -> Result<Self, NotWhole> {
        let path = folder.join("package");
        Ok(Self {
            file: File::create(&path)?,
            path,
            hash: Hash(Context::new(&SHA256)),
            left: package.size,
            sha256: package.sha256,
            kept: false,
        })
    }

    /// The next bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), NotWhole> {
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or(NotWhole::TooLong)?;
        self.hash.0.update(bytes);
        Ok(self.file.write_all(bytes)?)
    }

    /// All came: the file, if it is the one that was signed.
    pub fn finish(mut self) -> Result<PathBuf, NotWhole> {
        if self.left != 0 {
            return Err(NotWhole::Truncated(self.left));
        }
        if self.hash.0.clone().finish().as_ref() != self.sha256 {
            return Err(NotWhole::Hash);
        }
        self.file.sync_all()?;
        self.kept = true;
        Ok(self.path.clone())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.kept {
            // It is overwritten by the next one at the latest.
            fs::remove_file(&self.path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use ring::digest::digest;

    use super::*;

    fn package(bytes: &[u8]) -> Package {
        Package {
            version: "1.0".parse().unwrap(),
            sha256: digest(&SHA256, bytes).as_ref().try_into().unwrap(),
            size: bytes.len() as u64,
        }
    }

    fn received(package: &Package, pieces: &[&[u8]]) -> (tempfile::TempDir, Result<PathBuf, NotWhole>) {
        let folder = tempfile::tempdir().unwrap();
        let mut incoming = Incoming::begin(folder.path(), package).unwrap();
        let pushed = pieces.iter().try_for_each(|piece| incoming.push(piece));
        let result = match pushed {
            Ok(()) => incoming.finish(),
            Err(error) => {
                drop(incoming);
                Err(error)
            }
        };
        (folder, result)
    }

    #[test]
    fn a_whole_package_is_kept() {
        let (_folder, result) = received(&package(b"program"), &[b"pro", b"", b"gram"]);
        assert_eq!(fs::read(result.unwrap()).unwrap(), b"program");
    }

    #[test]
    fn a_truncated_a_longer_and_another_file_leave_nothing() {
        let wanted = package(b"program");
        let (folder, result) = received(&wanted, &[b"prog"]);
        assert!(matches!(result, Err(NotWhole::Truncated(3))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let (folder, result) = received(&wanted, &[b"program", b"s"]);
        assert!(matches!(result, Err(NotWhole::TooLong)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let (folder, result) = received(&wanted, &[b"pr0gram"]);
        assert!(matches!(result, Err(NotWhole::Hash)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
