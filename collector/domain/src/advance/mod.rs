//! A record of a device applied to its loaded state: what is stored, what is judged, what is answered.
//!
//! Owns the stream's rules (once per epoch and sequence, forks, gaps) and the folding of deltas and
//! snapshots. Pure: randomness for tokens is in the position's key.

mod fold;
mod gateway;
mod snapshot;

use std::collections::BTreeSet;

use deskwarden_proto::{
    decode::{ItemId, ValidBody, ValidPayload},
    v1::Section,
};

use crate::{
    judge::{self, Context, Extent, Memo},
    model::{Millis, SourceStatus},
    port::{DeviceState, LoadRequest, Op, Scope},
};

/// A record as it came in, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// Epoch that the agent named.
    pub epoch: u64,
    /// Sequence in it.
    pub sequence: u64,
    /// Hash of the payload's bytes.
    pub payload_hash: [u8; 32],
    /// The payload's bytes, to stage a chunk.
    pub raw: Vec<u8>,
    /// What it says.
    pub payload: ValidPayload,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Applied with these operations; acknowledge once they are durable.
    Applied(Vec<Op>),
    /// Applied before; acknowledge again.
    Duplicate,
    /// The same sequence with another payload: restored or cloned. Never acknowledged.
    Fork,
    /// Ahead of the store: it was restored from a backup. The agent must resynchronise.
    Ahead,
    /// Of another epoch than the session was told.
    OtherEpoch,
    /// Chunks of the snapshot are missing before the last one.
    Incomplete,
}

/// What must be loaded to apply a record.
pub fn needs(device: deskwarden_proto::ids::DeviceId, payload: &ValidPayload) -> LoadRequest {
    match &payload.body {
        ValidBody::Delta(delta) => {
            let ids = delta.put.iter().map(|put| &put.id).chain(&delta.gone);
            let items: BTreeSet<ItemId> = ids.cloned().collect();
            // A source that is looked at for the first time seeds its baseline from all its items.
            let sections: BTreeSet<Section> = delta
                .sources
                .iter()
                .filter(|report| deskwarden_proto::section::has_baseline(report.section))
                .map(|report| report.section)
                .collect();
            let scope = Scope::Touched {
                items: items.into_iter().collect(),
                sections: sections.into_iter().collect(),
            };
            LoadRequest {
                device,
                scope,
                staged: None,
            }
        }
        ValidBody::Chunk(chunk) if chunk.last => LoadRequest {
            device,
            scope: Scope::Touched {
                items: Vec::new(),
                sections: vec![chunk.section],
            },
            staged: Some((chunk.section, chunk.snapshot_id)),
        },
        ValidBody::Chunk(_) => LoadRequest {
            device,
            scope: Scope::Touched {
                items: Vec::new(),
                sections: Vec::new(),
            },
            staged: None,
        },
    }
}

/// Whether the asset was last judged under other rules (or never), or something that judging reads was
/// edited: then everything must be loaded, so that the acknowledgement can mean "judged".
pub fn needs_everything(state: &DeviceState, context: &Context) -> bool {
    let edited = state.asset.wake_at == Some(0);
    state.device.current && (edited || state.asset.judged_generation != context.generation)
}

