//! That somebody read what is collected about the PC in front of them.

use deskwarden_proto::ids::DeviceId;

use super::{AssetId, Millis};

/// One acknowledgement of the notice to staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Row id.
    pub id: i64,
    /// The device that the link was handed to.
    pub device: DeviceId,
    /// Its asset now.
    pub asset: AssetId,
    /// Name of the asset.
    pub asset_name: String,
    /// Department of the asset.
    pub department: Option<String>,
    /// Version of the notice.
    pub version: String,
    /// The name that was typed. Whoever sits at the PC can type any.
    pub name: String,
    /// When.
    pub at: Millis,
}
