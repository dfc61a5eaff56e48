//! From the frames of an outbox file to what they add up to: the shadow, the mark, the records that wait.
//! Reads no file.

use std::collections::VecDeque;

use deskwarden_proto::{
    diff::Shadow,
    v1::{Payload, Section, SnapshotChunk, payload::Body},
};
use prost::Message as _;

use super::{
    entry::{self, Class, Mark, State, Terms},
    frame::{Frame, HEAD, Kind},
};

/// A record that waits for its acknowledgement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) sequence: u64,
    /// Start of its frame in the file.
    pub(super) offset: u64,
    /// Length of its frame.
    pub(super) length: u32,
    pub(super) class: Class,
    /// When it was observed, Unix milliseconds.
    pub(super) at_ms: i64,
    /// Since when it stands for what was, Unix milliseconds.
    pub(super) since_ms: i64,
    /// How many records it stands for.
    pub(super) stands_for: u64,
}

impl Pending {
    pub(super) fn new(sequence: u64, offset: u64, length: usize, payload: &Payload) -> Self {
        let (stands_for, since_ms) = entry::stands_for(payload);
        Self {
            sequence,
            offset,
            length: u32::try_from(length).unwrap_or(u32::MAX),
            class: entry::class(payload),
            at_ms: payload.stamp.as_ref().map_or(0, |stamp| stamp.observed_at_ms),
            since_ms,
            stands_for,
        }
    }
}

/// Up to where records are folded into the shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upto {
    /// All that were enqueued.
    Enqueued,
    /// Those that the collector acknowledged.
    Acknowledged,
}

/// What a file adds up to.
#[derive(Debug)]
pub(super) struct Folded {
    pub(super) device: String,
    pub(super) shadow: Shadow,
    pub(super) mark: Mark,
    pub(super) terms: Option<Terms>,
    pub(super) pending: VecDeque<Pending>,
    /// What of a snapshot was folded without its last chunk.
    pub(super) staging: Staging,
}

/// Folds; an error names what makes no sense although its checksum holds.
pub(super) fn fold(frames: &[Frame<'_>], upto: Upto) -> Result<Folded, &'static str> {
    let (first, rest) = frames.split_first().ok_or("the file is empty")?;
    if first.kind != Kind::Header {
        return Err("the header is missing");
    }
    let device = entry::device(first.body).ok_or("the header is of another format")?;
    let mut states = Vec::new();
    let (mut mark, mut is_marked) = (Mark::default(), false);
    let mut terms = None;
    for frame in rest {
        match frame.kind {
            Kind::Header => return Err("a second header"),
            Kind::State => states.push(State::decode(frame.body).map_err(|_| "a state cannot be decoded")?),
            Kind::Terms => terms = Some(Terms::decode(frame.body).map_err(|_| "terms cannot be decoded")?),
            Kind::Mark => {
                is_marked = true;
                let enqueued = mark.enqueued;
                mark = Mark::decode(frame.body).map_err(|_| "a mark cannot be decoded")?;
                mark.enqueued = mark.enqueued.max(enqueued);
            }
            Kind::Record => {
                let (sequence, ..) = entry::record(frame.body).ok_or("a record is too short")?;
                if sequence <= mark.enqueued {
                    return Err("a sequence stands twice");
                }
                mark.enqueued = sequence;
            }
        }
    }
    // A file is written whole, and its mark is the last of what is written.
    if !is_marked {
        return Err("its end is missing");
    }
    let mut shadow = entry::shadow(states).ok_or("a state makes no sense")?;
    let mut staging = Staging::default();
    let mut pending = VecDeque::new();
    for frame in rest.iter().filter(|frame| frame.kind == Kind::Record) {
        let (sequence, _, bytes) = entry::record(frame.body).ok_or("a record is too short")?;
        let payload = Payload::decode(bytes).map_err(|_| "a record cannot be decoded")?;
        if sequence > mark.acknowledged {
            pending.push_back(Pending::new(
                sequence,
                (frame.offset - HEAD) as u64,
                HEAD + frame.body.len(),
                &payload,
            ));
        }
        if upto == Upto::Enqueued || sequence <= mark.acknowledged {
            staging.apply(&mut shadow, sequence, &payload);
        }
    }
    Ok(Folded {
        device: device.to_owned(),
        shadow,
        mark,
        terms,
        pending,
        staging,
    })
}

/// The chunks of a snapshot that is not complete yet.
#[derive(Debug, Default)]
pub(super) struct Staging {
    chunks: Vec<SnapshotChunk>,
    sequences: Vec<u64>,
}

impl Staging {
    /// Applies a payload to the shadow; a chunk waits until its last one is there.
    pub(super) fn apply(&mut self, shadow: &mut Shadow, sequence: u64, payload: &Payload) {
        match &payload.body {
            Some(Body::Delta(delta)) => shadow.apply(delta),
            Some(Body::Chunk(chunk)) => self.stage(shadow, sequence, chunk.clone()),
            None => {}
        }
    }

    /// Whether the record holds a chunk that waits for its last one.
    pub(super) fn holds(&self, sequence: u64) -> bool {
        self.sequences.contains(&sequence)
    }

    fn stage(&mut self, shadow: &mut Shadow, sequence: u64, chunk: SnapshotChunk) {
        let fits = self.chunks.first().is_some_and(|first| {
            first.snapshot_id == chunk.snapshot_id && self.chunks.len() == chunk.index as usize
        });
        if !fits {
            self.chunks.clear();
            self.sequences.clear();
            if chunk.index != 0 {
                return;
            }
        }
        let complete = chunk.last;
        self.chunks.push(chunk);
        self.sequences.push(sequence);
        if complete {
            self.sequences.clear();
            let chunks = std::mem::take(&mut self.chunks);
            let section = chunks.first().map_or(0, |first| first.section);
            let section = Section::try_from(section).unwrap_or_default();
            shadow.apply_snapshot(section, &chunks);
        }
    }
}
