//! Loading what a record touches.

use std::collections::BTreeMap;

use deskwarden_proto::{decode::ItemId, ids::DeviceId, v1::Section};

use crate::model::{
    Approval, Asset, AssetId, BaselineItem, Device, Evidence, Finding, LedgerEntry, Millis, OpenNotice,
    OutcomeRow, Position, SourceStatus, StoredItem,
};

use crate::register::Papers;

use super::{Applied, Batch, StoreResult};

/// How much of a device is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Device, asset, position and sums of sections, and nothing else: enough to answer a hello.
    Head,
    /// The named items, and the named sections whole.
    Touched {
        /// Items that the record puts or removes.
        items: Vec<ItemId>,
        /// Sections that a snapshot completes.
        sections: Vec<Section>,
    },
    /// Every item: to judge the asset anew.
    Everything,
}

/// What to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadRequest {
    /// The device.
    pub device: DeviceId,
    /// Its items.
    pub scope: Scope,
    /// Snapshot whose staged chunks are needed.
    pub staged: Option<(Section, [u8; 16])>,
}

/// A chunk that waits for the rest of its snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct StagedChunk {
    /// Position in the snapshot.
    pub index: u32,
    /// The record's payload as received.
    pub payload: Vec<u8>,
}

/// State of a device as far as it was asked for. Baselines, evidence, findings, outcomes and ledger are
/// those of its asset. With [`Scope::Touched`], `items` and `baseline` hold only what was named; with [`Scope::Head`],
/// every list but `sums` is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceState {
    /// The device.
    pub device: Device,
    /// Its asset.
    pub asset: Asset,
    /// Where its stream stands.
    pub position: Position,
    /// All its sources.
    pub sources: Vec<SourceStatus>,
    /// Digest and number of items per section with content.
    pub sums: Vec<(Section, u128, u64)>,
    /// Items asked for that exist.
    pub items: BTreeMap<ItemId, StoredItem>,
    /// Accepted baseline of the items asked for (including items that no longer exist).
    pub baseline: BTreeMap<ItemId, BaselineItem>,
    /// Sources (section, source) whose baseline was seeded on this asset.
    pub seeded: Vec<(Section, String)>,
    /// All evidence stored for the asset.
    pub evidence: Vec<Evidence>,
    /// All findings of the asset, whatever their state.
    pub findings: Vec<Finding>,
    /// Outcomes as last judged.
    pub outcomes: Vec<OutcomeRow>,
    /// Ledger entries assigned to the asset.
    pub ledger: Vec<LedgerEntry>,
    /// Approvals for the asset or its department that are not over, by id.
    pub approvals: Vec<Approval>,
    /// What the books of the register say around it.
    pub papers: Papers,
    /// Notices that it still has to act upon, by number.
    pub notices: Vec<OpenNotice>,
    /// Staged chunks asked for, by index.
    pub staged: Vec<StagedChunk>,
}

/// The way of the data: load, judge (pure), apply.
pub trait Ingest: Send + Sync {
    /// The generation of rules, catalogue and policy in force; raised by every change to them.
    fn context_generation(&self) -> StoreResult<i64>;

    /// Loads the states asked for, in order; `None` for a device that does not exist.
    fn load(&self, requests: &[LoadRequest]) -> StoreResult<Vec<Option<DeviceState>>>;

    /// Applies a batch in one durable transaction: when this returns, all of it is on disk. Refuses with
    /// [`super::StoreError::Stale`] when the generation or an asset's version is no longer as expected.
    fn apply(&self, batch: &Batch) -> StoreResult<Applied>;

    /// Current devices whose asset is due: `wake_at` reached, or judged under an older generation. At most `limit`.
    fn due(&self, now: Millis, limit: usize) -> StoreResult<Vec<DeviceId>>;

    /// Current device of an asset, if it has one.
    fn current_device(&self, asset: AssetId) -> StoreResult<Option<DeviceId>>;
}
