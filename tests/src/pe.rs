//! What stands in the head of a Windows program: its hardening flags, the libraries that it is linked with, and whether
//! it has a version resource. Reads what the linker wrote; runs nothing.

use anyhow::{Context as _, Result, ensure};

/// Addresses above 4 GiB are random too.
pub const HIGH_ENTROPY: u16 = 0x20;
/// Addresses are random.
pub const DYNAMIC_BASE: u16 = 0x40;
/// Data is never run.
pub const NO_EXECUTE: u16 = 0x100;
/// No relocations: addresses could not be random.
pub const RELOCATIONS_STRIPPED: u16 = 1;

/// A program's head.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Characteristics of the file.
    pub characteristics: u16,
    /// Characteristics of its loading.
    pub loading: u16,
    /// Lower-case names of the libraries that are loaded with it.
    pub libraries: Vec<String>,
    /// Whether there are resources (version, manifest).
    pub resources: bool,
    /// Whether there is a place for a signature that is filled.
    pub signed: bool,
    /// Sections that may be written and run.
    pub writable_code: Vec<String>,
}

impl Program {
    /// Reads a 64-bit program.
    ///
    /// # Errors
    /// When the bytes are none.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let word = |at: usize| -> Result<u16> {
            let found = bytes.get(at..at + 2).context("the file ends in its head")?;
            Ok(u16::from_le_bytes(found.try_into()?))
        };
        let long = |at: usize| -> Result<u32> {
            let found = bytes.get(at..at + 4).context("the file ends in its head")?;
            Ok(u32::from_le_bytes(found.try_into()?))
        };
        let head = usize::try_from(long(0x3c)?)?;
        ensure!(
            bytes.get(head..head + 4) == Some(b"PE\0\0".as_slice()),
            "no program of Windows"
        );
        let (sections, size) = (word(head + 6)?, word(head + 20)?);
        let optional = head + 24;
        ensure!(word(optional)? == 0x20b, "not a 64-bit program");
        let table = optional + usize::from(size);
        let mut program = Self {
            characteristics: word(head + 22)?,
            loading: word(optional + 70)?,
            resources: long(optional + 112 + 2 * 8)? != 0,
            signed: long(optional + 112 + 4 * 8)? != 0,
            ..Self::default()
        };
        let mut places = Vec::new();
        for index in 0..usize::from(sections) {
            let at = table + index * 40;
            let (virtual_size, address) = (long(at + 8)?, long(at + 12)?);
            let (raw_size, raw) = (long(at + 16)?, long(at + 20)?);
            places.push((address, virtual_size.max(raw_size), raw));
            if long(at + 36)? & 0xa000_0000 == 0xa000_0000 {
                let name = bytes.get(at..at + 8).context("the file ends in its sections")?;
                program
                    .writable_code
                    .push(String::from_utf8_lossy(name).into_owned());
            }
        }
        let offset = |address: u32| -> Result<usize> {
            let found = places
                .iter()
                .find(|(begin, length, _)| address >= *begin && address - begin < *length);
            let (begin, _, raw) = found.context("an address outside every section")?;
            Ok(usize::try_from(raw + (address - begin))?)
        };
        let mut entry = offset(long(optional + 112 + 8)?)?;
        loop {
            let name = long(entry + 12)?;
            if name == 0 {
                break;
            }
            let text = bytes.get(offset(name)?..).context("the file ends in a name")?;
            let end = text
                .iter()
                .position(|byte| *byte == 0)
                .context("a name without an end")?;
            program
                .libraries
                .push(String::from_utf8_lossy(&text[..end]).to_lowercase());
            entry += 20;
        }
        Ok(program)
    }
}
