//! The way of the data: load, apply, what is due. The parts have files of their own.

use deskwarden_domain::{
    model::{AssetId, Millis},
    port::{Applied, Batch, DeviceState, Ingest, LoadRequest, StoreResult},
};
use deskwarden_proto::ids::DeviceId;

use crate::{
    Database,
    due::due,
    generation::generation,
    ingest_apply::apply,
    ingest_load::load,
    sql::{Cell, ConnectionExt as _},
};

impl Ingest for Database {
    fn context_generation(&self) -> StoreResult<i64> {
        self.read_first(generation)
    }

    fn load(&self, requests: &[LoadRequest]) -> StoreResult<Vec<Option<DeviceState>>> {
        self.read_first(|connection| load(connection, requests))
    }

    fn apply(&self, batch: &Batch) -> StoreResult<Applied> {
        apply(self, batch)
    }

    fn due(&self, now: Millis, limit: usize) -> StoreResult<Vec<DeviceId>> {
        self.read_first(|connection| due(connection, now, limit))
    }

    fn current_device(&self, asset: AssetId) -> StoreResult<Option<DeviceId>> {
        self.read_first(|connection| {
            connection.row(
                "SELECT d.uid FROM assets a JOIN devices d ON d.id = a.current_device WHERE a.id = ?1",
                &[Cell::Int(asset.0)],
                |r| r.array().map(DeviceId::from_random),
            )
        })
    }
}
