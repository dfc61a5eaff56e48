//! Bounds of everything that an agent may say. Both sides use the same numbers: the agent cuts what is
//! too much and marks the source `partial`; the collector refuses what exceeds them.

use crate::{key::MAX_KEY, v1};

/// Largest encoded message on the session stream after decompression, in bytes.
pub const FRAME_BYTES: usize = 4 << 20;
/// Largest payload of one record, in bytes.
pub const RECORD_BYTES: usize = 1 << 20;
/// Where a snapshot is cut into chunks, in bytes of encoded items.
pub const CHUNK_BYTES: usize = 768 << 10;
/// Most items of one section on one device.
pub const ITEMS_PER_SECTION: usize = 20_000;
/// Most entries (items, gone keys, events, samples, ...) in one record.
pub const ENTRIES_PER_RECORD: usize = 20_000;
/// Most chunks of one snapshot.
pub const CHUNKS: u32 = 64;
/// Most sources of one section on one device.
pub const SOURCES_PER_SECTION: usize = 512;
/// Longest source name in bytes.
pub const SOURCE_BYTES: usize = 160;
/// Longest principal in bytes (a SID has at most 184 characters).
pub const PRINCIPAL_BYTES: usize = 192;
/// Longest key in bytes.
pub const KEY_BYTES: usize = MAX_KEY;
/// Largest encoded facet in bytes.
pub const FACET_BYTES: usize = 16 << 10;
/// Largest encoded local part in bytes.
pub const LOCAL_BYTES: usize = 8 << 10;
/// Longest single text inside a facet in bytes.
pub const TEXT_BYTES: usize = 4 << 10;
/// Most values of one list inside a facet.
pub const LIST_VALUES: usize = 256;
/// Longest reason in bytes.
pub const REASON_BYTES: usize = 512;
/// Longest host name, serial, model in the hints, in bytes.
pub const HINT_BYTES: usize = 256;
/// Most MACs or disk serials in the hints.
pub const HINT_VALUES: usize = 32;
/// Records that may wait for an acknowledgement.
pub const RECORDS_IN_FLIGHT: u32 = 64;
/// Largest signing request in bytes.
pub const CSR_BYTES: usize = 8 << 10;

/// The limits as the collector announces them.
pub fn announced() -> v1::Limits {
    v1::Limits {
        record_bytes: u32::try_from(RECORD_BYTES).unwrap_or(u32::MAX),
        chunk_bytes: u32::try_from(CHUNK_BYTES).unwrap_or(u32::MAX),
        items_per_section: u32::try_from(ITEMS_PER_SECTION).unwrap_or(u32::MAX),
        records_in_flight: RECORDS_IN_FLIGHT,
    }
}

/// The text cut to at most `max` bytes at a character boundary.
pub fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn cutting_keeps_whole_characters() {
        assert_eq!(cut("巡检", 4), "巡");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("巡", 2), "");
    }
}
