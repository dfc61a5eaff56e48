//! Reads the pairs of a Berkeley DB file of the kind hash, as older systems keep rpm's packages in. Walks
//! buckets and what overflows from them; looks up nothing, writes nothing. Either order of bytes. Bounded in
//! pages and in bytes per value.

use std::collections::HashSet;

use crate::sqlite::Blocks;

/// Most pages that one walk visits: 8 GiB of the usual 4,096 bytes.
const MAX_PAGES: usize = 2_000_000;
/// Most buckets; rpm's packages take a few thousand.
const MAX_BUCKETS: u32 = 1 << 20;
const MAGIC: u32 = 0x0006_1561;
/// Before the items of every page.
const HEADING: usize = 26;
const META: usize = 512;

mod page {
    pub(super) const EMPTY: u8 = 0;
    pub(super) const HASH_UNSORTED: u8 = 2;
    pub(super) const OVERFLOW: u8 = 7;
    pub(super) const HASH_META: u8 = 8;
    pub(super) const HASH: u8 = 13;
}

mod item {
    pub(super) const HERE: u8 = 1;
    pub(super) const ON_PAGES: u8 = 3;
}

/// Calls back with every pair, of each value at most the first `max` bytes. `None` where the file is damaged
/// or none of these; pairs before the damage were called.
pub fn hash_pairs(blocks: impl Blocks, max: usize, mut each: impl FnMut(&[u8], &[u8])) -> Option<()> {
    let mut file = File::open(blocks)?;
    for bucket in 0..=file.last_bucket {
        let mut number = file.first_page(bucket)?;
        while number != 0 {
            let page = file.page(number)?;
            match *page.get(25)? {
                page::HASH | page::HASH_UNSORTED => {}
                // Buckets are allotted in groups; of the youngest some are not written yet.
                page::EMPTY => break,
                _ => return None,
            }
            let count = usize::from(file.order.u16(&page, 20)?);
            for pair in (0..count.saturating_sub(1)).step_by(2) {
                // Keys are short: one that is on pages of its own is none that anybody asks for.
                let key = file.item(&page, pair)?;
                let value = file.item(&page, pair + 1)?;
                let key = key.here().unwrap_or_default();
                match value {
                    Item::Here(value) => each(key, value.get(..max.min(value.len()))?),
                    Item::OnPages { first, length } => each(key, &file.long(first, length.min(max))?),
                    Item::Other => {}
                }
            }
            number = file.order.u32(&page, 16)?;
        }
    }
    Some(())
}

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(raw),
            Self::Big => u32::from_be_bytes(raw),
        })
    }

    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(raw),
            Self::Big => u16::from_be_bytes(raw),
        })
    }
}

enum Item<'a> {
    Here(&'a [u8]),
    OnPages {
        first: u32,
        length: usize,
    },
    /// Several values of one key: rpm stores none.
    Other,
}

impl<'a> Item<'a> {
    fn here(self) -> Option<&'a [u8]> {
        match self {
            Self::Here(bytes) => Some(bytes),
            _ => None,
        }
    }
}

struct File<B> {
    blocks: B,
    order: Order,
    page_size: usize,
    last_bucket: u32,
    /// By the power of two that a bucket's group begins with: what to add for its page.
    spares: [u32; 32],
    /// Pages that were visited: in a sound file each is once, and how many there are is not taken from the file's word.
    seen: HashSet<u32>,
}

impl<B: Blocks> File<B> {
    fn open(mut blocks: B) -> Option<Self> {
        let meta = blocks.read(0, META)?;
        let order = match (Order::Little.u32(&meta, 12)?, Order::Big.u32(&meta, 12)?) {
            (MAGIC, _) => Order::Little,
            (_, MAGIC) => Order::Big,
            _ => return None,
        };
        // An encrypted file has a heading of another size.
        if *meta.get(24)? != 0 || *meta.get(25)? != page::HASH_META {
            return None;
        }
        let page_size = order.u32(&meta, 20)? as usize;
        if !(512..=65_536).contains(&page_size) || !page_size.is_power_of_two() {
            return None;
        }
        let last_bucket = order.u32(&meta, 72)?;
        if last_bucket > MAX_BUCKETS {
            return None;
        }
        let mut spares = [0; 32];
        for (index, spare) in spares.iter_mut().enumerate() {
            *spare = order.u32(&meta, 96 + index * 4)?;
        }
        Some(Self {
            blocks,
            order,
            page_size,
            last_bucket,
            spares,
            seen: HashSet::new(),
        })
    }

    fn first_page(&self, bucket: u32) -> Option<u32> {
        let group = (bucket + 1).next_power_of_two().trailing_zeros() as usize;
        bucket.checked_add(*self.spares.get(group)?)
    }

