//! Recomputing what can be recomputed of stored content: a disk that gives back other bits than it was given is found
//! before somebody is judged by them.

use super::StoreResult;

/// Where a walk over the content is. It begins with the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentPlace {
    /// Contents that items share, after this row: each is stored under its hash.
    Facets(i64),
    /// Devices, after this row: each item has a digest, and each section the sum of its own.
    Devices(i64),
}

impl Default for ContentPlace {
    fn default() -> Self {
        Self::Facets(0)
    }
}

/// A part of a walk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentLook {
    /// Rows whose content was recomputed.
    pub rows: u64,
    /// What is not as it was written, for a person; at most [`ContentLook::MOST`] of a part.
    pub faults: Vec<String>,
    /// Where to go on; `None` at the end.
    pub next: Option<ContentPlace>,
}

impl ContentLook {
    /// The most faults of one part.
    pub const MOST: usize = 20;

    /// Notes a fault, unless there are many.
    pub fn fault(&mut self, text: String) {
        if self.faults.len() < Self::MOST {
            self.faults.push(text);
        }
    }
}

/// Looking whether stored content is what was stored.
pub trait Integrity {
    /// Lets the engine check how its file is built; what it finds, which is nothing where it checks that itself.
    fn check_structure(&self) -> StoreResult<Vec<String>>;

    /// Parts of the file that the engine can check one at a time, with pauses between them; none where it checks them
    /// itself.
    fn structure_parts(&self) -> StoreResult<Vec<String>>;

    /// Lets the engine check how that part is built.
    fn check_part(&self, part: &str) -> StoreResult<Vec<String>>;

    /// Takes what the tables hold for what was written to them, after a person looked at it. Contents, items and the log of
    /// what was done keep what shows them to be others.
    fn accept_tables(&self) -> StoreResult<()>;

    /// Recomputes the content of up to `limit` rows from there, on one consistent picture.
    fn check_content(&self, from: ContentPlace, limit: u32) -> StoreResult<ContentLook>;
}
