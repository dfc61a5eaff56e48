//! A hive file: the part of the registry that belongs to the machine, or to a person who is not signed in. Reads
//! cell by cell through whatever holds the bytes; follows nothing twice; writes nothing. What stands in the
//! transaction logs beside the file and was not yet written into it is not seen: [`HiveKey::is_settled`] tells.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::{Fault, Key, MAX_KEYS, MAX_VALUE, MAX_VALUES, Value, Values, parse_wide, unix_seconds};
use crate::sqlite::Blocks;

/// Where the cells begin; offsets in the file count from here.
const BINS: u64 = 4_096;
/// Largest cell that is read: what holds the names of all keys below a large one.
const MAX_CELL: usize = 2 << 20;
/// Most bytes of the values of one key together.
const MAX_OF_KEY: usize = 8 << 20;
/// Data above this is spread over several cells.
const SEGMENT: usize = 16_344;
/// Largest beginning of a cell that describes a key or a value: what is fixed, and the longest name.
const MAX_HEAD: usize = 76 + 2 * 16_384;
/// Most bytes that are read of one hive in all: a damaged one may lead to the same place on many ways.
const MAX_READ: usize = 256 << 20;
/// Longest way from the root.
const MAX_DEPTH: usize = 512;
const NONE: u32 = u32::MAX;

struct Hive<B> {
    blocks: RefCell<B>,
    left: Cell<usize>,
    settled: bool,
}

/// A key of a hive.
pub struct HiveKey<B> {
    hive: Rc<Hive<B>>,
    node: Vec<u8>,
}

impl<B: Blocks> HiveKey<B> {
    /// The root key of a hive; `None` where the bytes are no hive.
    pub fn root(mut blocks: B) -> Option<Self> {
        let header = blocks.read(0, 512)?;
        if !header.starts_with(b"regf") || u32_at(&header, 20)? != 1 {
            return None;
        }
        let hive = Hive {
            settled: u32_at(&header, 4)? == u32_at(&header, 8)?,
            left: Cell::new(MAX_READ),
            blocks: RefCell::new(blocks),
        };
        let node = hive.node(u32_at(&header, 36)?).ok()?;
        Some(Self {
            hive: Rc::new(hive),
            node,
        })
    }

    /// Whether the last write into the file was completed. Where it was not, the newest changes stand in the logs.
    pub fn is_settled(&self) -> bool {
        self.hive.settled
    }

    fn name(node: &[u8]) -> Option<String> {
        let length = usize::from(u16_at(node, 72)?);
        let name = node.get(76..76 + length)?;
        Some(name_of(name, u16_at(node, 2)? & 0x20 != 0))
    }
}

impl<B: Blocks> Hive<B> {
    fn node(&self, offset: u32) -> Result<Vec<u8>, Fault> {
        let cell = self.begin_of_cell(offset, MAX_HEAD).ok_or(Fault::Damaged)?;
        if cell.starts_with(b"nk") && cell.len() >= 76 {
            Ok(cell)
        } else {
            Err(Fault::Damaged)
        }
    }

    /// Content of a cell that is in use.
    fn cell(&self, offset: u32) -> Option<Vec<u8>> {
        self.begin_of_cell(offset, MAX_CELL)
    }

    /// The same of a cell that may be larger than what is needed of it.
    fn begin_of_cell(&self, offset: u32, needed: usize) -> Option<Vec<u8>> {
        let at = BINS + u64::from(offset);
        let size = i32::from_le_bytes(self.read(at, 4)?.try_into().ok()?);
        // A negative size means that the cell is in use.
        let size = usize::try_from(size.checked_neg()?).ok()?.checked_sub(4)?;
        if size > MAX_CELL {
            return None;
        }
        self.read(at + 4, size.min(needed))
    }

    fn read(&self, at: u64, length: usize) -> Option<Vec<u8>> {
        self.left.set(self.left.get().checked_sub(length)?);
        self.blocks.borrow_mut().read(at, length)
    }

