//! Devices that take the place of earlier ones on the same PC.

use deskwarden_proto::{ids::DeviceId, v1::Section};

use crate::model::{Asset, AssetId, AuditEntry, BaselineItem, Device, Linked, Proposal};

use super::StoreResult;

/// Successors: proposing, linking, taking back.
pub trait Succession {
    /// Proposals that nobody decided, newest first; of one device if given. At most `limit`.
    fn proposals(&self, device: Option<DeviceId>, limit: usize) -> StoreResult<Vec<Proposal>>;

    /// Devices that wait for a person's approval, newest first, with their assets.
    fn waiting(&self, limit: usize) -> StoreResult<Vec<(Device, Asset)>>;

    /// Links that stand, newest first.
    fn links(&self, limit: usize) -> StoreResult<Vec<Linked>>;

    /// Makes the device the current one of the asset, in place of its earlier one, which is retired. What the asset
    /// has stays: number, custodian, department, ledger entries, accepted baseline, findings. The provisional
    /// asset is kept aside for [`Succession::unlink`]; its open findings are resolved. Both are due.
    fn link(&self, device: DeviceId, asset: AssetId, audit: &AuditEntry) -> StoreResult<()>;

    /// Takes the device's last link back: it gets its provisional asset again, and the asset its earlier device.
    fn unlink(&self, device: DeviceId, audit: &AuditEntry) -> StoreResult<()>;

    /// The device is another PC than that asset: it is not proposed again.
    fn dismiss(&self, device: DeviceId, asset: AssetId, audit: &AuditEntry) -> StoreResult<()>;

    /// What was accepted for an asset in a section.
    fn accepted(&self, asset: AssetId, section: Section) -> StoreResult<Vec<BaselineItem>>;
}
