//! Lays a payload out in columns for the way, and back to the very bytes: all names beside each other, then all
//! versions, ... A stream compresser has far less to say then, as rows repeat the shape and columns the content.
//! A text that stands in the item's key, or that the column had before, is a number here.
//! Compresses nothing itself, and knows no value: only which fields hold messages, and which one is the key.
//!
//! Layout: the number of columns; each column's name and length; the columns. A column of numbers is a shift and
//! the numbers without so many of their lowest bits, which are zero in all of them. A field of texts has two
//! columns, where each text comes from ([`SAID`] and its siblings) and the texts that are said for the first time.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use prost::encoding::{decode_varint, encode_varint};

use crate::{decode::Malformed, limits::RECORD_BYTES};

/// Most columns; the contract has fewer fields.
const COLUMNS: usize = 1_024;
/// Most texts that a column is looked back over: what one says is never far from its like.
const KNOWN: usize = 1 << 16;
/// The column that holds the order of the fields. No field has the number 0.
const SHAPE: u64 = 0;
/// Ends a text in its column, and a message in the shape.
const END: u8 = 0;
/// Stands before what replaces [`END`] and itself inside a text.
const ESCAPE: u8 = 1;
const VARINT: u64 = 0;
const BYTES: u64 = 2;

/// The text is the next one of the column's texts.
const SAID: u64 = 0;
/// The text is the item's key.
const KEY: u64 = 1;
/// The text is the item's key before its last colon.
const KEY_BEFORE_COLON: u64 = 2;
/// From here on: how many texts ago, counting first sayings only, the column had it.
const BACK: u64 = 3;

/// The payload in columns, or `None` where it has a shape that columns do not carry: it travels as it is then. In
/// pieces within which bytes are of one kind: the head, then each column.
pub(crate) fn pieces(payload: &[u8]) -> Option<Vec<Vec<u8>>> {
    if payload.len() > RECORD_BYTES {
        return None;
    }
    let mut writer = Writer::default();
    writer.split(payload, 0)?;
    let mut columns = writer.columns();
    if columns.len() > COLUMNS {
        return None;
    }
    // By size, so that columns that say the same stand beside each other, within the reach of a compresser.
    columns.sort_by_key(|(name, bytes)| (bytes.len(), *name));
    let mut head = Vec::new();
    encode_varint(columns.len() as u64, &mut head);
    for (name, bytes) in &columns {
        encode_varint(*name, &mut head);
        encode_varint(bytes.len() as u64, &mut head);
    }
    let mut pieces = vec![head];
    pieces.extend(columns.into_iter().map(|(_, bytes)| bytes));
    // The hash of a payload tells a resend from a fork: another writing of the same values is not the same.
    (unpack(&pieces.concat()).ok()? == payload).then_some(pieces)
}

/// The payload that [`pieces`] was given. Never makes more than [`RECORD_BYTES`].
pub(crate) fn unpack(packed: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut rest = packed;
    let count = number(&mut rest)?;
    if count > COLUMNS as u64 {
        return Err(Malformed::TooLarge {
            what: "the number of columns of a record",
            limit: COLUMNS,
        });
    }
    let mut lengths = Vec::new();
    for _ in 0..count {
        lengths.push((number(&mut rest)?, number(&mut rest)?));
    }
    let mut reader = Reader::default();
    for (name, length) in lengths {
        let length = usize::try_from(length).map_err(|_| damaged())?;
        let (column, after) = rest.split_at_checked(length).ok_or_else(damaged)?;
        rest = after;
        reader.add(name, column)?;
    }
    let mut payload = Vec::with_capacity(packed.len().min(RECORD_BYTES));
    let mut shape = reader
        .columns
        .remove(&name(SHAPE, SOURCES))
        .ok_or_else(damaged)?
        .bytes;
    reader.join(&mut shape, 0, &mut payload)?;
    let all_read =
        rest.is_empty() && shape.is_empty() && reader.columns.values().all(|column| column.bytes.is_empty());
    if all_read { Ok(payload) } else { Err(damaged()) }
}

