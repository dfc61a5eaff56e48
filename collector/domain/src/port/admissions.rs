//! Keeping admissions, outside the fleet.

use deskwarden_proto::ids::DeviceId;

use crate::model::{Admission, AdmissionToken, AuditEntry, Checked, Millis};

use super::{EnrolRefusal, Page, Paging, StoreResult};

/// What the registers of providers' devices ask of a store.
pub trait Admissions {
    /// Stores a token; its row id.
    fn create_admission_token(&self, token: &AdmissionToken, audit: &AuditEntry) -> StoreResult<i64>;

    /// Tokens, newest first.
    fn admission_tokens(&self) -> StoreResult<Vec<AdmissionToken>>;

    /// Withdraws a token.
    fn revoke_admission_token(&self, id: i64, audit: &AuditEntry) -> StoreResult<()>;

    /// Uses the token of that hash for a device, in one transaction; `None` when there is no such token. What the
    /// token says (provider, purpose, days) is written into the admission.
    fn admit(
        &self,
        token_hash: &[u8; 32],
        admission: &Admission,
    ) -> StoreResult<Option<Result<Admission, EnrolRefusal>>>;

    /// The admission that a certificate names.
    fn admission_of(&self, device: DeviceId) -> StoreResult<Option<Admission>>;

    /// One admission.
    fn admission(&self, id: i64) -> StoreResult<Option<Admission>>;

    /// Notes what a look came to; the last one counts.
    fn put_checked(&self, id: i64, checked: &Checked, audit: &AuditEntry) -> StoreResult<()>;

    /// Admissions, newest first; those that hold at a time if given.
    fn admissions(&self, good_at: Option<Millis>, paging: Paging) -> StoreResult<Page<Admission>>;
}
