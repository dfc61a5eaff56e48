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

/// Devices that are judged anew in one commit.
const REACHED: usize = 256;
/// Devices of which only outcomes are written in one commit.
const OUTCOMES: usize = 1_024;

/// What one commit is about.
pub(crate) enum Part {
    /// Devices to judge, with what to look at on each.
    Judge(Vec<(DeviceId, BTreeSet<ItemId>)>),
    /// Devices of which only outcomes may be others.
    Outcomes(Vec<DeviceId>),
}

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
    /// Devices that show nothing of the edit: only outcomes of theirs may be others, which `reach` tells.
    pub(crate) outcomes: VecDeque<DeviceId>,
    /// How far the edit reaches.
    pub(crate) reach: Reach,
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
        let mut outcomes = VecDeque::new();
        if reach.everyone() {
            for device in store.judged_under(generation)? {
                work.entry(device).or_default();
            }
        } else if reach.asks_outcomes() {
            outcomes.extend(store.judged_under(generation)?);
            outcomes.retain(|device| !work.contains_key(device));
        }
        Ok(Some(Self {
            before: generation,
            after: after.generation,
            rules: reach.rules().iter().cloned().collect(),
            sections: reach.sections().iter().copied().collect(),
            work: work.into_iter().collect(),
            outcomes,
            reach,
        }))
    }

    /// Takes what the next commit is about; `None` when nothing is left.
    pub(crate) fn part(&mut self) -> Option<Part> {
        if !self.work.is_empty() {
            let some = self.work.drain(..self.work.len().min(REACHED));
            return Some(Part::Judge(some.collect()));
        }
        let some = self.outcomes.drain(..self.outcomes.len().min(OUTCOMES));
        let some: Vec<_> = some.collect();
        (!some.is_empty()).then_some(Part::Outcomes(some))
    }

    /// Puts a part back whose commit came to nothing.
    pub(crate) fn again(&mut self, part: Part) {
        match part {
            Part::Judge(some) => self.work.extend(some),
            Part::Outcomes(some) => self.outcomes.extend(some),
        }
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
            outcomes: VecDeque::new(),
            reach: Reach::default(),
        })
    }
}