    fn page(&mut self, number: u32) -> Option<Vec<u8>> {
        (self.seen.len() < MAX_PAGES && self.seen.insert(number)).then_some(())?;
        let at = u64::from(number).checked_mul(self.page_size as u64)?;
        self.blocks.read(at, self.page_size)
    }

    fn item<'a>(&self, page: &'a [u8], index: usize) -> Option<Item<'a>> {
        let offset = |index: usize| Some(usize::from(self.order.u16(page, HEADING + index * 2)?));
        let begin = offset(index)?;
        // Items grow from the end of the page towards its heading.
        let end = match index.checked_sub(1) {
            Some(before) => offset(before)?,
            None => self.page_size,
        };
        let bytes = page.get(begin..end)?;
        Some(match *bytes.first()? {
            item::HERE => Item::Here(bytes.get(1..)?),
            item::ON_PAGES => Item::OnPages {
                first: self.order.u32(bytes, 4)?,
                length: self.order.u32(bytes, 8)? as usize,
            },
            _ => Item::Other,
        })
    }

    fn long(&mut self, first: u32, length: usize) -> Option<Vec<u8>> {
        let mut value = Vec::new();
        let mut number = first;
        while value.len() < length {
            if number == 0 {
                return None;
            }
            let page = self.page(number)?;
            if *page.get(25)? != page::OVERFLOW {
                return None;
            }
            let on_page = usize::from(self.order.u16(&page, 22)?);
            let part = page.get(HEADING..HEADING.checked_add(on_page)?)?;
            value.extend(part.get(..part.len().min(length - value.len()))?);
            number = self.order.u32(&page, 16)?;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpm;
    use proptest::prelude::*;

    // Made by Berkeley DB's own loader: see make.sh beside them.
    const LITTLE: &[u8] = include_bytes!("../fixtures/rpm/Packages");
    const BIG: &[u8] = include_bytes!("../fixtures/rpm/Packages.big");
    const MANY: &[u8] = include_bytes!("../fixtures/rpm/many.hash");

    type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

    fn pairs(file: &[u8], max: usize) -> (Option<()>, Pairs) {
        let mut found = Vec::new();
        let walked = hash_pairs(file, max, |key, value| found.push((key.to_vec(), value.to_vec())));
        (walked, found)
    }

    #[test]
    fn packages_of_either_order_of_bytes_are_read() {
        for file in [LITTLE, BIG] {
            let (walked, found) = pairs(file, 16 << 10);
            assert_eq!(
                (walked, found.len()),
                (Some(()), 4),
                "the counter and three packages"
            );
            let mut names: Vec<String> = found
                .iter()
                .filter_map(|(_, value)| rpm::parse_header(value))
                .map(|package| format!("{} {}", package.name, package.version))
                .collect();
            names.sort();
            assert_eq!(names, ["large 1.0-1", "linuxqq 3.2.1-1", "squid 7:6.1-1",]);
        }
    }

    #[test]
    fn every_pair_of_many_buckets_is_found_once() {
        let (walked, mut found) = pairs(MANY, 100);
        assert_eq!(walked, Some(()));
        found.sort();
        let expected: Vec<_> = (1000..1500)
            .map(|n| (format!("key-{n}").into_bytes(), format!("value-{n}").into_bytes()))
            .collect();
        assert_eq!(found, expected);
        assert!(
            pairs(MANY, 3).1.iter().all(|(_, value)| value == b"val"),
            "as much as asked"
        );
    }

    #[test]
    fn what_is_no_such_file_or_ends_too_early_is_refused() {
        assert_eq!(pairs(b"", 10).0, None);
        assert_eq!(pairs(&[0; 4_096], 10).0, None);
        assert_eq!(pairs(&LITTLE[..LITTLE.len() / 2], 1 << 20).0, None);
        // A page that names itself as the next one ends at the bound.
        let mut ring = MANY.to_vec();
        let first = 512;
        ring[first + 16..first + 20].copy_from_slice(&1u32.to_le_bytes());
        // However many pages it says that it has.
        ring[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut pairs = 0;
        assert_eq!(hash_pairs(&*ring, 10, |_, _| pairs += 1), None);
        assert!(pairs < ring.len() / first * 100, "{pairs}");
    }

    proptest! {
        #[test]
        fn damage_never_panics(spots in proptest::collection::vec((0usize..MANY.len(), any::<u8>()), 1..20), cut in 0usize..MANY.len()) {
            let mut file = MANY.to_vec();
            for (at, byte) in spots {
                file[at] = byte;
            }
            hash_pairs(&*file, 100, |_, _| ());
            file.truncate(cut);
            hash_pairs(&*file, 100, |_, _| ());
        }
    }
}
