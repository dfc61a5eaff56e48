//! What the record forms of PC 5 list: breaches and accepted changes of a period.

use crate::model::{Asset, Finding, FindingHistory, FindingId, Millis};

use super::{Page, Paging, StoreResult};

/// Which records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFilter {
    /// From this moment on.
    pub from: Millis,
    /// Until before this moment.
    pub until: Millis,
    /// Of this department only.
    pub department: Option<String>,
}

/// A breach, with the notices that were issued for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The finding.
    pub finding: Finding,
    /// Row id.
    pub id: FindingId,
    /// Its asset.
    pub asset: Option<Asset>,
    /// Number of the newest notice.
    pub notice: Option<String>,
}

/// A change that somebody accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptedChange {
    /// The finding that showed it.
    pub finding: Finding,
    /// Row id.
    pub id: FindingId,
    /// Its asset.
    pub asset: Option<Asset>,
    /// Who accepted it, when, with what words.
    pub step: FindingHistory,
}

/// Records for forms.
pub trait Records {
    /// Findings that were opened in the period, oldest first.
    fn violations(&self, filter: &RecordFilter, paging: Paging) -> StoreResult<Page<Violation>>;

    /// Changes that were accepted in the period, oldest first.
    fn accepted_changes(&self, filter: &RecordFilter, paging: Paging) -> StoreResult<Page<AcceptedChange>>;
}