/// The half of a field that says where its texts come from; its numbers, where it holds numbers.
const SOURCES: u64 = 0;
/// The half of a field that holds its texts.
const TEXTS: u64 = 1;

/// What a column is called: where its field is, and which half of it.
fn name(path: u64, half: u64) -> u64 {
    path << 1 | half
}

/// A payload being taken apart.
#[derive(Default)]
struct Writer<'a> {
    shape: Vec<u8>,
    numbers: BTreeMap<u64, Vec<u64>>,
    texts: BTreeMap<u64, Texts<'a>>,
    key: &'a [u8],
}

#[derive(Default)]
struct Texts<'a> {
    sources: Vec<u8>,
    said: Vec<u8>,
    sayings: u64,
    /// Which saying a text was.
    known: HashMap<&'a [u8], u64>,
}

impl<'a> Writer<'a> {
    fn split(&mut self, mut message: &'a [u8], at: u64) -> Option<()> {
        while !message.is_empty() {
            let tag = decode_varint(&mut message).ok()?;
            let path = below(at, tag)?;
            encode_varint(tag, &mut self.shape);
            match tag & 7 {
                VARINT => {
                    let number = decode_varint(&mut message).ok()?;
                    self.numbers.entry(path).or_default().push(number);
                }
                BYTES => {
                    let length = usize::try_from(decode_varint(&mut message).ok()?).ok()?;
                    let (value, after) = message.split_at_checked(length)?;
                    message = after;
                    if is_message(path) {
                        self.split(value, path)?;
                    } else {
                        self.texts.entry(path).or_default().add(value, self.key);
                        if is_key(path) {
                            self.key = value;
                        }
                    }
                }
                _ => return None,
            }
        }
        if is_item(at) {
            self.key = &[];
        }
        self.shape.push(END);
        Some(())
    }

    fn columns(self) -> Vec<(u64, Vec<u8>)> {
        let mut columns = vec![(name(SHAPE, SOURCES), self.shape)];
        for (path, numbers) in self.numbers {
            let all = numbers.iter().fold(0, |all, number| all | number);
            let shift = if all == 0 { 0 } else { all.trailing_zeros() };
            let mut column = Vec::with_capacity(numbers.len() + 1);
            encode_varint(shift.into(), &mut column);
            for number in numbers {
                encode_varint(number >> shift, &mut column);
            }
            columns.push((name(path, SOURCES), column));
        }
        for (path, texts) in self.texts {
            columns.push((name(path, SOURCES), texts.sources));
            columns.push((name(path, TEXTS), texts.said));
        }
        columns
    }
}

impl<'a> Texts<'a> {
    fn add(&mut self, value: &'a [u8], key: &[u8]) {
        let source = if !key.is_empty() && value == key {
            KEY
        } else if before_colon(key).is_some_and(|before| before == value) {
            KEY_BEFORE_COLON
        } else if let Some(saying) = self.known.get(value) {
            BACK + (self.sayings - saying - 1)
        } else {
            if self.known.len() < KNOWN {
                self.known.insert(value, self.sayings);
            }
            self.sayings += 1;
            escape(value, &mut self.said);
            SAID
        };
        encode_varint(source, &mut self.sources);
    }
}

/// A payload being put together.
#[derive(Default)]
struct Reader<'a> {
    columns: BTreeMap<u64, Column<'a>>,
    key: Vec<u8>,
}

#[derive(Default)]
struct Column<'a> {
    bytes: &'a [u8],
    /// The shift of a column of numbers, once it was read.
    shift: Option<u32>,
    /// The texts that were said, in their order.
    said: Vec<Cow<'a, [u8]>>,
}

impl<'a> Reader<'a> {
    fn add(&mut self, name: u64, bytes: &'a [u8]) -> Result<(), Malformed> {
        let column = Column {
            bytes,
            ..Column::default()
        };
        match self.columns.insert(name, column) {
            None => Ok(()),
            Some(_) => Err(damaged()),
        }
    }

