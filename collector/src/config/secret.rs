//! Secrets that are read from files: never shown, wiped when dropped.

use std::{fmt, fs::File, io, io::Read as _, path::Path};

use deskwarden_system::{PrivateError, Reach, check_file};
use zeroize::Zeroizing;

/// Longest secret in a file, in bytes.
const LONGEST: u64 = 4 << 10;

/// A secret text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Holds a text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Reads a file and drops the white space around its text. The file must not be open to everybody.
    pub fn read(file: &Path) -> io::Result<Self> {
        let mut opened = File::open(file)?;
        check_file(file, &opened, Reach::Group).map_err(PrivateError::into_io)?;
        if opened.metadata()?.len() > LONGEST {
            return Err(io::Error::other("it is longer than a secret may be (4 KiB)"));
        }
        let mut text = Zeroizing::new(String::new());
        opened.read_to_string(&mut text)?;
        if text.trim().is_empty() {
            return Err(io::Error::other("it is empty"));
        }
        Ok(Self::new(text.trim().to_owned()))
    }

    /// The text, for the protocol that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
