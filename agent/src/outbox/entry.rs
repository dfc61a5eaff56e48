//! What the frames of the outbox file say: the shadow, the terms, the mark, the records. Encoding only.

use std::collections::BTreeMap;

use deskwarden_proto::{
    diff::Shadow,
    v1::{self, ItemKey, Payload, SourceState},
};
use prost::Message;

/// Start of the header's body: name and version of the format.
const MAGIC: &[u8] = b"DWOB\x01";
/// Where the shadow is cut into frames, in items.
const ITEMS_PER_STATE: usize = 4_000;

/// Body of the header: the format and whose outbox it is.
pub(super) fn header(device: &str) -> Vec<u8> {
    [MAGIC, device.as_bytes()].concat()
}

/// Device of a header's body, or `None` when it is another format.
pub(super) fn device(header: &[u8]) -> Option<&str> {
    std::str::from_utf8(header.strip_prefix(MAGIC)?).ok()
}

/// Where the outbox stands towards the collector.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Mark {
    #[prost(uint64, tag = "1")]
    pub(super) epoch: u64,
    #[prost(uint64, tag = "2")]
    pub(super) acknowledged: u64,
    /// Highest sequence ever given, also when its record was dropped since.
    #[prost(uint64, tag = "3")]
    pub(super) enqueued: u64,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) resume_token: Vec<u8>,
    /// Why a new epoch is needed; empty when none is.
    #[prost(string, tag = "5")]
    pub(super) epoch_wanted: String,
}

/// What the collector accepts, as it last said.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Terms {
    #[prost(message, repeated, tag = "1")]
    pub(super) sections: Vec<v1::SectionRevision>,
    #[prost(message, optional, tag = "2")]
    pub(super) policy: Option<v1::Policy>,
}

/// One source of the shadow, or a part of its items.
#[derive(Clone, PartialEq, Message)]
pub(super) struct State {
    #[prost(message, optional, tag = "1")]
    pub(super) source: Option<SourceState>,
    #[prost(message, repeated, tag = "2")]
    pub(super) items: Vec<StateItem>,
}

/// One item's identity inside its source, and its digest.
#[derive(Clone, PartialEq, Message)]
pub(super) struct StateItem {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    principal: String,
    #[prost(bytes = "vec", tag = "3")]
    digest: Vec<u8>,
}

/// The shadow as states, source by source.
pub(super) fn states(shadow: &Shadow) -> Vec<State> {
    let mut items: BTreeMap<(i32, String), Vec<StateItem>> = BTreeMap::new();
    for (id, digest) in shadow.items() {
        items.entry((id.section, id.source)).or_default().push(StateItem {
            key: id.key,
            principal: id.principal,
            digest: digest.to_le_bytes().to_vec(),
        });
    }
    let mut states = Vec::new();
    for source in shadow.sources() {
        let mut rest = items
            .remove(&(source.section, source.source.clone()))
            .unwrap_or_default();
        loop {
            let tail = rest.split_off(rest.len().min(ITEMS_PER_STATE));
            states.push(State {
                source: Some(source.clone()),
                items: rest,
            });
            if tail.is_empty() {
                break;
            }
            rest = tail;
        }
    }
    states
}

/// The shadow that the states describe, or `None` when one makes no sense.
pub(super) fn shadow(states: Vec<State>) -> Option<Shadow> {
    let mut sources = Vec::new();
    let mut items = Vec::new();
    for state in states {
        let source = state.source?;
        for item in state.items {
            let id = ItemKey {
                section: source.section,
                source: source.source.clone(),
                key: item.key,
                principal: item.principal,
            };
            items.push((id, u128::from_le_bytes(item.digest.as_slice().try_into().ok()?)));
        }
        sources.push(source);
    }
    Some(Shadow::restore(sources, items))
}

/// The parts of a record's body, in the order of the file.
pub(super) fn record_head(epoch: u64, sequence: u64) -> [u8; 16] {
    let mut head = [0; 16];
    head[..8].copy_from_slice(&sequence.to_le_bytes());
    head[8..].copy_from_slice(&epoch.to_le_bytes());
    head
}

/// Sequence, epoch and payload of a record's body.
pub(super) fn record(body: &[u8]) -> Option<(u64, u64, &[u8])> {
    let (sequence, rest) = body.split_first_chunk()?;
    let (epoch, payload) = rest.split_first_chunk()?;
    Some((u64::from_le_bytes(*sequence), u64::from_le_bytes(*epoch), payload))
}

/// What a record is about, as far as coalescing is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// State of one section: a snapshot can stand for it.
    Section(i32),
    /// Events only, so many of them: nothing can stand for them.
    Events(u32),
    /// Anything else: gaps, samples, several sections.
    Other,
}

/// The class of a payload.
pub(super) fn class(payload: &Payload) -> Class {
    let delta = match &payload.body {
        Some(v1::payload::Body::Chunk(chunk)) => return Class::Section(chunk.section),
        Some(v1::payload::Body::Delta(delta)) => delta,
        None => return Class::Other,
    };
    let mut sections = delta
        .sources
        .iter()
        .map(|s| s.section)
        .chain(delta.gone.iter().map(|g| g.section))
        .chain(delta.put.iter().map(|p| p.section));
    match sections.next() {
        None if delta.events.is_empty() => Class::Other,
        None => Class::Events(u32::try_from(delta.events.len()).unwrap_or(u32::MAX)),
        Some(first) if delta.events.is_empty() && sections.all(|s| s == first) => Class::Section(first),
        Some(_) => Class::Other,
    }
}

/// How many records a payload stands for, and since when, Unix milliseconds: itself and what the gaps in
/// it count, so that a gap that is coalesced again still counts everything.
pub(super) fn stands_for(payload: &Payload) -> (u64, i64) {
    let at = payload.stamp.as_ref().map_or(0, |stamp| stamp.observed_at_ms);
    let gaps = match &payload.body {
        Some(v1::payload::Body::Delta(delta)) => delta.gaps.as_slice(),
        Some(v1::payload::Body::Chunk(chunk)) => chunk.gaps.as_slice(),
        None => &[],
    };
    let records = gaps.iter().map(|gap| gap.records).fold(1, u64::saturating_add);
    let since = gaps.iter().filter(|gap| gap.records > 0).map(|gap| gap.from_ms);
    (records, since.min().unwrap_or(at).min(at))
}
