//! The last chunk of a snapshot: what the section held and no chunk names is gone where its source was
//! looked at completely.

use std::collections::{BTreeMap, BTreeSet};

use deskwarden_proto::{
    decode::{self, ItemId, ItemPut, ValidBody, ValidChunk},
    v1::Look,
};

use crate::port::{DeviceState, Op};

use super::fold::{self, Times};

/// A chunk before the last is missing or unreadable: the agent sends the snapshot again.
#[derive(Debug)]
pub(super) struct Incomplete;

/// Applies a complete snapshot as the delta that it amounts to.
pub(super) fn complete(
    state: &mut DeviceState,
    last: &ValidChunk,
    times: Times,
    ops: &mut Vec<Op>,
) -> Result<BTreeSet<ItemId>, Incomplete> {
    let mut items: BTreeMap<ItemId, ItemPut> = BTreeMap::new();
    for expected in 0..last.index {
        let staged = state
            .staged
            .iter()
            .find(|chunk| chunk.index == expected)
            .ok_or(Incomplete)?;
        let payload = decode::payload(&staged.payload).map_err(|_| Incomplete)?;
        let ValidBody::Chunk(chunk) = payload.body else {
            return Err(Incomplete);
        };
        items.extend(chunk.items.into_iter().map(|item| (item.id.clone(), item)));
    }
    items.extend(last.items.iter().map(|item| (item.id.clone(), item.clone())));

    let mut touched = BTreeSet::new();
    let first_looks = fold::sources(state, &last.sources, times, ops);
    let looked: BTreeSet<&str> = last
        .sources
        .iter()
        .filter(|s| s.look == Look::Looked)
        .map(|s| s.source.as_str())
        .collect();
    let gone: Vec<ItemId> = state
        .items
        .keys()
        .filter(|id| id.section == last.section && looked.contains(id.source.as_str()))
        .filter(|id| !items.contains_key(id))
        .cloned()
        .collect();
    for id in gone {
        fold::remove(state, &id, times, ops);
        touched.insert(id);
    }
    for (id, item) in items {
        let same = state
            .items
            .get(&id)
            .is_some_and(|stored| stored.digest == item.digest);
        if !same {
            fold::put(state, &item, times, ops);
            touched.insert(id);
        }
    }
    touched.extend(fold::seed(state, &first_looks, times, ops));
    let device = state.device.id;
    ops.extend(last.gaps.iter().map(|gap| Op::Gap {
        device,
        gap: gap.clone(),
        at: times.received_at,
    }));
    fold::sums(state, &touched, &last.sources, ops);
    ops.push(Op::Unstage {
        device,
        section: last.section,
    });
    state.staged.clear();
    Ok(touched)
}