    fn join(&mut self, shape: &mut &[u8], at: u64, payload: &mut Vec<u8>) -> Result<(), Malformed> {
        loop {
            let tag = number(shape)?;
            if tag == u64::from(END) {
                if is_item(at) {
                    self.key.clear();
                }
                return Ok(());
            }
            let path = below(at, tag).ok_or_else(damaged)?;
            encode_varint(tag, payload);
            match tag & 7 {
                VARINT => encode_varint(self.number(path)?, payload),
                BYTES if is_message(path) => {
                    let start = payload.len();
                    self.join(shape, path, payload)?;
                    let mut length = Vec::new();
                    encode_varint((payload.len() - start) as u64, &mut length);
                    payload.splice(start..start, length);
                }
                BYTES => self.text(path, payload)?,
                _ => return Err(damaged()),
            }
            if payload.len() > RECORD_BYTES {
                return Err(Malformed::TooLarge {
                    what: "a payload",
                    limit: RECORD_BYTES,
                });
            }
        }
    }

    fn number(&mut self, path: u64) -> Result<u64, Malformed> {
        let column = self.columns.get_mut(&name(path, SOURCES)).ok_or_else(damaged)?;
        let shift = match column.shift {
            Some(shift) => shift,
            None => {
                let shift = u32::try_from(number(&mut column.bytes)?).map_err(|_| damaged())?;
                *column.shift.insert(shift)
            }
        };
        number(&mut column.bytes)?.checked_shl(shift).ok_or_else(damaged)
    }

    fn text(&mut self, path: u64, payload: &mut Vec<u8>) -> Result<(), Malformed> {
        let sources = self.columns.get_mut(&name(path, SOURCES)).ok_or_else(damaged)?;
        let source = number(&mut sources.bytes)?;
        let value: &[u8] = match source {
            KEY => &self.key,
            KEY_BEFORE_COLON => before_colon(&self.key).ok_or_else(damaged)?,
            _ => {
                let column = self.columns.get_mut(&name(path, TEXTS)).ok_or_else(damaged)?;
                column.text(source)?
            }
        };
        encode_varint(value.len() as u64, payload);
        payload.extend_from_slice(value);
        if is_key(path) {
            self.key = value.to_vec();
        }
        Ok(())
    }
}

impl<'a> Column<'a> {
    /// The next text, or the one that was said so many first sayings ago.
    fn text(&mut self, source: u64) -> Result<&[u8], Malformed> {
        let at = if source == SAID {
            self.said.push(unescape(&mut self.bytes)?);
            self.said.len() - 1
        } else {
            let back = usize::try_from(source - BACK).map_err(|_| damaged())?;
            let last = self.said.len().checked_sub(1).ok_or_else(damaged)?;
            last.checked_sub(back).ok_or_else(damaged)?
        };
        self.said.get(at).map(AsRef::as_ref).ok_or_else(damaged)
    }
}

/// Where a field is: the numbers of the fields above it and its own, a byte each.
fn below(at: u64, tag: u64) -> Option<u64> {
    let field = tag >> 3;
    ((1..=255).contains(&field) && at < 1 << 32).then_some(at << 8 | field)
}

/// Whether a field of a payload is taken apart: the items of a delta and of a chunk, and the facts in them.
fn is_message(path: u64) -> bool {
    const DELTA: u64 = 2;
    const CHUNK: u64 = 3;
    match path {
        DELTA | CHUNK => true,
        // Sources, gone, put, events; sources, items.
        0x02_01..=0x02_04 | 0x03_05 | 0x03_06 => true,
        // Facet and local part of an item; the facet of an event.
        0x02_03_05 | 0x02_03_06 | 0x03_06_05 | 0x03_06_06 | 0x02_04_07 => true,
        // The fact of a facet, of whichever kind.
        _ => matches!(path >> 8, 0x02_03_05 | 0x03_06_05 | 0x02_04_07),
    }
}

