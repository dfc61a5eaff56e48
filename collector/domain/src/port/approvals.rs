//! Keeping approvals. Granting and withdrawing make due exactly the assets whose findings they touch.

use crate::model::{
    Approval, ApprovalId, ApprovalState, Asset, AssetId, AuditEntry, FindingId, Millis, Withdrawal,
};

use super::{Page, Paging, StoreResult};

/// Which approvals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// In this state; `None`: any.
    pub state: Option<ApprovalState>,
    /// The moment that states are told for.
    pub now: Millis,
    /// For this asset, or for its department.
    pub asset: Option<AssetId>,
    /// Of this rule.
    pub rule: Option<String>,
    /// Words to find in asset, department, rule, subject, approver, reason.
    pub text: Option<String>,
}

/// An approval in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ApprovalRow {
    /// The approval.
    pub approval: Approval,
    /// Row id.
    pub id: ApprovalId,
    /// Its asset, if it is for one.
    pub asset: Option<Asset>,
}

/// What people approved.
pub trait Approvals {
    /// Approvals, those that end last first.
    fn approvals(&self, filter: &ApprovalFilter, paging: Paging) -> StoreResult<Page<ApprovalRow>>;

    /// One approval.
    fn approval(&self, id: ApprovalId) -> StoreResult<Option<ApprovalRow>>;

    /// The approvals that name a finding and are not over, those that end last first.
    fn approvals_of(&self, finding: FindingId) -> StoreResult<Vec<ApprovalRow>>;

    /// Stores new approvals, all or none, each with its line of the audit log (its object becomes the new
    /// approval). What they cover is judged again; a report that was loaded before is judged anew.
    fn grant(&self, approvals: &[(Approval, AuditEntry)]) -> StoreResult<Vec<ApprovalId>>;

    /// Takes one back; refused as stale when it was taken back meanwhile.
    fn withdraw_approval(
        &self,
        id: ApprovalId,
        withdrawal: &Withdrawal,
        audit: &AuditEntry,
    ) -> StoreResult<()>;
}
