//! Cuts a delta into records that keep the contract's limits. Knows no shadow.

use deskwarden_proto::{
    limits::{CHUNK_BYTES, ENTRIES_PER_RECORD},
    v1::{Delta, Payload, SnapshotChunk, Stamp, Trigger, payload::Body},
};
use prost::Message;

/// Room that other entries of the same record may take.
const ENTRIES: usize = ENTRIES_PER_RECORD - 1_000;

/// The records of a delta. The source states come with the last: until then the collector takes the
/// source for one that it hears of for the first time, as it is.
pub(super) fn payloads(delta: Delta, trigger: Trigger, stamp: &Stamp) -> Vec<Payload> {
    let mut cutter = Cutter {
        done: Vec::new(),
        part: Delta::default(),
        size: 0,
        entries: 0,
    };
    for gone in delta.gone {
        cutter.fit(gone.encoded_len());
        cutter.part.gone.push(gone);
    }
    for put in delta.put {
        cutter.fit(put.encoded_len());
        cutter.part.put.push(put);
    }
    cutter.part.sources = delta.sources;
    cutter.part.events = delta.events;
    cutter.part.samples = delta.samples;
    cutter.part.gaps = delta.gaps;
    let Cutter { mut done, part, .. } = cutter;
    done.push(part);
    done.into_iter()
        .map(|mut part| {
            part.trigger = trigger.into();
            stamped(Body::Delta(part), stamp)
        })
        .collect()
}

/// The records of a snapshot.
pub(super) fn chunks(chunks: Vec<SnapshotChunk>, stamp: &Stamp) -> Vec<Payload> {
    let bodies = chunks.into_iter().map(Body::Chunk);
    bodies.map(|body| stamped(body, stamp)).collect()
}

fn stamped(body: Body, stamp: &Stamp) -> Payload {
    Payload {
        stamp: Some(stamp.clone()),
        body: Some(body),
    }
}

struct Cutter {
    done: Vec<Delta>,
    part: Delta,
    size: usize,
    entries: usize,
}

impl Cutter {
    /// Begins a new part when `length` more bytes would not fit.
    fn fit(&mut self, length: usize) {
        let length = length + 8;
        if self.entries > 0 && (self.size + length > CHUNK_BYTES || self.entries >= ENTRIES) {
            self.done.push(std::mem::take(&mut self.part));
            self.size = 0;
            self.entries = 0;
        }
        self.size += length;
        self.entries += 1;
    }
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::{
        decode,
        diff::Shadow,
        v1::{Item, ItemKey, Look, Section, Software, SourceState},
    };

    use super::*;

    #[test]
    fn no_record_exceeds_the_limit_and_nothing_is_lost() {
        let facet = deskwarden_proto::v1::Facet::from(Software {
            name: "n".repeat(4_000),
            ..Software::default()
        })
        .encode_to_vec();
        let item = |n: usize| Item {
            section: Section::Software.into(),
            source: "dpkg".into(),
            key: format!("k{n}"),
            principal: String::new(),
            facet: facet.clone().into(),
            local: Vec::new().into(),
        };
        let delta = Delta {
            sources: vec![SourceState {
                section: Section::Software.into(),
                source: "dpkg".into(),
                look: Look::Looked.into(),
                reason: String::new(),
            }],
            gone: (0..30_000)
                .map(|n| ItemKey {
                    section: Section::Software.into(),
                    source: "dpkg".into(),
                    key: format!("g{n}"),
                    principal: String::new(),
                })
                .collect(),
            put: (0..600).map(item).collect(),
            ..Delta::default()
        };
        let mut whole = Shadow::default();
        whole.apply(&delta);
        let parts = payloads(delta, Trigger::Start, &Stamp::default());
        assert!(parts.len() > 3, "{}", parts.len());
        let mut folded = Shadow::default();
        for (index, part) in parts.iter().enumerate() {
            decode::payload(&part.encode_to_vec()).unwrap();
            let Some(Body::Delta(delta)) = &part.body else {
                panic!("a delta");
            };
            assert_eq!(
                delta.sources.is_empty(),
                index + 1 < parts.len(),
                "states come last"
            );
            folded.apply(delta);
        }
        assert_eq!(folded.digests(), whole.digests());
    }

    #[test]
    fn a_small_delta_is_one_record() {
        let delta = Delta {
            gone: vec![ItemKey::default()],
            ..Delta::default()
        };
        assert_eq!(payloads(delta, Trigger::Watch, &Stamp::default()).len(), 1);
    }
}