/// Applies a record: updates the state in place, so that the device's next record of the same batch can
/// follow, and returns the operations. `everything` says that the state holds every item.
pub fn advance(
    state: &mut DeviceState,
    record: &Incoming,
    everything: bool,
    context: &Context,
    memo: &mut Memo,
    now: Millis,
) -> Step {
    if record.epoch != state.position.epoch {
        return Step::OtherEpoch;
    }
    let next = state.position.next_sequence;
    if record.sequence < next {
        let forked = record.sequence + 1 == next
            && state
                .position
                .last_payload_hash
                .is_some_and(|h| h != record.payload_hash);
        return if forked { Step::Fork } else { Step::Duplicate };
    }
    if record.sequence > next {
        return Step::Ahead;
    }
    let mut ops = Vec::new();
    let before = looked_into(state, context);
    let observed_at = record.payload.stamp.observed_at_ms;
    let times = fold::Times {
        received_at: now,
        observed_at,
    };
    let touched = match &record.payload.body {
        ValidBody::Delta(delta) => fold::delta(state, delta, times, &mut ops),
        ValidBody::Chunk(chunk) if chunk.last => match snapshot::complete(state, chunk, times, &mut ops) {
            Ok(touched) => touched,
            Err(snapshot::Incomplete) => return Step::Incomplete,
        },
        ValidBody::Chunk(chunk) => {
            ops.push(Op::Stage {
                device: state.device.id,
                section: chunk.section,
                snapshot_id: chunk.snapshot_id,
                index: chunk.index,
                payload: record.raw.clone(),
            });
            BTreeSet::new()
        }
    };
    let extent = if everything {
        Extent::Everything
    } else {
        Extent::Touched(&touched)
    };
    let mut verdict = judge::judge(state, extent, context, memo, now);
    if !everything && before != looked_into(state, context) {
        // What rules ask of a whole section needs all its items: they are looked at at once.
        verdict.wake_at = Some(verdict.wake_at.map_or(now, |at| at.min(now)));
    }
    judge::settle(state, verdict, context, &mut ops);

    state.position.next_sequence = record.sequence + 1;
    state.position.last_payload_hash = Some(record.payload_hash);
    ops.push(Op::Position {
        device: state.device.id,
        position: state.position.clone(),
    });
    ops.push(Op::Seen {
        device: state.device.id,
        at: now,
        goodbye: false,
    });
    Step::Applied(ops)
}

/// What rules in force ask of whole sections: how they were looked at, and how much they hold.
fn looked_into(state: &DeviceState, context: &Context) -> (Vec<SourceStatus>, Vec<(Section, u64)>) {
    let rules = context.rules.rules().iter();
    let asked: BTreeSet<Section> = rules
        .filter(|rule| rule.reads_section() && rule.applies_to(&state.asset))
        .flat_map(|rule| rule.sections.iter().copied())
        .collect();
    if asked.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let sources = state
        .sources
        .iter()
        .filter(|source| asked.contains(&source.section));
    let sums = state.sums.iter().filter(|(section, ..)| asked.contains(section));
    (
        sources.cloned().collect(),
        sums.map(|(section, _, count)| (*section, *count)).collect(),
    )
}

/// Judges a loaded state anew: the rules, the register, the ledger or an approval changed, or a time has
/// come. The state holds every item.
pub fn rejudge(state: &mut DeviceState, context: &Context, memo: &mut Memo, now: Millis) -> Vec<Op> {
    let mut ops = Vec::new();
    let verdict = judge::judge(state, Extent::Everything, context, memo, now);
    judge::settle(state, verdict, context, &mut ops);
    if !ops.iter().any(|op| matches!(op, Op::Judged { .. })) {
        // The asset was marked as due: say that it is done.
        let wake_at = state.asset.wake_at;
        ops.push(Op::Judged {
            asset: state.asset.id,
            generation: context.generation,
            wake_at,
        });
    }
    ops
}

/// Judges anew what an edit of the rules reaches: these items, and the sections that the state holds as a whole.
pub fn rejudge_reached(
    state: &mut DeviceState,
    reached: &BTreeSet<ItemId>,
    context: &Context,
    memo: &mut Memo,
    now: Millis,
) -> Vec<Op> {
    let mut ops = Vec::new();
    let mut touched: BTreeSet<ItemId> = state.items.keys().chain(state.baseline.keys()).cloned().collect();
    touched.extend(reached.iter().cloned());
    let verdict = judge::judge(state, Extent::Edited(&touched), context, memo, now);
    judge::settle(state, verdict, context, &mut ops);
    ops
}
