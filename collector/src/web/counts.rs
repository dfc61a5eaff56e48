//! Numbers over the whole fleet that several pages show, counted once for all of them. Whoever is limited to
//! departments is shown none of them.

use std::time::Duration;

use deskwarden_domain::{
    model::{Millis, Record, Sight},
    port::{
        AgentCount, Attention, Compliance, Condition, Overview, RuleCount, SourceRow, Store, StoreResult,
    },
};

/// How long a page waits for the first count of a large fleet.
pub(super) const WAIT: Duration = Duration::from_secs(30);
/// Sources that are kept, most devices first.
const SOURCES: usize = 64;
const MINUTE_MS: Millis = 60_000;
const DAY_MS: Millis = 24 * 60 * MINUTE_MS;

/// What was judged, and what is on record.
pub(super) struct Counts {
    /// By rule.
    pub(super) rules: Vec<RuleCount>,
    /// Sources that were not looked at completely.
    pub(super) blind: Vec<SourceRow>,
    /// Records by kind.
    pub(super) records: Vec<(Record, u64)>,
    /// How departments comply.
    pub(super) departments: Vec<Compliance>,
}

/// Counts what was judged.
pub(super) fn count(store: &dyn Store, _: Millis) -> StoreResult<Counts> {
    Ok(Counts {
        rules: store.rule_counts()?,
        blind: store.blind_sources(SOURCES)?,
        records: store.record_counts()?,
        departments: store.departments()?,
    })
}

/// The numbers of the morning.
pub(super) struct Morning {
    /// What there is and what is open; "recently" is a day.
    pub(super) numbers: Overview,
    /// What needs attention.
    pub(super) attention: Attention,
}

/// Counts what a reader sees; `window` is how long a device counts as reporting.
pub(super) fn morning(store: &dyn Store, now: Millis, window: Millis, sight: &Sight) -> StoreResult<Morning> {
    let since = now.saturating_sub(window);
    let mut numbers = store.overview(since, sight)?;
    if window != DAY_MS {
        numbers.opened_recently = store.overview(now.saturating_sub(DAY_MS), sight)?.opened_recently;
    }
    Ok(Morning {
        numbers,
        attention: store.attention(now, since, sight)?,
    })
}

/// What reports into the store.
pub(super) struct Agents {
    /// How the store is; "heard" is within a minute.
    pub(super) condition: Condition,
    /// Agents by version.
    pub(super) agents: Vec<AgentCount>,
}

/// Counts the agents; `window` is how long a device counts as reporting.
pub(super) fn agents(store: &dyn Store, now: Millis, window: Millis) -> StoreResult<Agents> {
    Ok(Agents {
        condition: store.condition(now.saturating_sub(MINUTE_MS))?,
        agents: store.agents(now.saturating_sub(window))?,
    })
}
