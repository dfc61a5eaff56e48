//! Keeping inspection runs, and the providers that are to be assessed anew.

use crate::model::{AuditEntry, By, Inspected, Inspection, Millis, Reassess, Tally};

use super::{Page, Paging, StoreResult};

/// Runs and what they saw.
pub trait Inspections {
    /// Makes a run: every PC with a device, as it is now, in one transaction. `None` when there is one of this label
    /// already: another collector was first.
    fn run_inspection(&self, run: &Inspection, audit: &AuditEntry) -> StoreResult<Option<i64>>;

    /// When the last run was made that the schedule started, and its label.
    fn last_scheduled(&self) -> StoreResult<Option<(String, Millis)>>;

    /// Runs with their numbers, newest first.
    fn inspections(&self, paging: Paging) -> StoreResult<Page<(Inspection, Tally)>>;

    /// One run.
    fn inspection(&self, id: i64) -> StoreResult<Option<(Inspection, Tally)>>;

    /// The run before this one, whose numbers its own are measured against.
    fn inspection_before(&self, id: i64) -> StoreResult<Option<i64>>;

    /// Its numbers by department or provider, by name; the empty name stands for none.
    fn inspection_tallies(&self, id: i64, by: By) -> StoreResult<Vec<(String, Tally)>>;

    /// Its PCs with their gauges, those with the worst findings first.
    fn inspected(&self, id: i64, paging: Paging) -> StoreResult<Page<Inspected>>;

    /// Removes runs from before this time; the newest of the schedule and of each person stay. How many went.
    fn prune_inspections(&self, before: Millis) -> StoreResult<u64>;

    /// Providers that are to be assessed anew; settled ones too if asked for, behind the open ones. Newest first.
    fn reassessments(&self, settled: bool, limit: usize) -> StoreResult<Vec<Reassess>>;

    /// A person assessed the provider anew. Refused as stale when somebody did so meanwhile.
    fn settle_reassessment(&self, id: i64, note: &str, audit: &AuditEntry) -> StoreResult<()>;
}
