//! Reads rows of a table out of an SQLite file, page by page, with the pages of its write-ahead log laid
//! over it. Knows tables only: no indices, no queries, no writing. Bounded in pages and in bytes per row.

use std::collections::{BTreeMap, HashSet};

/// Most pages that one walk visits.
const MAX_PAGES: usize = 2_000_000;
/// Deepest tree that is followed; a table of every office fits into five levels.
const MAX_DEPTH: usize = 32;
/// Most columns of a row that are looked at.
const MAX_COLUMNS: usize = 64;

/// Bytes of a file by position; the caller bounds what it holds.
pub trait Blocks {
    /// Exactly so many bytes from a position, or none.
    fn read(&mut self, at: u64, length: usize) -> Option<Vec<u8>>;
}

impl Blocks for &[u8] {
    fn read(&mut self, at: u64, length: usize) -> Option<Vec<u8>> {
        let at = usize::try_from(at).ok()?;
        self.get(at..at.checked_add(length)?).map(<[u8]>::to_vec)
    }
}

/// What a column of a row holds; only what a reader of packages needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column<'a> {
    /// Nothing, or a number with a fraction.
    Other,
    /// A whole number.
    Number(i64),
    /// A text or bytes, as far as they were read.
    Bytes(&'a [u8]),
}

/// An open file.
pub struct Database<B> {
    blocks: B,
    page_size: usize,
    usable: usize,
    /// Page -> its latest committed content.
    newer: BTreeMap<u32, Vec<u8>>,
}

impl<B: Blocks> Database<B> {
    /// Opens a file with the content of its write-ahead log, which may be empty. `None` where the file is no
    /// SQLite database.
    pub fn open(mut blocks: B, log: &[u8]) -> Option<Self> {
        let header = blocks.read(0, 100)?;
        if !header.starts_with(b"SQLite format 3\0") {
            return None;
        }
        let page_size = match u16_at(&header, 16)? {
            1 => 65_536,
            size if size >= 512 && size.is_power_of_two() => usize::from(size),
            _ => return None,
        };
        let reserved = usize::from(*header.get(20)?);
        let usable = page_size.checked_sub(reserved).filter(|usable| *usable >= 480)?;
        Some(Self {
            blocks,
            page_size,
            usable,
            newer: committed(log, page_size),
        })
    }

    /// First page of a table; `None` where there is no such table.
    pub fn table(&mut self, name: &str) -> Option<u32> {
        let mut found = None;
        self.rows(1, 64 << 10, |columns| {
            let is_table = columns.first() == Some(&Column::Bytes(b"table"));
            if let (true, Some(Column::Bytes(of)), Some(Column::Number(page))) =
                (is_table, columns.get(1), columns.get(3))
                && *of == name.as_bytes()
            {
                found = u32::try_from(*page).ok();
            }
        })?;
        found
    }