/// Whether a message is an item, of a delta or of a chunk.
fn is_item(path: u64) -> bool {
    matches!(path, 0x02_03 | 0x03_06)
}

/// Whether a field is the key of an item.
fn is_key(path: u64) -> bool {
    const KEY_FIELD: u64 = 3;
    is_item(path >> 8) && path & 0xff == KEY_FIELD
}

fn before_colon(key: &[u8]) -> Option<&[u8]> {
    key.iter().rposition(|byte| *byte == b':').map(|at| &key[..at])
}

fn escape(value: &[u8], column: &mut Vec<u8>) {
    for byte in value {
        match *byte {
            END => column.extend([ESCAPE, 1]),
            ESCAPE => column.extend([ESCAPE, 2]),
            other => column.push(other),
        }
    }
    column.push(END);
}

fn unescape<'a>(column: &mut &'a [u8]) -> Result<Cow<'a, [u8]>, Malformed> {
    let end = column.iter().position(|byte| *byte == END).ok_or_else(damaged)?;
    let (value, rest) = column.split_at(end);
    *column = &rest[1..];
    if !value.contains(&ESCAPE) {
        return Ok(Cow::Borrowed(value));
    }
    let mut plain = Vec::with_capacity(value.len());
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        plain.push(match *byte {
            ESCAPE => match bytes.next() {
                Some(1) => END,
                Some(2) => ESCAPE,
                _ => return Err(damaged()),
            },
            other => other,
        });
    }
    Ok(Cow::Owned(plain))
}

fn number(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    decode_varint(bytes).map_err(|_| damaged())
}

