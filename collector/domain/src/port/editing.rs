//! What judging anew after an edit asks of a store: who holds a fact, who shows a breach, who is behind.

use std::collections::BTreeSet;

use deskwarden_proto::{decode::ItemId, ids::DeviceId};

use super::StoreResult;
use crate::model::{Asset, SourceStatus};

/// An asset as far as its outcomes go.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The asset.
    pub asset: Asset,
    /// Epoch and next sequence of the device's stream.
    pub position: (u64, u64),
    /// All sources of the device.
    pub sources: Vec<SourceStatus>,
}

/// Finding what an edit reaches, over all devices. Only current devices count that are not waiting for approval.
pub trait Editing: Send + Sync {
    /// Whether an asset was last judged under an older generation than this.
    fn is_behind(&self, generation: i64) -> StoreResult<bool>;

    /// Distinct facts with a row id above `after`, in its order, at most `limit`: row id, encoded facet.
    fn facts_after(&self, after: i64, limit: usize) -> StoreResult<Vec<(i64, Vec<u8>)>>;

    /// Items that hold one of these facts, on assets that were judged under this generation.
    fn holders(&self, facts: &[i64], generation: i64) -> StoreResult<Vec<(DeviceId, ItemId)>>;

    /// Assets judged under this generation that show a breach of one of these rules, or have a finding of one that is
    /// not over: their device, and the item that shows it, where one does.
    fn shown_by(
        &self,
        rules: &BTreeSet<String>,
        generation: i64,
    ) -> StoreResult<Vec<(DeviceId, Option<ItemId>)>>;

    /// Devices of all assets that were judged under this generation.
    fn judged_under(&self, generation: i64) -> StoreResult<Vec<DeviceId>>;

    /// What the outcomes of rules depend on beside breaches, in the order of `devices`; `None` for a device that does
    /// not exist.
    fn standing(&self, devices: &[DeviceId]) -> StoreResult<Vec<Option<Standing>>>;

    /// All assets that are still judged under `from` would be judged the same under `to`: notes it. Refuses with
    /// [`super::StoreError::Stale`] when `to` is no longer in force.
    fn caught_up(&self, from: i64, to: i64) -> StoreResult<()>;
}