    /// Offsets of the nodes below one.
    fn below(&self, node: &[u8]) -> Result<Vec<u32>, Fault> {
        let count = u32_at(node, 20).ok_or(Fault::Damaged)?;
        let list = u32_at(node, 28).ok_or(Fault::Damaged)?;
        if count == 0 || list == NONE {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        self.list(list, 0, &mut found)?;
        Ok(found)
    }

    fn list(&self, offset: u32, depth: u32, into: &mut Vec<u32>) -> Result<(), Fault> {
        let cell = self.cell(offset).ok_or(Fault::Damaged)?;
        let count = usize::from(u16_at(&cell, 2).ok_or(Fault::Damaged)?);
        let step = match cell.get(..2) {
            Some(b"lf" | b"lh") => 8,
            Some(b"li" | b"ri") => 4,
            _ => return Err(Fault::Damaged),
        };
        for index in 0..count {
            let to = u32_at(&cell, 4 + index * step).ok_or(Fault::Damaged)?;
            if cell.starts_with(b"ri") {
                // A list of lists holds no further lists of lists.
                if depth > 0 {
                    return Err(Fault::Damaged);
                }
                self.list(to, depth + 1, into)?;
            } else if into.len() == MAX_KEYS {
                return Err(Fault::TooMuch);
            } else {
                into.push(to);
            }
        }
        Ok(())
    }

    /// Name and content of a value.
    fn value_at(&self, offset: u32) -> Option<(String, Value)> {
        let cell = self.begin_of_cell(offset, MAX_HEAD)?;
        if !cell.starts_with(b"vk") {
            return None;
        }
        let name = cell.get(20..20 + usize::from(u16_at(&cell, 2)?))?;
        let name = name_of(name, u16_at(&cell, 16)? & 1 != 0);
        let size = u32_at(&cell, 4)?;
        let kind = u32_at(&cell, 12)?;
        let length = usize::try_from(size & 0x7fff_ffff).ok()?;
        let bytes = if size & 0x8000_0000 != 0 {
            // Four bytes and less stand where the offset would.
            cell.get(8..8 + length.min(4))?.to_vec()
        } else if length == 0 {
            Vec::new()
        } else {
            self.data(u32_at(&cell, 8)?, length)?
        };
        Some((name, Value::new(kind, bytes)))
    }

    fn data(&self, offset: u32, length: usize) -> Option<Vec<u8>> {
        let wanted = length.min(MAX_VALUE);
        let cell = self.cell(offset)?;
        if length <= SEGMENT || !cell.starts_with(b"db") {
            return cell.get(..wanted).map(<[u8]>::to_vec);
        }
        let count = usize::from(u16_at(&cell, 2)?);
        let list = self.cell(u32_at(&cell, 4)?)?;
        let mut bytes = Vec::new();
        for index in 0..count {
            let segment = self.cell(u32_at(&list, index * 4)?)?;
            bytes.extend_from_slice(segment.get(..segment.len().min(SEGMENT))?);
            if bytes.len() >= wanted {
                bytes.truncate(wanted);
                return Some(bytes);
            }
        }
        None
    }

    /// Begins of values, enough for their names.
    fn named(&self, node: &[u8], wanted: &str) -> Result<Option<Value>, Fault> {
        for offset in self.value_offsets(node)? {
            let Some(head) = self.head(offset) else {
                return Err(Fault::Damaged);
            };
            if same(&head, wanted) {
                return match self.value_at(offset) {
                    Some((_, value)) => Ok(Some(value)),
                    None => Err(Fault::Damaged),
                };
            }
        }
        Ok(None)
    }

    fn head(&self, offset: u32) -> Option<String> {
        let head = self.begin_of_cell(offset, 20)?;
        if !head.starts_with(b"vk") {
            return None;
        }
        let length = usize::from(u16_at(&head, 2)?);
        let name = self.read(BINS + u64::from(offset) + 24, length)?;
        Some(name_of(&name, u16_at(&head, 16)? & 1 != 0))
    }

    fn value_offsets(&self, node: &[u8]) -> Result<Vec<u32>, Fault> {
        let count = u32_at(node, 36).ok_or(Fault::Damaged)?;
        let list = u32_at(node, 40).ok_or(Fault::Damaged)?;
        if count == 0 || list == NONE {
            return Ok(Vec::new());
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > MAX_VALUES {
            return Err(Fault::TooMuch);
        }
        let cell = self.cell(list).ok_or(Fault::Damaged)?;
        (0..count)
            .map(|index| u32_at(&cell, index * 4).ok_or(Fault::Damaged))
            .collect()
    }
}

impl<B: Blocks> Key for HiveKey<B> {
    fn names(&self) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        for offset in self.hive.below(&self.node)? {
            let node = self.hive.node(offset)?;
            names.push(Self::name(&node).ok_or(Fault::Damaged)?);
        }
        Ok(names)
    }

    fn each(&self, each: &mut dyn FnMut(&str, Result<Self, Fault>)) -> Result<(), Fault> {
        let mut damaged = false;
        for offset in self.hive.below(&self.node)? {
            let node = self.hive.node(offset);
            match node.map(|node| (Self::name(&node), node)) {
                Ok((Some(name), node)) => {
                    let hive = Rc::clone(&self.hive);
                    each(&name, Ok(Self { hive, node }));
                }
                // The others are read all the same.
                _ => damaged = true,
            }
        }
        if damaged { Err(Fault::Damaged) } else { Ok(()) }
    }

    fn open(&self, path: &str) -> Result<Option<Self>, Fault> {
        let mut here = self.node.clone();
        for (depth, step) in path.split('\\').filter(|step| !step.is_empty()).enumerate() {
            if depth > MAX_DEPTH {
                return Err(Fault::TooMuch);
            }
            let mut next = None;
            for offset in self.hive.below(&here)? {
                let node = self.hive.node(offset)?;
                if Self::name(&node).is_some_and(|name| same(&name, step)) {
                    next = Some(node);
                    break;
                }
            }
            match next {
                Some(node) => here = node,
                None => return Ok(None),
            }
        }
        Ok(Some(Self {
            hive: Rc::clone(&self.hive),
            node: here,
        }))
    }

    fn value(&self, name: &str) -> Result<Option<Value>, Fault> {
        self.hive.named(&self.node, name)
    }

    fn values(&self) -> Result<Values, Fault> {
        let mut values = Values::default();
        let mut bytes = 0;
        for offset in self.hive.value_offsets(&self.node)? {
            match self.hive.value_at(offset) {
                Some((name, value)) => {
                    bytes += value.bytes.len();
                    values.all.push((name, value));
                }
                None => values.damaged = true,
            }
            if bytes > MAX_OF_KEY {
                return Err(Fault::TooMuch);
            }
        }
        Ok(values)
    }

    fn written(&self) -> Option<i64> {
        let time = self.node.get(4..12)?;
        unix_seconds(u64::from_le_bytes(time.try_into().ok()?))
    }
}

/// Names stand in one byte per character (Latin-1) where that is enough.
fn name_of(bytes: &[u8], compressed: bool) -> String {
    if compressed {
        bytes.iter().copied().map(char::from).collect()
    } else {
        parse_wide(bytes)
    }
}

fn same(a: &str, b: &str) -> bool {
    a == b
        || a.chars()
            .flat_map(char::to_lowercase)
            .eq(b.chars().flat_map(char::to_lowercase))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}
