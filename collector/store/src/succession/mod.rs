//! Successors: which earlier asset a new device may belong to, and what linking it changes. Whether a rule
//! links without a person is decided elsewhere.

mod hints;
mod link;
mod proposals;

use deskwarden_domain::{
    model::{Asset, AssetId, AuditEntry, BaselineItem, Device, Linked, Proposal},
    port::{StoreResult, Succession},
};
use deskwarden_proto::{ids::DeviceId, v1::Section};

use crate::Database;

pub(crate) use hints::{backfill, remember};
pub(crate) use proposals::propose;

impl Succession for Database {
    fn proposals(&self, device: Option<DeviceId>, limit: usize) -> StoreResult<Vec<Proposal>> {
        self.read(|connection| proposals::open(connection, device, limit))
    }

    fn waiting(&self, limit: usize) -> StoreResult<Vec<(Device, Asset)>> {
        self.read(|connection| proposals::waiting(connection, limit))
    }

    fn links(&self, limit: usize) -> StoreResult<Vec<Linked>> {
        self.read(|connection| link::standing(connection, limit))
    }

    fn link(&self, device: DeviceId, asset: AssetId, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| link::link(connection, device, asset, audit))
    }

    fn unlink(&self, device: DeviceId, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| link::unlink(connection, device, audit))
    }

    fn dismiss(&self, device: DeviceId, asset: AssetId, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| proposals::dismiss(connection, device, asset, audit))
    }

    fn accepted(&self, asset: AssetId, section: Section) -> StoreResult<Vec<BaselineItem>> {
        self.read(|connection| proposals::accepted(connection, asset, section))
    }
}
