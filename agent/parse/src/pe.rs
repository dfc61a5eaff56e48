//! Programs of Windows: the version resource, by which one tells its name, maker and version, also after somebody renamed
//! the file. Reads the few places of the file that lead there.

use crate::{registry::parse_wide, sqlite::Blocks, text};

/// Most sections of a program.
const MAX_SECTIONS: usize = 96;
/// Most entries of one directory of resources that are looked at.
const MAX_ENTRIES: usize = 4_096;
/// Largest version resource.
const MAX_RESOURCE: u32 = 64 << 10;
/// Most blocks inside a version resource.
const MAX_BLOCKS: usize = 1_000;
/// Longest text that is kept.
const MAX_TEXT: usize = 512;
/// Kind of resources that hold versions.
const VERSION: u32 = 16;
/// The directory of a program that leads to its resources.
const RESOURCES: usize = 2;

/// What a program says about itself; empty where it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// Name of the file when it was made.
    pub original_name: String,
    /// Product that it belongs to.
    pub product: String,
    /// What it is.
    pub description: String,
    /// Who made it.
    pub company: String,
    /// Version of the file.
    pub version: String,
}

struct Section {
    address: u32,
    size: u32,
    offset: u32,
}

/// Where the parts of a program are described.
struct Head {
    /// Place of the directories, and how many there are.
    directories: u64,
    count: usize,
    /// Place of the table of sections, and how many there are.
    table: u64,
    sections: usize,
}

fn head(blocks: &mut impl Blocks) -> Option<Head> {
    let head = u64::from(u32_at(&blocks.read(0x3c, 4)?, 0)?);
    let coff = blocks.read(head, 26)?;
    if !coff.starts_with(b"PE\0\0") {
        return None;
    }
    // The place of the directories depends on the width of addresses.
    let directories = head
        + 24
        + match u16_at(&coff, 24)? {
            0x10b => 96,
            0x20b => 112,
            _ => return None,
        };
    let count = u32_at(&blocks.read(directories - 4, 4)?, 0)?;
    Some(Head {
        directories,
        count: usize::try_from(count).ok()?,
        table: head + 24 + u64::from(u16_at(&coff, 20)?),
        sections: usize::from(u16_at(&coff, 6)?).min(MAX_SECTIONS),
    })
}

/// Place and size that a directory of a program gives; `None` where the bytes are no program, or it has none.
pub(crate) fn directory(blocks: &mut impl Blocks, number: usize) -> Option<(u32, u32)> {
    let head = head(blocks)?;
    if number >= head.count {
        return None;
    }
    let row = blocks.read(head.directories + number as u64 * 8, 8)?;
    Some((u32_at(&row, 0)?, u32_at(&row, 4)?))
}

/// The version resource of a program; `None` where the bytes are no program, or it has none.
pub fn version_of(mut blocks: impl Blocks) -> Option<Version> {
    let (resources, _) = directory(&mut blocks, RESOURCES)?;
    if resources == 0 {
        return None;
    }
    let head = head(&mut blocks)?;
    let table = blocks.read(head.table, head.sections * 40)?;
    let sections: Vec<Section> = table
        .chunks_exact(40)
        .filter_map(|row| {
            Some(Section {
                address: u32_at(row, 12)?,
                size: u32_at(row, 16)?.max(u32_at(row, 8)?),
                offset: u32_at(row, 20)?,
            })
        })
        .collect();
    let base = place(&sections, resources)?;
    let kind = entry(&mut blocks, base, 0, Some(VERSION))?;
    let name = entry(&mut blocks, base, kind, None)?;
    let language = entry(&mut blocks, base, name, None)?;
    let leaf = blocks.read(base + u64::from(language), 8)?;
    let size = u32_at(&leaf, 4)?.min(MAX_RESOURCE);
    let bytes = blocks.read(place(&sections, u32_at(&leaf, 0)?)?, usize::try_from(size).ok()?)?;
    Some(parse_version(&bytes))
}

/// Where an address of the loaded program stands in the file.
fn place(sections: &[Section], address: u32) -> Option<u64> {
    let section = sections
        .iter()
        .find(|section| address >= section.address && address - section.address < section.size)?;
    Some(u64::from(section.offset) + u64::from(address - section.address))
}

/// Where the wanted entry of a directory leads to, or the first one.
fn entry(blocks: &mut impl Blocks, base: u64, directory: u32, wanted: Option<u32>) -> Option<u32> {
    let at = base + u64::from(directory & 0x7fff_ffff);
    let head = blocks.read(at, 16)?;
    let count = usize::from(u16_at(&head, 12)?) + usize::from(u16_at(&head, 14)?);
    for index in 0..count.min(MAX_ENTRIES) {
        let row = blocks.read(at + 16 + index as u64 * 8, 8)?;
        if wanted.is_none_or(|wanted| u32_at(&row, 0) == Some(wanted)) {
            return u32_at(&row, 4);
        }
    }
    None
}

