//! People, sessions, the audit log and leases.

use crate::model::{AuditEntry, AuditFilter, AuditRecord, Millis, Role, Session, User};

use super::{Page, Paging, StoreResult};

/// State of the sign-in counter after an attempt was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInAttempt {
    /// The attempt may be checked.
    Allowed,
    /// Too many: nothing may be checked before this time.
    LockedUntil(Millis),
}

/// Where the audit chain is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFault {
    /// Sequence of the first entry that does not fit.
    pub sequence: i64,
    /// What does not fit, for a person.
    pub reason: String,
}

/// People, sessions, audit, leases, deliveries.
pub trait Access {
    /// Makes a user; a taken name is a conflict.
    fn create_user(
        &self,
        name: &str,
        password_hash: &str,
        roles: &[Role],
        must_change: bool,
        audit: &AuditEntry,
    ) -> StoreResult<i64>;

    /// A user by sign-in name.
    fn user_by_name(&self, name: &str) -> StoreResult<Option<User>>;

    /// A user by row id.
    fn user(&self, id: i64) -> StoreResult<Option<User>>;

    /// All users, by name.
    fn users(&self) -> StoreResult<Vec<User>>;

    /// Sets a password and ends every session of the user but `keep`.
    fn set_password(
        &self,
        user_id: i64,
        hash: &str,
        must_change: bool,
        keep: Option<&[u8; 32]>,
        audit: &AuditEntry,
    ) -> StoreResult<()>;

    /// Counts an attempt for a name (known or not) before the password is looked at, atomically: of
    /// parallel guesses at most `threshold` are allowed per lockout of `lockout_ms`.
    fn count_sign_in(
        &self,
        name: &str,
        now: Millis,
        threshold: u32,
        lockout_ms: i64,
    ) -> StoreResult<SignInAttempt>;

    /// The right password was given: the counter starts anew.
    fn clear_sign_in(&self, name: &str) -> StoreResult<()>;

    /// Stores a session; one that no code is due for counts as the person's last sign-in.
    fn create_session(&self, session: &Session, audit: &AuditEntry) -> StoreResult<()>;

    /// A session and its user; `None` when unknown, older than `oldest_created` or unused since `oldest_used`.
    fn session(
        &self,
        hash: &[u8; 32],
        oldest_created: Millis,
        oldest_used: Millis,
    ) -> StoreResult<Option<(Session, User)>>;

    /// Notes the use of a session.
    fn touch_session(&self, hash: &[u8; 32], at: Millis) -> StoreResult<()>;

    /// Ends a session.
    fn end_session(&self, hash: &[u8; 32], audit: &AuditEntry) -> StoreResult<()>;

    /// Appends to the audit log.
    fn audit(&self, entry: &AuditEntry) -> StoreResult<()>;

    /// Audit records from a sequence on, ascending.
    fn audit_records(&self, from: i64, limit: usize) -> StoreResult<Vec<AuditRecord>>;

    /// Audit records, newest first.
    fn audit_page(&self, filter: &AuditFilter, paging: Paging) -> StoreResult<Page<AuditRecord>>;

    /// Recomputes the chain.
    fn verify_audit(&self) -> StoreResult<Result<i64, AuditFault>>;

    /// Number and hash of the newest entry: noted elsewhere, they show later that nothing before was exchanged.
    fn audit_head(&self) -> StoreResult<(i64, [u8; 32])>;

    /// Removes entries older than `days` days; refuses less than [`AUDIT_FLOOR_DAYS`](crate::model::AUDIT_FLOOR_DAYS).
    /// What stays is a whole chain. Returns how many.
    fn prune_audit(&self, now: Millis, days: u32) -> StoreResult<u64>;

    /// Takes or renews a lease by name for `holder` until `until`, at most an hour ahead; `false` when another holds it.
    /// One that ends later still was taken under a wrong clock, and is there to be taken.
    fn lease(&self, name: &str, holder: &str, now: Millis, until: Millis) -> StoreResult<bool>;

    /// A collector is up. When none said so for `longest`, the time since is one in which nobody listened. A time
    /// more than an hour ahead was said under a wrong clock and counts for nothing.
    fn collector_up(&self, now: Millis, longest: Millis) -> StoreResult<()>;

    /// Times that ended after `since` in which no collector was up: from, until, in their order.
    fn collector_down(&self, since: Millis) -> StoreResult<Vec<(Millis, Millis)>>;

    /// Removes what nobody will ask for again: sessions made before the given time, chunks of snapshots that
    /// a device which no longer reports will not complete; approvals that ended before it are not loaded any
    /// more. Returns how many rows.
    fn tidy(&self, sessions_before: Millis) -> StoreResult<u64>;
}
