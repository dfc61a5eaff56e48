//! A batch on its way into the tables: what its operations share while they become rows.

use std::collections::{BTreeSet, HashMap};

use deskwarden_domain::{
    model::{FindingId, FindingKey, FindingState, Millis},
    port::{Applied, Batch, StoreError, StoreResult},
};
use deskwarden_proto::ids::DeviceId;

use crate::{
    ingest_facets::Facets,
    ingest_rows::{Devices, Runs},
    sql::Cell,
};

/// A batch on its way into the tables.
pub(crate) struct Writer<'a> {
    pub(crate) batch: &'a Batch,
    devices: &'a Devices,
    facets: [&'a Facets; 2],
    pub(crate) applied: Applied,
    pub(crate) runs: Runs<'a>,
    /// Findings that this batch wrote already: their version moved through this batch alone.
    pub(crate) findings: HashMap<&'a FindingKey, FindingId>,
    /// Findings whose state was written, and when that was.
    pub(crate) turned: Vec<(FindingId, FindingState, Millis)>,
    /// Critical findings that opened: whose provider is to be assessed anew.
    pub(crate) critical: Vec<(FindingId, i64, Millis)>,
    /// Assets whose numbers of active findings may have changed.
    pub(crate) counted: BTreeSet<i64>,
}

impl<'a> Writer<'a> {
    /// Ready to write.
    pub(crate) fn new(batch: &'a Batch, devices: &'a Devices, facets: [&'a Facets; 2]) -> Self {
        Self {
            batch,
            devices,
            facets,
            applied: Applied::default(),
            runs: Runs::default(),
            findings: HashMap::new(),
            turned: Vec::new(),
            critical: Vec::new(),
            counted: BTreeSet::new(),
        }
    }

    /// Row id of a device of the batch.
    pub(crate) fn device(&self, id: &DeviceId) -> StoreResult<Cell<'a>> {
        let row = self
            .devices
            .get(id)
            .ok_or_else(|| StoreError::NotFound(format!("device {id}")))?;
        Ok(Cell::Int(*row))
    }

    /// Row id of an interned facet.
    pub(crate) fn facet(&self, hash: &[u8; 32]) -> StoreResult<Cell<'a>> {
        let id = self.facets.iter().find_map(|facets| facets.get(hash));
        id.map(|id| Cell::Int(*id))
            .ok_or_else(|| StoreError::NotFound("a facet of the batch".into()))
    }
}
