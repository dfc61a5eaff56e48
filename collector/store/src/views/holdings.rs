//! What current devices have of a section, a part of the fleet at a time, so that counting over all of it holds
//! no long transaction.

use deskwarden_domain::{
    model::AssetId,
    port::{FacetId, Holding, StoreResult},
};
use deskwarden_proto::{Bytes, v1::Section};

use crate::sql::{Cell, Connection, Kind, Lookup, Reader};

/// The next assets with what their current devices have.
pub(super) fn list(
    connection: &mut dyn Connection,
    section: Section,
    after: AssetId,
    limit: u32,
) -> StoreResult<Vec<Holding>> {
    let mut found: Vec<Holding> = Vec::new();
    connection.query(
        "SELECT p.id, p.department, i.facet_id FROM
           (SELECT a.id, a.department, a.current_device FROM assets a
            WHERE a.id > ?1 AND a.current_device IS NOT NULL AND a.merged_into IS NULL
            ORDER BY a.id LIMIT ?2) p
         LEFT JOIN items i ON i.device_id = p.current_device AND i.section = ?3
         ORDER BY p.id",
        &[
            Cell::Int(after.0),
            Cell::Int(i64::from(limit)),
            Cell::Int(i64::from(section as i32)),
        ],
        &mut |columns| {
            let r = &mut Reader::new(columns);
            let asset = AssetId(r.int()?);
            if found.last().is_none_or(|last| last.asset != asset) {
                found.push(Holding {
                    asset,
                    department: r.opt_string()?,
                    facets: Vec::new(),
                });
            } else {
                r.opt_string()?;
            }
            let facet = r.opt_int()?.map(FacetId);
            if let Some(last) = found.last_mut() {
                last.facets.extend(facet);
            }
            Ok(())
        },
    )?;
    for holding in &mut found {
        holding.facets.sort_unstable();
        holding.facets.dedup();
    }
    Ok(found)
}

/// Facets by their numbers.
pub(super) fn facets(connection: &mut dyn Connection, ids: &[FacetId]) -> StoreResult<Vec<(FacetId, Bytes)>> {
    let keys: Vec<Cell<'_>> = ids.iter().map(|id| Cell::Int(id.0)).collect();
    let lookup = Lookup::new("f.bytes", "facets f", &[("f.id", Kind::Int)]);
    let mut found = Vec::with_capacity(ids.len());
    connection.lookup(&lookup, &keys, &mut |number, columns| {
        let bytes = Bytes::copy_from_slice(Reader::new(columns).blob()?);
        found.extend(ids.get(number).map(|id| (*id, bytes)));
        Ok(())
    })?;
    Ok(found)
}
