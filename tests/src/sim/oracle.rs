//! What the store must hold after a run, and whether it does: every item with its bytes, every line of every
//! timeline exactly once, every finding, no gap and no fork. Reads through the store's own crate, beside the running
//! collector or on a copy of its file; never through what is being tested.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use deskwarden_domain::{
    model::AssetId,
    port::{FindingFilter, FindingRow, LoadRequest, Page, Paging, Scope, Store},
};
use deskwarden_proto::{ids::DeviceId, v1::Section};
use prost::Message as _;

use super::{fleet::Fleet, pc::SOURCES};

/// Devices that are read at a time.
const PORTION: usize = 50;

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Devices.
    pub devices: u64,
    /// Items.
    pub items: u64,
    /// Lines of timelines.
    pub lines: u64,
    /// Findings of the titles that nobody should have.
    pub findings: u64,
}

/// A look into a collector's store.
pub struct Oracle {
    store: Arc<dyn Store>,
}

impl Oracle {
    /// On the database of a data folder.
    ///
    /// # Errors
    /// When it cannot be opened: after a crash that is a loss.
    pub fn on(data: &Path) -> Result<Self> {
        let file = data.join("deskwarden.db");
        ensure!(file.is_file(), "{} is not there", file.display());
        Self::at(&format!("sqlite:{}", file.display()))
    }

    /// On a store by its location.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn at(location: &str) -> Result<Self> {
        let store = deskwarden_store::open(location)?;
        Ok(Self { store })
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// What was acknowledged is there.
    ///
    /// # Errors
    /// Names the first device that lost something.
    pub fn holds(&self, promised: &[(DeviceId, u64)]) -> Result<()> {
        let touched = Scope::Touched {
            items: Vec::new(),
            sections: Vec::new(),
        };
        for portion in promised.chunks(PORTION) {
            let states = self.load(portion.iter().map(|(device, _)| *device), &touched)?;
            for ((device, sequence), state) in portion.iter().zip(states) {
                let applied = state.position.applied();
                ensure!(
                    applied >= *sequence,
                    "{device}: {sequence} was acknowledged, the store has {applied}"
                );
            }
        }
        Ok(())
    }

    /// Agents and store agree about everything, and everything was applied exactly once. The agents must have
    /// settled.
    ///
    /// # Errors
    /// Names the first difference.
    pub fn agrees(&self, fleet: &Fleet) -> Result<Tally> {
        let tally = self.equals(fleet)?;
        for agent in &fleet.agents {
            let name = agent.pc.name();
            let lines = self.lines(agent.device)?;
            ensure!(
                lines == agent.pc.history(),
                "{name}: {lines} lines in the timeline, not {}",
                agent.pc.history()
            );
            let gaps = self.store.gaps(agent.device, 1)?;
            ensure!(gaps.is_empty(), "{name}: a gap: {gaps:?}");
            let detail = self.store.device_detail(agent.device)?.context("no device")?;
            ensure!(detail.device.forked_at.is_none(), "{name}: forked");
            for expected in agent.pc.expected() {
                let found = self.found(detail.asset.id, expected.rule)?;
                let reopened = found.rows.first().map(|row| row.finding.reopened + 1);
                ensure!(
                    reopened.unwrap_or(0) == expected.times,
                    "{name}: {expected:?}, but {:?}",
                    found.rows
                );
            }
        }
        Ok(tally)
    }

    /// Agents and store agree about what there is; how often it was said is another matter.
    ///
    /// # Errors
    /// Names the first difference.
    pub fn equals(&self, fleet: &Fleet) -> Result<Tally> {
        let mut tally = Tally::default();
        for portion in fleet.agents.chunks(PORTION) {
            let states = self.load(portion.iter().map(|agent| agent.device), &Scope::Everything)?;
            for (agent, state) in portion.iter().zip(states) {
                let name = agent.pc.name();
                let progress = agent.progress();
                let applied = state.position.applied();
                ensure!(
                    applied == progress.enqueued,
                    "{name}: {applied} applied of {} records",
                    progress.enqueued
                );
                let mut wanted = BTreeMap::new();
                for id in SOURCES {
                    for fact in agent.pc.facts(id) {
                        let bytes = (fact.facet.encode_to_vec(), fact.local.encode_to_vec());
                        wanted.insert((id.section as i32, id.source, fact.key, fact.principal), bytes);
                    }
                }
                ensure!(
                    state.items.len() == wanted.len(),
                    "{name}: {} items, not {}",
                    state.items.len(),
                    wanted.len()
                );
                for (id, item) in &state.items {
                    let key = (
                        id.section as i32,
                        id.source.as_ref(),
                        id.key.to_string(),
                        id.principal.to_string(),
                    );
                    let (facet, local) = wanted
                        .get(&key)
                        .with_context(|| format!("{name}: {id:?} should not be there"))?;
                    ensure!(
                        item.facet == *facet && item.local == *local,
                        "{name}: {id:?} differs: {item:?}, not {facet:?} {local:?}; {progress:?} {:?}",
                        state.position
                    );
                }
                for expected in agent.pc.expected() {
                    let page = self.found(state.asset.id, expected.rule)?;
                    let active = page.rows.iter().filter(|row| row.finding.state.is_active());
                    ensure!(
                        active.count() == usize::from(expected.active),
                        "{name}: {expected:?}, but {:?}",
                        page.rows
                    );
                    tally.findings += page.total;
                }
                tally.devices += 1;
                tally.items += state.items.len() as u64;
                tally.lines += agent.pc.history();
            }
        }
        Ok(tally)
    }

    /// Lines in the timeline of a device.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn lines(&self, device: DeviceId) -> Result<u64> {
        Ok(self
            .store
            .changes(device, None::<Section>, Paging { offset: 0, limit: 1 })?
            .total)
    }

    /// Highest sequence of a device that is applied.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn applied(&self, device: DeviceId) -> Result<u64> {
        let touched = Scope::Touched {
            items: Vec::new(),
            sections: Vec::new(),
        };
        let state = self.load([device].into_iter(), &touched)?.pop();
        Ok(state.context("no device")?.position.applied())
    }

    fn found(&self, asset: AssetId, rule: &str) -> Result<Page<FindingRow>> {
        let filter = FindingFilter {
            asset: Some(asset),
            rule: Some(rule.to_owned()),
            ..FindingFilter::default()
        };
        Ok(self.store.findings(&filter, Paging { offset: 0, limit: 10 })?)
    }

    fn load(
        &self,
        devices: impl Iterator<Item = DeviceId>,
        scope: &Scope,
    ) -> Result<Vec<deskwarden_domain::port::DeviceState>> {
        let requests: Vec<LoadRequest> = devices
            .map(|device| LoadRequest {
                device,
                scope: scope.clone(),
                staged: None,
            })
            .collect();
        let states = self.store.load(&requests)?.into_iter();
        states
            .zip(&requests)
            .map(|(state, request)| state.with_context(|| format!("{} is gone", request.device)))
            .collect()
    }
}
