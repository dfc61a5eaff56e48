//! Departments of PCs: proposed from what PCs report, and taken into the register.

use std::collections::BTreeSet;

use deskwarden_domain::{
    model::AssetId,
    port::{DepartmentFacts, Store, StoreResult},
    register::{AssetEdit, Book, DepartmentSign, Proposed, propose},
};
use deskwarden_proto::{
    decode,
    v1::{Section, facet},
};
use serde_json::json;

use super::{Editor, audit};

/// PCs whose departments are looked at.
const PCS: usize = 20_000;

/// Departments that are proposed, with the names of the PCs.
pub fn departments(store: &dyn Store) -> StoreResult<Vec<(String, Option<String>, Proposed)>> {
    let signs = store.book(Book::Departments)?;
    let signs: Vec<DepartmentSign> = signs.iter().filter_map(DepartmentSign::of).collect();
    let all = store.department_facts(PCS)?;
    let departments = known_departments(store, &signs, &all)?;
    let mut found = Vec::new();
    for mut facts in all {
        if let Some(Ok(facet::Kind::Os(os))) = facts.os.map(|bytes| decode::facet(Section::Os, &bytes)) {
            facts.candidate.domain = os.domain;
            facts.candidate.directory = os.directory;
        }
        let known = facts.candidate.department.clone();
        if let Some(proposed) = propose(facts.asset, &facts.candidate, &signs, &departments) {
            found.push((facts.name, known, proposed));
        }
    }
    Ok(found)
}

/// Departments that the company has: of people, of signs, of PCs.
fn known_departments(
    store: &dyn Store,
    signs: &[DepartmentSign],
    facts: &[DepartmentFacts],
) -> StoreResult<BTreeSet<String>> {
    let people = store.book(Book::People)?;
    let named = people
        .iter()
        .map(|row| row.text("department"))
        .chain(signs.iter().map(|sign| sign.department.as_str()))
        .chain(
            facts
                .iter()
                .filter_map(|facts| facts.candidate.department.as_deref()),
        );
    let named = named.map(str::trim).filter(|name| !name.is_empty());
    Ok(named.map(str::to_owned).collect())
}

/// Takes proposals into the register: those of the assets named, or all for assets without a department.
pub fn accept_departments(
    store: &dyn Store,
    only: Option<&[AssetId]>,
    editor: Editor<'_>,
) -> StoreResult<usize> {
    let mut edits = Vec::new();
    for (_, known, proposed) in departments(store)? {
        let wanted = only.map_or(known.is_none(), |only| only.contains(&proposed.asset));
        if let (true, Some((row, _))) = (wanted, store.asset(proposed.asset)?) {
            let mut asset = row.asset;
            asset.department = Some(proposed.department);
            edits.push(AssetEdit {
                asset,
                make: false,
                serials: None,
            });
        }
    }
    if !edits.is_empty() {
        let audit = audit(
            editor,
            "register.departments.accept",
            "assets".to_owned(),
            json!({"accepted": edits.len()}),
        );
        store.edit_assets(&edits, &audit)?;
    }
    Ok(edits.len())
}
