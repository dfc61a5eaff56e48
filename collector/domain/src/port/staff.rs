//! What people in front of a PC may see of what is kept about it: links that lead there, and that they read it.

use deskwarden_proto::ids::DeviceId;

use crate::model::{Acknowledgement, AssetId, AuditEntry, Millis};

use super::{Page, Paging, StoreResult};

/// The notice to staff.
pub trait Staff {
    /// Keeps links (hash of the secret, device, end) and forgets those that ended.
    fn put_staff_links(&self, links: &[([u8; 32], DeviceId, Millis)], now: Millis) -> StoreResult<()>;

    /// The device of a link that holds.
    fn staff_link(&self, hash: &[u8; 32], now: Millis) -> StoreResult<Option<DeviceId>>;

    /// Notes that somebody at the device read a version of the notice.
    fn acknowledge(&self, device: DeviceId, version: &str, name: &str, audit: &AuditEntry)
    -> StoreResult<()>;

    /// Who read which version where, newest first; of one asset where it is given.
    fn acknowledgements(&self, asset: Option<AssetId>, paging: Paging) -> StoreResult<Page<Acknowledgement>>;
}
