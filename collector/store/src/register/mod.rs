//! The register and its books: one transaction per edit, with its line of the audit log.

pub(crate) mod assets;
pub(crate) mod books;

use std::collections::BTreeMap;

use deskwarden_domain::{
    model::{Asset, AssetId, AuditEntry},
    port::{AssetStep, DepartmentFacts, Page, Paging, Register, StoreResult},
    register::{AssetEdit, Book, Candidate, Row},
};
use deskwarden_proto::{
    Message as _,
    v1::{HostHints, Section},
};

use crate::{
    Database, audit,
    sql::{Cell, Connection, ConnectionExt as _},
};

/// Most rows of a list that is read whole.
const MOST: i64 = 100_000;

impl Register for Database {
    fn edit_assets(&self, edits: &[AssetEdit], audit: &AuditEntry) -> StoreResult<Vec<AssetId>> {
        self.write(|connection| {
            let mut ids = Vec::with_capacity(edits.len());
            for edit in edits {
                let id = assets::write(connection, &edit.asset, edit.make, audit)?;
                if let Some(serials) = &edit.serials {
                    assets::put_serials(connection, id, serials, audit)?;
                }
                ids.push(AssetId(id));
            }
            audit::append(connection, audit)?;
            Ok(ids)
        })
    }

    fn asset_history(&self, asset: AssetId, limit: usize) -> StoreResult<Vec<AssetStep>> {
        self.read(|connection| {
            connection.rows(
                "SELECT at, actor, field, was, becomes FROM asset_history WHERE asset_id = ?1 ORDER BY id DESC LIMIT ?2",
                &[Cell::Int(asset.0), Cell::Int(bounded(limit))],
                |r| {
                    Ok(AssetStep {
                        at: r.int()?,
                        actor: r.string()?,
                        field: r.string()?,
                        was: r.string()?,
                        becomes: r.string()?,
                    })
                },
            )
        })
    }

    fn registered(&self, number: Option<&str>, paging: Paging) -> StoreResult<Page<Asset>> {
        self.read(|connection| assets::registered(connection, number, paging))
    }

    fn expected_serials(&self) -> StoreResult<Vec<(AssetId, String)>> {
        self.read(|connection| {
            connection.rows(
                "SELECT asset_id, value FROM asset_serials ORDER BY asset_id, value LIMIT ?1",
                &[Cell::Int(MOST)],
                |r| Ok((AssetId(r.int()?), r.string()?)),
            )
        })
    }

    fn asset_serials(&self, asset: AssetId) -> StoreResult<Vec<String>> {
        self.read(|connection| assets::serials(connection, asset.0))
    }

    fn book(&self, book: Book) -> StoreResult<Vec<Row>> {
        self.read(|connection| books::all(connection, book))
    }

    fn book_page(&self, book: Book, paging: Paging) -> StoreResult<Page<Row>> {
        self.read(|connection| books::page(connection, book, paging))
    }

    fn book_row(&self, book: Book, key: &str) -> StoreResult<Option<Row>> {
        self.read(|connection| books::one(connection, book, key))
    }

    fn edit_book(&self, book: Book, put: &[Row], remove: &[String], audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| books::edit(connection, book, put, remove, audit))
    }

    fn department_facts(&self, limit: usize) -> StoreResult<Vec<DepartmentFacts>> {
        self.read(|connection| department_facts(connection, limit))
    }
}

fn department_facts(connection: &mut dyn Connection, limit: usize) -> StoreResult<Vec<DepartmentFacts>> {
    const CURRENT: &str = "FROM assets a JOIN devices d ON d.id = a.current_device";
    const LIVING: &str = "WHERE a.merged_into IS NULL AND d.status <> 'pending'";
    let limit = [Cell::Int(bounded(limit))];
    let heads = connection.rows(
        &format!(
            "SELECT a.id, a.name, a.department, d.hostname, d.hints, MAX(t.department) {CURRENT}
             LEFT JOIN enrolments n ON n.device_id = d.id LEFT JOIN tokens t ON t.id = n.token_id
             {LIVING} GROUP BY a.id, a.name, a.department, d.hostname, d.hints ORDER BY a.id LIMIT ?1"
        ),
        &limit,
        |r| {
            let (asset, name) = (AssetId(r.int()?), r.string()?);
            let (department, hostname) = (r.opt_string()?, r.string()?);
            let hints = HostHints::decode(r.blob()?).unwrap_or_default();
            Ok(DepartmentFacts {
                asset,
                name,
                candidate: Candidate {
                    department,
                    hostname,
                    installer: hints.department,
                    token: r.opt_string()?.unwrap_or_default(),
                    ..Candidate::default()
                },
                os: None,
            })
        },
    )?;
    let mut facts: BTreeMap<AssetId, DepartmentFacts> =
        heads.into_iter().map(|facts| (facts.asset, facts)).collect();
    let addresses = connection.rows(
        &format!(
            "SELECT a.id, c.value {CURRENT} JOIN claims c ON c.device_id = d.id AND c.kind = 'ip' AND c.origin = 'own'
             {LIVING} ORDER BY a.id LIMIT ?1"
        ),
        &[Cell::Int(MOST)],
        |r| Ok((AssetId(r.int()?), r.string()?)),
    )?;
    for (asset, address) in addresses {
        if let Some(facts) = facts.get_mut(&asset) {
            facts.candidate.addresses.push(address);
        }
    }
    // Here, not by the statement: SQLite would go through the addresses of all PCs for each, which an index has in order.
    for facts in facts.values_mut() {
        facts.candidate.addresses.sort_unstable();
    }
    let systems = connection.rows(
        &format!(
            "SELECT a.id, f.bytes {CURRENT} JOIN items i ON i.device_id = d.id AND i.section = ?2
             JOIN facets f ON f.id = i.facet_id {LIVING} ORDER BY a.id LIMIT ?1"
        ),
        &[Cell::Int(MOST), Cell::Int(i64::from(Section::Os as i32))],
        |r| Ok((AssetId(r.int()?), r.blob()?.to_vec())),
    )?;
    for (asset, os) in systems {
        if let Some(facts) = facts.get_mut(&asset) {
            facts.os = Some(os);
        }
    }
    Ok(facts.into_values().collect())
}

fn bounded(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(MOST).min(MOST)
}
