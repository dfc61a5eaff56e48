//! Reads messages out of a file of systemd's journal: those whose entries have a given field of a given value,
//! found by the file's own lists instead of by walking through it. Compressed values are passed over: what is
//! asked for here is short, and short values are never compressed. Bounded in objects. Seeks nothing else and
//! verifies no seal.

use crate::sqlite::Blocks;

/// Most objects that one question looks at.
const MAX_OBJECTS: usize = 1_000_000;
/// Most entries that one question gives.
const MAX_ENTRIES: usize = 50_000;
/// Most buckets of the table of fields.
const MAX_BUCKETS: u64 = 65_536;
/// Most values of an entry.
const MAX_VALUES: usize = 256;
/// Longest message that is given.
const MAX_MESSAGE: usize = 1_024;
/// Heading of every object: kind, flags, size.
const HEADING: u64 = 16;

mod flag {
    /// In the file's heading: offsets of 4 bytes instead of 8, and two more words in every value.
    pub(super) const COMPACT: u32 = 16;
    /// In an object's heading.
    pub(super) const COMPRESSED: u8 = 1 | 2 | 4;
}

mod kind {
    pub(super) const DATA: u8 = 1;
    pub(super) const FIELD: u8 = 2;
    pub(super) const ENTRY: u8 = 3;
    pub(super) const ENTRY_ARRAY: u8 = 6;
}

/// Calls back with time (Unix microseconds) and message of every entry that has `field` with `value`, oldest
/// first. `None` where the file is damaged or none of these; entries before the damage were called.
pub fn messages(
    blocks: impl Blocks,
    field: &str,
    value: &str,
    mut each: impl FnMut(u64, &[u8]),
) -> Option<()> {
    let mut file = File::open(blocks)?;
    let Some(data) = file.value(field, value)? else {
        return Some(());
    };
    let head = file.blocks.read(data, 64)?;
    let (first, mut array, count) = (u64_at(&head, 40)?, u64_at(&head, 48)?, u64_at(&head, 56)?);
    let count = usize::try_from(count).ok()?.min(MAX_ENTRIES);
    let mut given = 0;
    if count > 0 {
        file.entry(first, &mut each)?;
        given = 1;
    }
    while given < count && array != 0 {
        let (next, entries) = file.array(array)?;
        for entry in entries {
            if entry == 0 || given == count {
                break;
            }
            file.entry(entry, &mut each)?;
            given += 1;
        }
        array = next;
    }
    Some(())
}

struct File<B> {
    blocks: B,
    compact: bool,
    fields: u64,
    buckets: u64,
    objects: usize,
}

impl<B: Blocks> File<B> {
    fn open(mut blocks: B) -> Option<Self> {
        let head = blocks.read(0, 136)?;
        if !head.starts_with(b"LPKSHHRH") {
            return None;
        }
        let bytes = u64_at(&head, 128)?;
        if bytes / 16 > MAX_BUCKETS {
            return None;
        }
        Some(Self {
            compact: u32_at(&head, 12)? & flag::COMPACT != 0,
            fields: u64_at(&head, 120)?,
            buckets: bytes / 16,
            blocks,
            objects: 0,
        })
    }

    /// The object that holds this value of this field: the outer `None` is damage.
    fn value(&mut self, field: &str, value: &str) -> Option<Option<u64>> {
        let table = self
            .blocks
            .read(self.fields, usize::try_from(self.buckets * 16).ok()?)?;
        for bucket in table.chunks_exact(16) {
            let mut at = u64_at(bucket, 0)?;
            while at != 0 {
                let head = self.object(at, kind::FIELD, 40)?;
                let (next, first) = (u64_at(&head, 24)?, u64_at(&head, 32)?);
                let length = usize::try_from(u64_at(&head, 8)?.checked_sub(40)?).ok()?;
                if length == field.len() && self.blocks.read(at + 40, length)? == field.as_bytes() {
                    return self.value_of(first, field, value);
                }
                at = next;
            }
        }
        Some(None)
    }

    fn value_of(&mut self, first: u64, field: &str, value: &str) -> Option<Option<u64>> {
        let wanted = format!("{field}={value}");
        let mut at = first;
        while at != 0 {
            let head = self.object(at, kind::DATA, 64)?;
            let payload = self.payload(&head, at, wanted.len() + 1)?;
            if payload == Some(wanted.clone().into_bytes()) {
                return Some(Some(at));
            }
            at = u64_at(&head, 32)?;
        }
        Some(None)
    }

    /// The first `max` bytes of a value; the inner `None` where it is compressed.
    fn payload(&mut self, head: &[u8], at: u64, max: usize) -> Option<Option<Vec<u8>>> {
        if *head.get(1)? & flag::COMPRESSED != 0 {
            return Some(None);
        }
        let begin: u64 = if self.compact { 72 } else { 64 };
        let length = usize::try_from(u64_at(head, 8)?.checked_sub(begin)?).ok()?;
        self.blocks
            .read(at.checked_add(begin)?, length.min(max))
            .map(Some)
    }

