//! Facets are stored once by their hash: offices are images of each other.

use std::collections::{BTreeMap, HashMap};

use deskwarden_domain::port::{Batch, Op, StoreResult};
use deskwarden_proto::digest;

use crate::{
    ingest_rows::FACETS,
    sql::{Cell, Connection, Kind, Lookup, Reader, Verb},
};

/// Row ids of facets by hash.
pub(crate) type Facets = HashMap<[u8; 32], i64>;

/// Every facet that a batch carries, by hash. Sorted: writers that meet on new facets do so in one order.
pub(crate) fn facets_of(batch: &Batch) -> BTreeMap<[u8; 32], &[u8]> {
    let mut facets = BTreeMap::new();
    for op in &batch.ops {
        match op {
            Op::PutItem { put, .. } => {
                facets.insert(put.facet_hash, put.facet.as_ref());
            }
            Op::Change(change) => {
                for facet in [&change.before, &change.after].into_iter().flatten() {
                    facets.insert(digest::facet(facet), facet.as_ref());
                }
            }
            Op::PutBaseline { item, .. } => {
                facets.insert(item.facet_hash, item.facet.as_ref());
            }
            Op::Event { event, .. } if !event.facet.is_empty() => {
                facets.insert(digest::facet(&event.facet), event.facet.as_slice());
            }
            _ => {}
        }
    }
    facets
}

/// Stores the facets that are not remembered, and returns their row ids.
pub(crate) fn intern(
    connection: &mut dyn Connection,
    facets: &BTreeMap<[u8; 32], &[u8]>,
    remembered: &Facets,
) -> StoreResult<Facets> {
    let unknown = || facets.iter().filter(|(hash, _)| !remembered.contains_key(*hash));
    let hashes: Vec<Cell<'_>> = unknown().map(|(hash, _)| Cell::from(hash)).collect();
    let mut ids = Facets::with_capacity(hashes.len());
    if hashes.is_empty() {
        return Ok(ids);
    }
    let cells: Vec<Cell<'_>> = unknown()
        .flat_map(|(hash, bytes)| [Cell::from(hash), Cell::Blob(bytes)])
        .collect();
    connection.write(&FACETS, Verb::AddNew, &cells)?;
    let lookup = Lookup::new("f.hash, f.id", "facets f", &[("f.hash", Kind::Blob)]);
    connection.lookup(&lookup, &hashes, &mut |_, columns| {
        let r = &mut Reader::new(columns);
        ids.insert(r.array()?, r.int()?);
        Ok(())
    })?;
    Ok(ids)
}
