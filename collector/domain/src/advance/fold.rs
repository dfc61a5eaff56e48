//! Folding a delta into the state: items, history, source states, sums, baseline seeds, claims.

use std::collections::BTreeSet;

use deskwarden_proto::{
    decode::{ItemId, ItemPut, SourceReport, ValidDelta},
    digest, section,
    v1::{Look, Section},
};

use super::gateway;
use crate::{
    claim, judge,
    lifecycle::PRODUCT,
    model::{BaselineItem, Change, ChangeKind, Millis, SourceStatus, StoredItem},
    port::{DeviceState, Op},
};

/// When a record was received, and when the agent says that it saw it.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) received_at: Millis,
    pub(super) observed_at: Millis,
}

/// Folds a delta in, in the contract's order: sources, gone, put, events.
pub(super) fn delta(
    state: &mut DeviceState,
    delta: &ValidDelta,
    times: Times,
    ops: &mut Vec<Op>,
) -> BTreeSet<ItemId> {
    let device = state.device.id;
    let mut touched = BTreeSet::new();
    let first_looks = sources(state, &delta.sources, times, ops);
    for id in &delta.gone {
        remove(state, id, times, ops);
        touched.insert(id.clone());
    }
    for item in &delta.put {
        put(state, item, times, ops);
        touched.insert(item.id.clone());
    }
    touched.extend(seed(state, &first_looks, times, ops));
    ops.extend(delta.events.iter().map(|event| Op::Event {
        device,
        event: event.clone(),
        at: times.received_at,
    }));
    ops.extend(delta.samples.iter().map(|sample| Op::Sample {
        device,
        sample: sample.clone(),
        at: times.received_at,
    }));
    ops.extend(delta.gaps.iter().map(|gap| Op::Gap {
        device,
        gap: gap.clone(),
        at: times.received_at,
    }));
    sums(state, &touched, &delta.sources, ops);
    touched
}

/// Source states; returns the sources that were looked at completely for the first time.
pub(super) fn sources(
    state: &mut DeviceState,
    reports: &[SourceReport],
    times: Times,
    ops: &mut Vec<Op>,
) -> Vec<(Section, String)> {
    let mut first_looks = Vec::new();
    for report in reports {
        let known = state
            .sources
            .iter()
            .position(|s| s.section == report.section && s.source == report.source);
        let before = known.and_then(|index| state.sources.get(index)).cloned();
        add_sum(state, report.section, |sum| {
            let old = before
                .as_ref()
                .map_or(0, |s| digest::source(s.section, &s.source, s.look, &s.reason));
            let new = digest::source(report.section, &report.source, report.look, &report.reason);
            sum.wrapping_sub(old).wrapping_add(new)
        });
        let mut first_looked_at = before.as_ref().and_then(|s| s.first_looked_at);
        if report.look == Look::Looked && first_looked_at.is_none() {
            first_looked_at = Some(times.received_at);
            first_looks.push((report.section, report.source.clone()));
        }
        let status = SourceStatus {
            section: report.section,
            source: report.source.clone(),
            look: report.look,
            reason: report.reason.clone(),
            since: times.received_at,
            first_looked_at,
        };
        match known.and_then(|index| state.sources.get_mut(index)) {
            Some(slot) => *slot = status,
            None => state.sources.push(status),
        }
        ops.push(Op::Source {
            device: state.device.id,
            report: report.clone(),
            at: times.received_at,
            first_looked_at,
        });
    }
    first_looks
}

/// Puts an item; the timeline shows what was there before.
pub(super) fn put(state: &mut DeviceState, item: &ItemPut, times: Times, ops: &mut Vec<Op>) {
    let before = state.items.get(&item.id).cloned();
    let claimed = before
        .as_ref()
        .map(|before| judge::item_claims(state, before))
        .unwrap_or_default();
    let stored = StoredItem {
        id: item.id.clone(),
        facet: item.facet.clone(),
        facet_hash: item.facet_hash,
        local: item.local.clone(),
        digest: item.digest,
        first_seen: before.as_ref().map_or(times.received_at, |b| b.first_seen),
        changed_at: times.received_at,
    };
    add_sum(state, item.id.section, |sum| {
        sum.wrapping_sub(before.as_ref().map_or(0, |b| b.digest))
            .wrapping_add(item.digest)
    });
    if before.is_none() {
        add_count(state, item.id.section, 1);
    }
    let same = before.as_ref().is_some_and(|b| b.facet_hash == item.facet_hash);
    ops.push(Op::PutItem {
        device: state.device.id,
        put: item.clone(),
        at: times.received_at,
    });
    if !same {
        ops.push(Op::Change(Change {
            device: state.device.id,
            id: item.id.clone(),
            kind: if before.is_some() {
                ChangeKind::Changed
            } else {
                ChangeKind::Added
            },
            before: before.map(|b| b.facet),
            after: Some(item.facet.clone()),
            received_at: times.received_at,
            observed_at: times.observed_at,
        }));
        if claim::is_made_in(item.id.section) {
            let now = judge::item_claims(state, &stored);
            claim::again(&claimed, now, ops, |claims| Op::Claims {
                device: state.device.id,
                item_key: claim::key_of(&item.id),
                claims,
            });
        }
    }
    gateway::learn(state, &stored, ops);
    state.items.insert(item.id.clone(), stored);
}

