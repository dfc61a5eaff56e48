//! What an edit of the rules reaches, looked for once over all devices.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use deskwarden_domain::{
    edit::Reach,
    judge::Context,
    port::{Store, StoreError},
};
use deskwarden_proto::{decode::ItemId, ids::DeviceId, v1::Section};

/// Facts that are read in one go.
const FACTS: usize = 20_000;

/// An edit that is being caught up with.
pub(crate) struct Edit {
    /// Generation that everything was judged under.
    pub(crate) before: i64,
    /// Generation of the edit.
    pub(crate) after: i64,
    /// Rules that differ, came or went.
    pub(crate) rules: Vec<String>,
    /// Sections that are looked at as a whole.
    pub(crate) sections: Vec<Section>,
    /// Devices that are still to be judged, with what to look at on each.
    pub(crate) work: VecDeque<(DeviceId, BTreeSet<ItemId>)>,
}

impl Edit {
    /// Looks for what the step from one context to the next reaches; `None` where each asset is to be judged by itself.
    pub(crate) fn plan(
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
        Ok(Some(Self {
            before: generation,
            after: after.generation,
            rules: reach.rules().iter().cloned().collect(),
            sections: reach.sections().iter().copied().collect(),
            work: work.into_iter().collect(),
        }))
    }

    /// Every device that was judged under this context, with nothing in particular to look at.
    pub(crate) fn of_everyone(store: &dyn Store, context: &Context) -> Result<Self, StoreError> {
        let devices = store.judged_under(context.generation)?;
        Ok(Self {
            before: context.generation,
            after: context.generation,
            rules: Vec::new(),
            sections: Vec::new(),
            work: devices
                .into_iter()
                .map(|device| (device, BTreeSet::new()))
                .collect(),
        })
    }
}
