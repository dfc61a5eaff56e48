//! A payload as it travels where that is shorter: in columns, then DEFLATE (RFC 1951) over them.
//! Every payload is packed by itself, so that a small frame beside it costs nothing. What is stored, hashed and
//! limited is the payload.

use std::io::{Read as _, Write as _};

use flate2::{Compression, bufread::DeflateDecoder, write::DeflateEncoder};

use crate::{columns, decode::Malformed, limits::RECORD_BYTES};

/// Payloads below this many bytes have nothing to gain.
const WORTHWHILE: usize = 96;
/// From so many bytes on a block of DEFLATE is worth its tables.
const BLOCK: usize = 4096;
/// Most bytes of columns: a payload, and what names its columns.
const COLUMNS_BYTES: usize = RECORD_BYTES + (64 << 10);

/// The packed payload, or `None` where the payload is better sent as it is.
pub fn pack(payload: &[u8]) -> Option<Vec<u8>> {
    if payload.len() < WORTHWHILE {
        return None;
    }
    let pieces = columns::pieces(payload)?;
    if pieces.iter().map(Vec::len).sum::<usize>() > COLUMNS_BYTES {
        return None;
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let mut block = 0;
    for piece in pieces {
        // Bytes of another kind have other frequencies: a block of their own, where there are enough of them.
        if block > 0 && block + piece.len() >= BLOCK {
            encoder.flush().ok()?;
            block = 0;
        }
        encoder.write_all(&piece).ok()?;
        block += piece.len();
    }
    let packed = encoder.finish().ok()?;
    (packed.len() < payload.len()).then_some(packed)
}

/// The payload that [`pack`] was given. Never makes more than a payload may have, however little it is given.
///
/// # Errors
/// When these bytes are no packed payload, or one that is too large.
pub fn unpack(packed: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut decoder = DeflateDecoder::new(packed);
    let mut columns = Vec::new();
    decoder
        .by_ref()
        .take(COLUMNS_BYTES as u64 + 1)
        .read_to_end(&mut columns)
        .map_err(|_| Malformed::Encoding("a packed record"))?;
    if columns.len() > COLUMNS_BYTES {
        return Err(Malformed::TooLarge {
            what: "a payload",
            limit: RECORD_BYTES,
        });
    }
    if decoder.total_in() != packed.len() as u64 {
        return Err(Malformed::Encoding("a packed record"));
    }
    columns::unpack(&columns)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::v1::{Delta, Item, Payload, Section, payload::Body};

    fn payload(items: usize) -> Vec<u8> {
        let put = (0..items).map(|n| Item {
            section: Section::Software.into(),
            source: "dpkg".into(),
            key: format!("package-{n}"),
            ..Item::default()
        });
        Payload {
            body: Some(Body::Delta(Delta {
                put: put.collect(),
                ..Delta::default()
            })),
            ..Payload::default()
        }
        .encode_to_vec()
    }

    #[test]
    fn a_payload_comes_back_and_is_shorter_on_the_way() {
        for items in [20, 100, 2_000] {
            let payload = payload(items);
            let packed = pack(&payload).unwrap();
            assert!(packed.len() < payload.len());
            assert_eq!(unpack(&packed).unwrap(), payload);
        }
    }

    #[test]
    fn what_would_not_be_shorter_stays_as_it_is() {
        assert_eq!(pack(&payload(1)), None);
        assert_eq!(pack(&[0x12, 0x80, 0x00]), None);
    }

    #[test]
    fn cut_longer_and_other_bytes_are_refused() {
        let packed = pack(&payload(50)).unwrap();
        for end in 0..packed.len() {
            assert!(unpack(&packed[..end]).is_err(), "{end}");
        }
        assert!(unpack(&[packed, vec![0]].concat()).is_err());
        assert!(unpack(&payload(50)).is_err());
    }

    #[test]
    fn much_out_of_little_is_refused_before_it_is_unpacked() {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..64 {
            encoder.write_all(&[0; 1 << 20]).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < RECORD_BYTES);
        assert!(matches!(unpack(&bomb), Err(Malformed::TooLarge { .. })));
    }
}