fn damaged() -> Malformed {
    Malformed::Encoding("the columns of a record")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::v1::{
        Delta, Event, Facet, Item, Local, Payload, Sample, Section, SnapshotChunk, Software, SourceState,
        Stamp, payload::Body,
    };

    fn pack(payload: &[u8]) -> Option<Vec<u8>> {
        Some(pieces(payload)?.concat())
    }

    fn item(name: &str) -> Item {
        Item {
            section: Section::Software.into(),
            source: "dpkg".into(),
            key: name.into(),
            principal: "\0\u{1}".into(),
            facet: Facet::from(Software {
                name: name.into(),
                system_component: true,
                ..Software::default()
            })
            .encode_to_vec()
            .into(),
            local: Local {
                size_bytes: 1 << 40,
                ..Local::default()
            }
            .encode_to_vec()
            .into(),
        }
    }

    fn delta() -> Payload {
        Payload {
            stamp: Some(Stamp::default()),
            body: Some(Body::Delta(Delta {
                sources: vec![SourceState::default()],
                put: vec![item("vim"), item("qq"), item("")],
                events: vec![Event {
                    id: vec![0, 1, 2, 255],
                    facet: item("vim").facet.to_vec(),
                    ..Event::default()
                }],
                samples: vec![Sample {
                    value: 1.5,
                    ..Sample::default()
                }],
                ..Delta::default()
            })),
        }
    }

    #[test]
    fn a_payload_comes_back_byte_by_byte() {
        let chunk = Payload {
            body: Some(Body::Chunk(SnapshotChunk {
                snapshot_id: (0..16).collect(),
                items: (0..300).map(|n| item(&n.to_string())).collect(),
                ..SnapshotChunk::default()
            })),
            ..Payload::default()
        };
        for payload in [delta(), chunk, Payload::default()] {
            let bytes = payload.encode_to_vec();
            assert_eq!(unpack(&pack(&bytes).unwrap()).unwrap(), bytes);
        }
    }

    #[test]
    fn what_is_written_another_way_travels_as_it_is() {
        // A delta whose length is spelt with a needless byte, one that is cut, a fixed number.
        for other in [&[0x12, 0x80, 0x00][..], &[0x12, 0x05, 0x0a], &[0x09; 9]] {
            assert_eq!(pack(other), None);
        }
    }

    /// A delta of so many items, each of which names an empty source: four bytes each.
    fn items(count: usize) -> Vec<u8> {
        let shape = [&[0x12][..], &[0x1a, 0x12, 0].repeat(count), &[0, 0]].concat();
        let columns = [
            (name(SHAPE, SOURCES), shape),
            (name(0x02_03_02, SOURCES), vec![SAID as u8; count]),
            (name(0x02_03_02, TEXTS), vec![END; count]),
        ];
        together(&columns)
    }

    fn together(columns: &[(u64, Vec<u8>)]) -> Vec<u8> {
        let mut packed = Vec::new();
        encode_varint(columns.len() as u64, &mut packed);
        for (name, column) in columns {
            encode_varint(*name, &mut packed);
            encode_varint(column.len() as u64, &mut packed);
        }
        columns
            .iter()
            .fold(packed, |packed, (_, column)| [packed, column.clone()].concat())
    }

    /// An item whose source is a text that was never said, or whose number is shifted out of sight.
    #[test]
    fn texts_from_nowhere_are_refused() {
        let shape = (name(SHAPE, SOURCES), vec![0x12, 0x1a, 0x12, 0, 0, 0]);
        for source in [KEY_BEFORE_COLON as u8, BACK as u8, 0x7f] {
            let texts = (name(0x02_03_02, SOURCES), vec![source]);
            let columns = [shape.clone(), texts, (name(0x02_03_02, TEXTS), vec![])];
            assert!(unpack(&together(&columns)).is_err(), "{source}");
        }
        let shape = (name(SHAPE, SOURCES), vec![0x12, 0x1a, 0x08, 0, 0, 0]);
        let columns = [shape, (name(0x02_03_01, SOURCES), vec![64, 1])];
        assert!(unpack(&together(&columns)).is_err());
    }

    #[test]
    fn what_an_item_says_again_is_not_said_again() {
        let package = |name: &str, key: &str| {
            let mut item = item(name);
            item.key = key.into();
            item
        };
        let names: Vec<String> = (0..200)
            .map(|n| format!("a-long-name-of-a-package-{n}"))
            .collect();
        let put = names
            .iter()
            .flat_map(|name| [package(name, name), package(name, &format!("{name}:i386"))]);
        let payload = Payload {
            body: Some(Body::Delta(Delta {
                put: put.collect(),
                ..Delta::default()
            })),
            ..Payload::default()
        }
        .encode_to_vec();
        let packed = pack(&payload).unwrap();
        assert_eq!(unpack(&packed).unwrap(), payload);
        let said = |text: &str| {
            packed
                .windows(text.len())
                .filter(|part| *part == text.as_bytes())
                .count()
        };
        assert_eq!(said("a-long-name-of-a-package-77"), 2, "in the keys alone");
    }

    #[test]
    fn no_columns_make_more_than_a_record() {
        assert!(unpack(&items(RECORD_BYTES / 4 - 2)).is_ok());
        assert!(matches!(
            unpack(&items(RECORD_BYTES / 4)),
            Err(Malformed::TooLarge { .. })
        ));
    }

    #[test]
    fn too_many_columns_are_refused_before_they_are_read() {
        let mut packed = Vec::new();
        encode_varint(u64::MAX, &mut packed);
        assert!(matches!(unpack(&packed), Err(Malformed::TooLarge { .. })));
    }

    #[test]
    fn cut_or_longer_columns_are_refused() {
        let packed = pack(&delta().encode_to_vec()).unwrap();
        for end in 0..packed.len() {
            assert!(unpack(&packed[..end]).is_err(), "{end}");
        }
        assert!(unpack(&[packed, vec![0]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(packed) = pack(&bytes) {
                prop_assert_eq!(unpack(&packed).unwrap(), bytes.clone());
            }
            drop(unpack(&bytes));
        }

        #[test]
        fn altered_columns_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut packed = pack(&delta().encode_to_vec()).unwrap();
            let at = at.index(packed.len());
            packed[at] = byte;
            drop(unpack(&packed));
        }
    }
}
