//! Lays a payload out in columns for the way, and back to the very bytes: all names beside each other, then all
//! versions, ... A stream compresser has far less to say then, as rows repeat the shape and columns the content.
//! Compresses nothing itself, and knows no value: only which fields hold messages.

use std::collections::BTreeMap;

use prost::encoding::{decode_varint, encode_varint};

use crate::{decode::Malformed, limits::RECORD_BYTES};

/// Payloads below this many bytes have nothing that repeats often enough.
pub const WORTHWHILE: usize = 2 << 10;

/// Most columns; the contract has fewer fields.
const COLUMNS: usize = 1_024;
/// The column that holds the order of the fields. No field has the number 0.
const SHAPE: u64 = 0;
/// Ends a value in its column, and a message in the shape.
const END: u8 = 0;
/// Stands before what replaces [`END`] and itself inside a value.
const ESCAPE: u8 = 1;
const VARINT: u64 = 0;
const BYTES: u64 = 2;

/// The payload in columns, or `None` where it has a shape that columns do not carry: it travels as it is then.
pub fn pack(payload: &[u8]) -> Option<Vec<u8>> {
    if payload.len() > RECORD_BYTES {
        return None;
    }
    let mut columns = BTreeMap::new();
    split(payload, 0, &mut columns)?;
    if columns.len() > COLUMNS {
        return None;
    }
    // By size, so that columns that say the same stand beside each other, within the reach of a compresser.
    let mut columns: Vec<(u64, Vec<u8>)> = columns.into_iter().collect();
    columns.sort_by_key(|(path, bytes)| (bytes.len(), *path));
    let mut packed = Vec::with_capacity(payload.len());
    encode_varint(columns.len() as u64, &mut packed);
    for (path, bytes) in &columns {
        encode_varint(*path, &mut packed);
        encode_varint(bytes.len() as u64, &mut packed);
    }
    for (_, bytes) in &columns {
        packed.extend_from_slice(bytes);
    }
    // The hash of a payload tells a resend from a fork: another writing of the same values is not the same.
    (unpack(&packed).ok()? == payload).then_some(packed)
}

/// The payload that [`pack`] was given. Never makes more than [`RECORD_BYTES`].
pub fn unpack(packed: &[u8]) -> Result<Vec<u8>, Malformed> {
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
    let mut columns = BTreeMap::new();
    for (path, length) in lengths {
        let length = usize::try_from(length).map_err(|_| damaged())?;
        let (column, after) = rest.split_at_checked(length).ok_or_else(damaged)?;
        rest = after;
        if columns.insert(path, column).is_some() {
            return Err(damaged());
        }
    }
    let mut payload = Vec::with_capacity(packed.len().min(RECORD_BYTES));
    let mut shape = columns.remove(&SHAPE).ok_or_else(damaged)?;
    join(&mut shape, 0, &mut columns, &mut payload)?;
    let all_read = shape.is_empty() && rest.is_empty() && columns.values().all(|column| column.is_empty());
    if all_read { Ok(payload) } else { Err(damaged()) }
}

fn split(mut message: &[u8], at: u64, columns: &mut BTreeMap<u64, Vec<u8>>) -> Option<()> {
    while !message.is_empty() {
        let tag = decode_varint(&mut message).ok()?;
        let path = below(at, tag)?;
        encode_varint(tag, columns.entry(SHAPE).or_default());
        match tag & 7 {
            VARINT => encode_varint(
                decode_varint(&mut message).ok()?,
                columns.entry(path).or_default(),
            ),
            BYTES => {
                let length = usize::try_from(decode_varint(&mut message).ok()?).ok()?;
                let (value, after) = message.split_at_checked(length)?;
                message = after;
                if is_message(path) {
                    split(value, path, columns)?;
                } else {
                    escape(value, columns.entry(path).or_default());
                }
            }
            _ => return None,
        }
    }
    columns.entry(SHAPE).or_default().push(END);
    Some(())
}

fn join(
    shape: &mut &[u8],
    at: u64,
    columns: &mut BTreeMap<u64, &[u8]>,
    payload: &mut Vec<u8>,
) -> Result<(), Malformed> {
    loop {
        let tag = number(shape)?;
        if tag == u64::from(END) {
            return Ok(());
        }
        let path = below(at, tag).ok_or_else(damaged)?;
        encode_varint(tag, payload);
        match tag & 7 {
            VARINT => {
                let column = columns.get_mut(&path).ok_or_else(damaged)?;
                encode_varint(number(column)?, payload);
            }
            BYTES => {
                let start = payload.len();
                if is_message(path) {
                    join(shape, path, columns, payload)?;
                } else {
                    unescape(columns.get_mut(&path).ok_or_else(damaged)?, payload)?;
                }
                let mut length = Vec::new();
                encode_varint((payload.len() - start) as u64, &mut length);
                payload.splice(start..start, length);
            }
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

fn unescape(column: &mut &[u8], payload: &mut Vec<u8>) -> Result<(), Malformed> {
    loop {
        let (first, rest) = column.split_first().ok_or_else(damaged)?;
        *column = rest;
        match *first {
            END => return Ok(()),
            ESCAPE => {
                let (which, rest) = column.split_first().ok_or_else(damaged)?;
                *column = rest;
                payload.push(match which {
                    1 => END,
                    2 => ESCAPE,
                    _ => return Err(damaged()),
                });
            }
            other => payload.push(other),
        }
    }
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
        let mut packed = Vec::new();
        encode_varint(2, &mut packed);
        for (path, length) in [(SHAPE, shape.len()), (0x02_03_02, count)] {
            encode_varint(path, &mut packed);
            encode_varint(length as u64, &mut packed);
        }
        [packed, shape, vec![END; count]].concat()
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