/// Reads the content of a version resource: blocks in blocks, each with its length, a name and a value.
pub fn parse_version(bytes: &[u8]) -> Version {
    let mut version = Version::default();
    let mut left = MAX_BLOCKS;
    walk(bytes, 0, &mut left, &mut version);
    version
}

fn walk(bytes: &[u8], depth: usize, left: &mut usize, into: &mut Version) {
    let mut rest = bytes;
    while let (Some(length), Some(next)) = (u16_at(rest, 0).map(usize::from), left.checked_sub(1)) {
        *left = next;
        let Some(block) = rest
            .get(..length.min(rest.len()))
            .filter(|block| block.len() >= 8)
        else {
            return;
        };
        one(block, depth, left, into);
        let Some(after) = rest.get(length.next_multiple_of(4)..) else {
            return;
        };
        rest = after;
    }
}

fn one(block: &[u8], depth: usize, left: &mut usize, into: &mut Version) {
    let units = block.get(6..).unwrap_or_default();
    let Some(end) = units.chunks_exact(2).position(|unit| unit == [0, 0]) else {
        return;
    };
    let name = parse_wide(units.get(..end * 2).unwrap_or_default());
    let value_at = (6 + end * 2 + 2).next_multiple_of(4);
    let value = block.get(value_at..).unwrap_or_default();
    let length = usize::from(u16_at(block, 2).unwrap_or_default());
    match depth {
        0 => {
            if into.version.is_empty() {
                into.version = numbers(value).unwrap_or_default();
            }
            walk(
                value.get(length.next_multiple_of(4)..).unwrap_or_default(),
                1,
                left,
                into,
            );
        }
        // StringFileInfo holds tables, one per language, and these the texts.
        1 if name == "StringFileInfo" => walk(value, 2, left, into),
        2 => walk(value, 3, left, into),
        3 => {
            let text = parse_wide(value);
            let text = text::kept(&text, MAX_TEXT).to_owned();
            let slot = match name.as_str() {
                "OriginalFilename" => &mut into.original_name,
                "ProductName" => &mut into.product,
                "FileDescription" => &mut into.description,
                "CompanyName" => &mut into.company,
                _ => return,
            };
            // The first language counts.
            if slot.is_empty() {
                *slot = text;
            }
        }
        _ => {}
    }
}

/// The version in the fixed part, which is the same in every language.
fn numbers(fixed: &[u8]) -> Option<String> {
    if u32_at(fixed, 0)? != 0xfeef_04bd {
        return None;
    }
    let (high, low) = (u32_at(fixed, 8)?, u32_at(fixed, 12)?);
    Some(format!(
        "{}.{}.{}.{}",
        high >> 16,
        high & 0xffff,
        low >> 16,
        low & 0xffff
    ))
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program with nothing but a version resource, which the resource compiler of mingw-w64 made.
    const SAMPLE: &[u8] = include_bytes!("../fixtures/pe/version.exe");

    #[test]
    fn a_program_tells_what_it_is_whatever_its_file_is_called() {
        let found = version_of(SAMPLE).unwrap();
        assert_eq!(
            (
                found.original_name.as_str(),
                found.company.as_str(),
                found.version.as_str()
            ),
            ("QQ样例.exe", "样例科技有限公司", "9.7.1.28940")
        );
        assert_eq!(
            (found.product.as_str(), found.description.as_str()),
            ("QQ样例", "聊天样例")
        );
    }

    #[test]
    fn what_is_cut_or_no_program_has_no_version() {
        assert_eq!(version_of(&SAMPLE[..100]), None);
        assert_eq!(version_of(&b"MZ"[..]), None);
        assert_eq!(version_of(&[0u8; 4_096][..]), None);
        assert_eq!(parse_version(&[]), Version::default());
    }

    proptest::proptest! {
        #[test]
        fn no_damage_makes_it_fail(at in 0usize..2_048, byte in 0u8.., cut in 0usize..4_096) {
            let mut bytes = SAMPLE.to_vec();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            version_of(bytes.as_slice());
            version_of(&bytes[..cut.min(bytes.len())]);
        }

        #[test]
        fn no_resource_makes_it_fail(bytes in proptest::collection::vec(0u8.., 0..300)) {
            assert!(parse_version(&bytes).company.len() <= MAX_TEXT);
        }
    }
}
