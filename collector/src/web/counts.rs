//! Numbers over the whole fleet that several pages show, counted once for all of them: outcomes and findings by rule,
//! and sources that are not looked at. Whoever is limited to departments is shown none of them.

use std::time::Duration;

use deskwarden_domain::{
    model::Millis,
    port::{RuleCount, SourceRow, Store, StoreResult},
};

/// How long a page waits for the first count of a large fleet.
pub(super) const WAIT: Duration = Duration::from_secs(30);
/// Sources that are kept, most devices first.
const SOURCES: usize = 64;

/// The numbers.
pub(super) struct Counts {
    /// By rule.
    pub(super) rules: Vec<RuleCount>,
    /// Sources that were not looked at completely.
    pub(super) blind: Vec<SourceRow>,
}

/// Counts them.
pub(super) fn count(store: &dyn Store, _: Millis) -> StoreResult<Counts> {
    Ok(Counts {
        rules: store.rule_counts()?,
        blind: store.blind_sources(SOURCES)?,
    })
}
