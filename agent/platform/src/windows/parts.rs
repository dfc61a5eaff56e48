//! A file that is read here and there: a few of its pages are kept, so that a walk through it does not ask the system
//! for every word.

use std::{collections::HashMap, fs::File, os::windows::fs::FileExt as _};

use deskwarden_parse::sqlite::Blocks;

const PAGE: u64 = 4_096;
/// Pages that are kept.
const KEPT: usize = 256;

/// An open regular file.
pub(super) struct Parts {
    file: File,
    size: u64,
    pages: HashMap<u64, Vec<u8>>,
}

impl Parts {
    pub(super) fn new(file: File) -> std::io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self {
            file,
            size,
            pages: HashMap::new(),
        })
    }

    /// The file itself, for questions to the system.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    fn page(&mut self, number: u64) -> Option<&[u8]> {
        if !self.pages.contains_key(&number) {
            if self.pages.len() >= KEPT {
                self.pages.clear();
            }
            let begin = number.checked_mul(PAGE)?;
            let length = usize::try_from(self.size.checked_sub(begin)?.min(PAGE)).ok()?;
            let mut page = vec![0; length];
            let mut filled = 0;
            while filled < length {
                let at = begin + filled as u64;
                let got = self.file.seek_read(page.get_mut(filled..)?, at).ok()?;
                if got == 0 {
                    return None;
                }
                filled += got;
            }
            self.pages.insert(number, page);
        }
        self.pages.get(&number).map(Vec::as_slice)
    }
}

impl Blocks for Parts {
    fn read(&mut self, at: u64, length: usize) -> Option<Vec<u8>> {
        let end = at.checked_add(u64::try_from(length).ok()?)?;
        if end > self.size {
            return None;
        }
        let mut bytes = Vec::with_capacity(length);
        let mut here = at;
        while here < end {
            let offset = usize::try_from(here % PAGE).ok()?;
            let wanted = usize::try_from((end - here).min(PAGE)).ok()?;
            let page = self.page(here / PAGE)?;
            let piece = page.get(offset..page.len().min(offset + wanted))?;
            if piece.is_empty() {
                return None;
            }
            bytes.extend_from_slice(piece);
            here += piece.len() as u64;
        }
        Some(bytes)
    }
}
