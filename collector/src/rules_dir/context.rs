//! The rules that the store has in force, loaded as one value together with their generation.

use std::sync::Arc;

use deskwarden_domain::{
    judge::{Context, Graces},
    port::{Store, StoreError, StoreResult},
    register::{Book, Licence},
    rules::{RuleFile, RuleSet},
};
use tracing::error;

/// How often loading is repeated when the generation moves meanwhile.
const ATTEMPTS: u32 = 5;

/// The licence ledger, as judging reads it.
pub fn licences(store: &dyn Store) -> StoreResult<Arc<[Licence]>> {
    let rows = store.book(Book::Licences)?;
    Ok(rows.iter().map(Licence::of).collect())
}

/// Loads what is in force. A stored file that this build cannot read (it was written by another version) is
/// left out and reported; the rest is in force.
pub fn load_context(store: &dyn Store) -> StoreResult<Context> {
    for _ in 0..ATTEMPTS {
        let generation = store.context_generation()?;
        let versions = store.rules_in_force()?;
        let ranges = store.dhcp_ranges()?;
        let licences = licences(store)?;
        if store.context_generation()? != generation {
            continue;
        }
        let mut files: Vec<RuleFile<'_>> = versions
            .iter()
            .map(|version| RuleFile {
                name: &version.file,
                content: &version.content,
            })
            .collect();
        loop {
            let faults = match RuleSet::load(&files) {
                Ok(rules) => {
                    return Ok(Context {
                        generation,
                        rules: Arc::new(rules),
                        ranges: ranges.into(),
                        licences,
                        down: Arc::default(),
                        graces: Graces::Kept,
                    });
                }
                Err(faults) => faults,
            };
            let before = files.len();
            files.retain(|file| !faults.iter().any(|fault| fault.file == file.name));
            for fault in &faults {
                error!(%fault, "stored rules cannot be read by this version; the file is not in force");
            }
            if files.len() == before {
                files.clear();
            }
        }
    }
    Err(StoreError::Conflict(
        "the rules kept changing while they were loaded".to_owned(),
    ))
}
