//! The outbox file as a row of frames: length, CRC32C, position, kind, body. Finds torn tails and damage;
//! knows nothing of what a body means.

use crc32c::{crc32c, crc32c_append};

/// Bytes before the body: length (4), checksum (4), position (8), kind (1).
pub(super) const HEAD: usize = 17;
/// No body is longer; a length above it is damage.
pub(super) const MAX_BODY: usize = 8 << 20;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// First frame of a file.
    Header,
    /// Part of the shadow that the file starts from.
    State,
    /// What the collector accepts, and its policy.
    Terms,
    /// Epoch, acknowledged position, resume token.
    Mark,
    /// One record.
    Record,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Header, Self::State, Self::Terms, Self::Mark, Self::Record];

    fn of(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// A frame in the bytes of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    /// Where the body starts.
    pub(super) offset: usize,
    pub(super) body: &'a [u8],
}

/// What a file turned out to be.
#[derive(Debug)]
pub(super) enum Parsed<'a> {
    /// Sound up to the end.
    Whole(Vec<Frame<'a>>),
    /// Sound up to `end`; what follows is not a frame and no frame comes after it.
    Torn { frames: Vec<Frame<'a>>, end: usize },
    /// Damaged at `offset`: sound frames follow, or what is there cannot be one.
    Damaged { offset: usize },
}

/// Adds a frame to `out`.
pub(super) fn write(out: &mut Vec<u8>, position: u64, kind: Kind, body: &[&[u8]]) {
    let length: usize = body.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let position = position.to_le_bytes();
    let kind = [kind as u8];
    let mut crc = crc32c(&length);
    for part in [position.as_slice(), &kind]
        .into_iter()
        .chain(body.iter().copied())
    {
        crc = crc32c_append(crc, part);
    }
    out.extend_from_slice(&length);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&position);
    out.extend_from_slice(&kind);
    for part in body {
        out.extend_from_slice(part);
    }
}

/// Reads the frames of a file. Positions count from 0 without gaps.
pub(super) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let mut frames = Vec::new();
    let mut at = 0;
    let mut position = 0;
    while at < bytes.len() {
        match frame(bytes, at) {
            Some((found, frame)) if found == position => {
                at = frame.offset + frame.body.len();
                position += 1;
                frames.push(frame);
            }
            // A sound frame in the wrong place was moved, or something before it was lost.
            Some(_) => return Parsed::Damaged { offset: at },
            None if frames.is_empty() => return Parsed::Damaged { offset: at },
            None => {
                let sound_after = (at + 1..bytes.len())
                    .any(|next| frame_position(bytes, next) > Some(position) && frame(bytes, next).is_some());
                return if sound_after {
                    Parsed::Damaged { offset: at }
                } else {
                    Parsed::Torn { frames, end: at }
                };
            }
        }
    }
    if frames.is_empty() {
        Parsed::Damaged { offset: 0 }
    } else {
        Parsed::Whole(frames)
    }
}

/// The frame whose body is expected at `offset` with `length`, checked again.
pub(super) fn check(bytes: &[u8]) -> Option<&[u8]> {
    let (_, frame) = frame(bytes, 0)?;
    (frame.offset + frame.body.len() == bytes.len()).then_some(frame.body)
}

/// Position that a frame at `at` would have; a cheap sieve before its checksum is computed: it must be
/// reachable with the bytes that there are.
fn frame_position(bytes: &[u8], at: usize) -> Option<u64> {
    let position = u64::from_le_bytes(array(bytes, at + 8)?);
    (position < (bytes.len() / HEAD) as u64 + 1).then_some(position)
}

fn frame(bytes: &[u8], at: usize) -> Option<(u64, Frame<'_>)> {
    let head = bytes.get(at..at + HEAD)?;
    let length = usize::try_from(u32::from_le_bytes(array(head, 0)?)).ok()?;
    if length > MAX_BODY {
        return None;
    }
    let crc = u32::from_le_bytes(array(head, 4)?);
    let offset = at + HEAD;
    let body = bytes.get(offset..offset + length)?;
    let found = crc32c(head.get(..4)?);
    let found = crc32c_append(found, head.get(8..)?);
    if crc32c_append(found, body) != crc {
        return None;
    }
    let kind = Kind::of(*head.get(16)?)?;
    let position = u64::from_le_bytes(array(head, 8)?);
    Some((position, Frame { kind, offset, body }))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bodies: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for (position, body) in bodies.iter().enumerate() {
            write(&mut out, position as u64, Kind::Record, &[body]);
        }
        out
    }

    #[test]
    fn frames_are_read_back() {
        let bytes = file(&[b"one", b"", b"three"]);
        let Parsed::Whole(frames) = parse(&bytes) else {
            panic!("whole");
        };
        let bodies: Vec<&[u8]> = frames.iter().map(|f| f.body).collect();
        assert_eq!(bodies, [b"one".as_slice(), b"", b"three"]);
    }

    #[test]
    fn every_cut_is_a_torn_tail() {
        let bytes = file(&[b"one", b"two"]);
        for end in HEAD + 4..bytes.len() {
            let Parsed::Torn { frames, end: sound } = parse(&bytes[..end]) else {
                panic!("torn at {end}");
            };
            assert_eq!((frames.len(), sound), (1, HEAD + 3));
        }
    }

    #[test]
    fn a_flip_before_a_sound_frame_is_damage() {
        let bytes = file(&[b"one", b"two", b"three"]);
        for at in 0..2 * (HEAD + 3) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(matches!(parse(&flipped), Parsed::Damaged { .. }), "byte {at}");
        }
    }

    #[test]
    fn a_lost_frame_in_the_middle_is_damage() {
        let mut bytes = file(&[b"one", b"two", b"three"]);
        bytes.drain(HEAD + 3..2 * (HEAD + 3));
        assert!(matches!(parse(&bytes), Parsed::Damaged { .. }));
    }
}