    /// Calls back with the columns of every row, of each row at most the first `max` bytes. `None` where the
    /// file is damaged; rows before the damage were called.
    pub fn rows(&mut self, root: u32, max: usize, mut each: impl FnMut(&[Column<'_>])) -> Option<()> {
        // Pages still to visit with their depth, last first.
        let mut todo = vec![(root, 0usize)];
        let mut visited = HashSet::new();
        while let Some((number, depth)) = todo.pop() {
            // A page belongs to one place of one tree: a second way to it is damage, and could go on for ever.
            if !visited.insert(number) || visited.len() > MAX_PAGES || depth > MAX_DEPTH {
                return None;
            }
            let page = self.page(number)?;
            let begin = if number == 1 { 100 } else { 0 };
            let count = usize::from(u16_at(&page, begin + 3)?);
            match page.get(begin)? {
                5 => {
                    let mut children = vec![(u32_at(&page, begin + 8)?, depth + 1)];
                    for cell in (0..count).rev() {
                        let at = usize::from(u16_at(&page, begin + 12 + cell * 2)?);
                        children.push((u32_at(&page, at)?, depth + 1));
                    }
                    todo.append(&mut children);
                }
                13 => {
                    for cell in 0..count {
                        let at = usize::from(u16_at(&page, begin + 8 + cell * 2)?);
                        let payload = self.payload(page.get(at..self.usable)?, max)?;
                        each(&columns(&payload)?);
                    }
                }
                _ => return None,
            }
        }
        Some(())
    }

    /// The first bytes of a cell's payload, which may go on in pages of its own.
    fn payload(&mut self, cell: &[u8], max: usize) -> Option<Vec<u8>> {
        let (length, after) = varint(cell)?;
        let (_, body) = varint(after)?;
        let length = usize::try_from(length).ok()?;
        let all = self.usable - 35;
        if length <= all {
            return body.get(..length.min(max)).map(<[u8]>::to_vec);
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let fitting = least + (length - least) % (self.usable - 4);
        let local = if fitting <= all { fitting } else { least };
        let mut out = body.get(..local)?.to_vec();
        let mut next = u32_at(body, local)?;
        let wanted = length.min(max);
        while out.len() < wanted && next != 0 {
            let page = self.page(next)?;
            next = u32_at(&page, 0)?;
            let more = (length - out.len()).min(self.usable - 4);
            out.extend(page.get(4..4 + more)?);
        }
        out.truncate(wanted);
        Some(out)
    }

    fn page(&mut self, number: u32) -> Option<Vec<u8>> {
        if let Some(page) = self.newer.get(&number) {
            return Some(page.clone());
        }
        let at = u64::from(number.checked_sub(1)?) * self.page_size as u64;
        self.blocks.read(at, self.page_size)
    }
}

/// Pages of the log up to its last commit.
fn committed(log: &[u8], page_size: usize) -> BTreeMap<u32, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = Vec::new();
    let Some(salts) = log.get(16..24) else {
        return found;
    };
    let size_fits = u32_at(log, 8).is_some_and(|size| size as usize == page_size);
    if !size_fits || !matches!(u32_at(log, 0), Some(0x377f_0682 | 0x377f_0683)) {
        return found;
    }
    for frame in log.get(32..).unwrap_or_default().chunks_exact(page_size + 24) {
        // What follows is left over from an earlier use of the log.
        if frame.get(8..16) != Some(salts) {
            break;
        }
        let (Some(number), Some(commit), Some(page)) = (u32_at(frame, 0), u32_at(frame, 4), frame.get(24..))
        else {
            break;
        };
        waiting.push((number, page));
        if commit != 0 {
            found.extend(waiting.drain(..).map(|(number, page)| (number, page.to_vec())));
        }
    }
    found
}

fn columns(record: &[u8]) -> Option<Vec<Column<'_>>> {
    let (length, mut kinds) = varint(record)?;
    let length = usize::try_from(length).ok()?;
    let mut body = record.get(length..)?;
    // The length of the heading counts its own bytes.
    let own = record.len() - kinds.len();
    kinds = kinds.get(..length.checked_sub(own)?)?;
    let mut found = Vec::new();
    while !kinds.is_empty() && found.len() < MAX_COLUMNS {
        let (kind, rest) = varint(kinds)?;
        kinds = rest;
        let size = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => usize::try_from((kind - 12) / 2).ok()?,
        };
        let (value, after) = body.split_at_checked(size).unwrap_or((body, &[]));
        body = after;
        found.push(match kind {
            1..=6 => Column::Number(number(value)),
            8 => Column::Number(0),
            9 => Column::Number(1),
            0 | 7 => Column::Other,
            _ => Column::Bytes(value),
        });
    }
    Some(found)
}

fn number(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    bytes
        .iter()
        .fold(if negative { -1 } else { 0 }, |sum: i64, byte| {
            (sum << 8) | i64::from(*byte)
        })
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        if at == 8 {
            return Some((value << 8 | u64::from(*byte), bytes.get(9..)?));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Written by SQLite itself: 60 rows over several levels of 512-byte pages, one of them 5,000 bytes long.
    const FILE: &[u8] = include_bytes!("../fixtures/rows.sqlite");
    /// The log that SQLite left beside a copy of it, with one more row.
    const LOG: &[u8] = include_bytes!("../fixtures/rows.sqlite-wal");

    fn lengths(log: &[u8], max: usize) -> Vec<usize> {
        let mut database = Database::open(FILE, log).unwrap();
        let table = database.table("Packages").unwrap();
        let mut found = Vec::new();
        database
            .rows(table, max, |columns| {
                if let Some(Column::Bytes(blob)) = columns.get(1) {
                    found.push(blob.len());
                }
            })
            .unwrap();
        found
    }

    #[test]
    fn every_row_is_read_in_its_order_and_whole() {
        let found = lengths(b"", 1 << 20);
        let expected: Vec<usize> = (0..60)
            .map(|row| if row == 30 { 5_000 } else { 20 + row })
            .collect();
        assert_eq!(found, expected);
        assert!(lengths(b"", 100).iter().all(|length| *length <= 100));
    }

    #[test]
    fn the_log_is_laid_over_the_file() {
        assert_eq!(lengths(LOG, 1 << 20).len(), 61);
        assert_eq!(
            lengths(&LOG[..LOG.len() / 2], 1 << 20).len(),
            60,
            "a log without its commit"
        );
    }

    #[test]
    fn what_is_no_database_or_has_no_such_table_is_refused() {
        assert!(Database::open(&b"no database at all"[..], b"").is_none());
        assert_eq!(Database::open(FILE, b"").unwrap().table("none"), None);
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..8_192, byte in any::<u8>()) {
            let mut bytes = FILE.to_vec();
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
            if let Some(mut database) = Database::open(&*bytes, b"") {
                let root = database.table("Packages").unwrap_or(2);
                database.rows(root, 1_000, |_| ());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1_100)) {
            let mut file = b"SQLite format 3\0\x02\0\x01\x01\0".to_vec();
            file.extend(&bytes);
            if let Some(mut database) = Database::open(&*file, &bytes) {
                database.rows(1, 1_000, |_| ());
            }
            columns(&bytes);
            committed(&bytes, 512);
        }
    }
}