/// Removes an item; unknown ones leave no trace.
pub(super) fn remove(state: &mut DeviceState, id: &ItemId, times: Times, ops: &mut Vec<Op>) {
    let Some(before) = state.items.remove(id) else {
        return;
    };
    let claimed = judge::item_claims(state, &before);
    add_sum(state, id.section, |sum| sum.wrapping_sub(before.digest));
    add_count(state, id.section, -1);
    ops.push(Op::RemoveItem {
        device: state.device.id,
        id: id.clone(),
    });
    ops.push(Op::Change(Change {
        device: state.device.id,
        id: id.clone(),
        kind: ChangeKind::Gone,
        before: Some(before.facet),
        after: None,
        received_at: times.received_at,
        observed_at: times.observed_at,
    }));
    if claim::is_made_in(id.section) {
        claim::again(&claimed, Vec::new(), ops, |claims| Op::Claims {
            device: state.device.id,
            item_key: claim::key_of(id),
            claims,
        });
    }
}

/// First contact is per (asset, source): what is there at the first complete look is accepted by itself,
/// and nothing counts as changed. A reinstalled device of the same asset does not seed anew.
pub(super) fn seed(
    state: &mut DeviceState,
    first_looks: &[(Section, String)],
    times: Times,
    ops: &mut Vec<Op>,
) -> Vec<ItemId> {
    let mut touched = Vec::new();
    for (kind, source) in first_looks
        .iter()
        .filter(|(kind, _)| section::has_baseline(*kind))
    {
        if !state.device.current || state.seeded.iter().any(|(s, name)| s == kind && name == source) {
            continue;
        }
        let asset = state.asset.id;
        let there: Vec<StoredItem> = state
            .items
            .values()
            .filter(|item| item.id.section == *kind && item.id.source == *source)
            .cloned()
            .collect();
        for item in there {
            let accepted = BaselineItem {
                id: item.id.clone(),
                facet: item.facet,
                facet_hash: item.facet_hash,
                accepted_at: times.received_at,
                accepted_by: PRODUCT.into(),
            };
            touched.push(item.id);
            state.baseline.insert(accepted.id.clone(), accepted.clone());
            let claims = claim::accepted(&accepted, asset);
            claim::again(&[], claims, ops, |claims| Op::Accepted {
                asset,
                item_key: claim::key_of(&accepted.id),
                claims,
            });
            ops.push(Op::PutBaseline {
                asset,
                item: accepted,
            });
        }
        state.seeded.push((*kind, source.clone()));
        ops.push(Op::Seeded {
            asset,
            section: *kind,
            source: source.clone(),
        });
    }
    touched
}

/// Writes the sums of the sections that a record touched.
pub(super) fn sums(
    state: &DeviceState,
    touched: &BTreeSet<ItemId>,
    sources: &[SourceReport],
    ops: &mut Vec<Op>,
) {
    let sections: BTreeSet<Section> = touched
        .iter()
        .map(|id| id.section)
        .chain(sources.iter().map(|report| report.section))
        .collect();
    for kind in sections {
        if let Some((_, digest, count)) = state.sums.iter().find(|(s, _, _)| *s == kind) {
            ops.push(Op::Sum {
                device: state.device.id,
                section: kind,
                digest: *digest,
                count: *count,
            });
        }
    }
}

fn add_sum(state: &mut DeviceState, kind: Section, change: impl FnOnce(u128) -> u128) {
    let entry = sum_entry(state, kind);
    entry.1 = change(entry.1);
}

fn add_count(state: &mut DeviceState, kind: Section, by: i64) {
    let entry = sum_entry(state, kind);
    entry.2 = entry.2.saturating_add_signed(by);
}

fn sum_entry(state: &mut DeviceState, kind: Section) -> &mut (Section, u128, u64) {
    let index = state
        .sums
        .iter()
        .position(|(s, _, _)| *s == kind)
        .unwrap_or_else(|| {
            state.sums.push((kind, 0, 0));
            state.sums.len() - 1
        });
    &mut state.sums[index]
}
