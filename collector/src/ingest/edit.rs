//! What an edit of the rules reaches, looked for once over all devices.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use deskwarden_domain::{
    edit::Reach,
    judge::Context,
    port::{Store, StoreError},
};
use deskwarden_proto::{decode::ItemId, ids::DeviceId, v1::Section};
use tracing::info;

/// Facts that are read in one go.
const FACTS: usize = 20_000;

/// An edit that is being caught up with.
pub(super) struct Edit {
    /// Generation that everything was judged under.
    pub(super) before: i64,
    /// Generation of the edit.
    pub(super) after: i64,
    /// Sections that are looked at as a whole.
    pub(super) sections: Vec<Section>,
    /// Devices that are still to be judged, with what to look at on each.
    pub(super) work: VecDeque<(DeviceId, BTreeSet<ItemId>)>,
}

impl Edit {
    /// Looks for what the step from one context to the next reaches; `None` where each asset is to be judged by itself.
    pub(super) fn plan(
        store: &dyn Store,
        before: &Context,
        after: &Context,
    ) -> Result<Option<Self>, StoreError> {
        let reach = Reach::between(before, after);
        if reach.needs_everything() {
            return Ok(None);
        }
        let generation = before.generation;
        let mut work: BTreeMap<DeviceId, BTreeSet<ItemId>> = BTreeMap::new();
        if reach.asks_facts() {
            let mut taken = Vec::new();
            let mut last = 0;
            loop {
                let facts = store.facts_after(last, FACTS)?;
                let Some((newest, _)) = facts.last() else { break };
                last = *newest;
                let wanted = facts
                    .iter()
                    .filter(|(_, bytes)| reach.takes(before, after, bytes));
                taken.extend(wanted.map(|(id, _)| *id));
            }
            for (device, item) in store.holders(&taken, generation)? {
                work.entry(device).or_default().insert(item);
            }
        }
        if !reach.rules().is_empty() {
            for (device, item) in store.shown_by(reach.rules(), generation)? {
                work.entry(device).or_default().extend(item);
            }
        }
        if reach.everyone() {
            for device in store.judged_under(generation)? {
                work.entry(device).or_default();
            }
        }
        info!(
            devices = work.len(),
            rules = reach.rules().len(),
            "an edit is judged where it reaches"
        );
        Ok(Some(Self {
            before: generation,
            after: after.generation,
            sections: reach.sections().iter().copied().collect(),
            work: work.into_iter().collect(),
        }))
    }
}