    /// The next array and the entries of one.
    fn array(&mut self, at: u64) -> Option<(u64, Vec<u64>)> {
        let head = self.object(at, kind::ENTRY_ARRAY, 24)?;
        let width = if self.compact { 4 } else { 8 };
        let length = usize::try_from(u64_at(&head, 8)?.checked_sub(24)?).ok()?;
        let bytes = self.blocks.read(at + 24, length.min(MAX_ENTRIES * width))?;
        Some((u64_at(&head, 16)?, self.offsets(&bytes, width)))
    }

    fn entry(&mut self, at: u64, each: &mut impl FnMut(u64, &[u8])) -> Option<()> {
        let head = self.object(at, kind::ENTRY, 64)?;
        let time = u64_at(&head, 24)?;
        // Beside each offset stands a hash, but for files whose offsets are short.
        let width = if self.compact { 4 } else { 16 };
        let length = usize::try_from(u64_at(&head, 8)?.checked_sub(64)?).ok()?;
        let bytes = self.blocks.read(at + 64, length.min(MAX_VALUES * width))?;
        for value in self.offsets(&bytes, width) {
            let head = self.object(value, kind::DATA, 64)?;
            let payload = self.payload(&head, value, MAX_MESSAGE)?;
            if let Some(message) = payload
                .as_deref()
                .and_then(|payload| payload.strip_prefix(b"MESSAGE="))
            {
                each(time, message);
                break;
            }
        }
        Some(())
    }

    fn offsets(&self, bytes: &[u8], width: usize) -> Vec<u64> {
        let one = |chunk: &[u8]| {
            if self.compact {
                u32_at(chunk, 0).map(u64::from)
            } else {
                u64_at(chunk, 0)
            }
        };
        bytes.chunks_exact(width).filter_map(one).collect()
    }

    /// The first bytes of an object of that kind.
    fn object(&mut self, at: u64, kind: u8, length: usize) -> Option<Vec<u8>> {
        self.objects += 1;
        if self.objects > MAX_OBJECTS || at < HEADING {
            return None;
        }
        let head = self.blocks.read(at, length)?;
        (head.first() == Some(&kind)).then_some(head)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Made by systemd's own programs: see make.py beside them.
    const NEW: &[u8] = include_bytes!("../fixtures/journal/new.parts");
    const OLD: &[u8] = include_bytes!("../fixtures/journal/old.parts");

    /// The file that was cut into parts.
    fn whole(parts: &[u8]) -> Vec<u8> {
        let mut file = vec![0; usize::try_from(u64_at(parts, 0).unwrap()).unwrap()];
        let mut rest = &parts[8..];
        while !rest.is_empty() {
            let at = usize::try_from(u64_at(rest, 0).unwrap()).unwrap();
            let length = u32_at(rest, 8).unwrap() as usize;
            file[at..at + length].copy_from_slice(&rest[12..12 + length]);
            rest = &rest[12 + length..];
        }
        file
    }

    fn found(file: &[u8], value: &str) -> (Option<()>, Vec<(u64, String)>) {
        let mut all = Vec::new();
        let walked = messages(file, "_KERNEL_SUBSYSTEM", value, |time, message| {
            all.push((time, String::from_utf8_lossy(message).into_owned()));
        });
        (walked, all)
    }

    #[test]
    fn messages_of_one_kind_are_found_in_either_layout() {
        for parts in [NEW, OLD] {
            let file = whole(parts);
            let (walked, usb) = found(&file, "usb");
            assert_eq!(walked, Some(()));
            assert_eq!(usb.len(), 15 + 40);
            assert_eq!(
                usb[1],
                (
                    1_790_000_062_000_000,
                    "usb 1-4: New USB device found, idVendor=0951, idProduct=1666, bcdDevice= 1.10"
                        .to_owned()
                )
            );
            assert!(usb.is_sorted_by_key(|(time, _)| *time));
            assert_eq!(usb[12].1, "usb 2-1: Product: 移动硬盘 T7");
            let scsi: Vec<_> = found(&file, "scsi")
                .1
                .into_iter()
                .map(|(_, message)| message)
                .collect();
            assert_eq!(scsi, ["scsi host6: usb-storage 1-4:1.0", "scsi host7: uas"]);
            assert_eq!(found(&file, "none"), (Some(()), Vec::new()));
        }
    }

    #[test]
    fn what_is_no_journal_or_ends_too_early_is_refused() {
        assert_eq!(found(b"", "usb").0, None);
        assert_eq!(found(&[7; 4_096], "usb").0, None);
        let file = whole(OLD);
        assert_eq!(found(&file[..300], "usb").0, None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn damage_never_panics(spots in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..200)) {
            // Most of the file is zeros that nobody reads: damage is done to the rest.
            static FILE: std::sync::LazyLock<(Vec<u8>, Vec<usize>)> = std::sync::LazyLock::new(|| {
                let file = whole(OLD);
                let used = (0..file.len()).filter(|at| file[*at] != 0).collect();
                (file, used)
            });
            let mut file = FILE.0.clone();
            for (at, byte) in spots {
                file[FILE.1[at % FILE.1.len()]] = byte;
            }
            found(&file, "usb");
        }
    }
}
