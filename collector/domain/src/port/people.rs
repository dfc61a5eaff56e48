//! What an administrator decides about people who sign in, and their second factor.

use crate::model::{ApiToken, AuditEntry, Millis, Role, Sight, User, Vouched};

use super::StoreResult;

/// Rights of people, their second factor, tokens of the API.
pub trait People {
    /// Sets roles and sight, and ends every session of the person: rights are those of a sign-in. The last
    /// administrator who may sign in with a local password keeps that role: taking it is a conflict.
    fn set_rights(&self, user_id: i64, roles: &[Role], sight: &Sight, audit: &AuditEntry) -> StoreResult<()>;

    /// Switches an account off (`at`) or on, and ends its sessions. The last administrator stays.
    fn set_disabled(&self, user_id: i64, at: Option<Millis>, audit: &AuditEntry) -> StoreResult<()>;

    /// The account of somebody whom a directory or a provider vouches for. It is made at the first sign-in, and has
    /// the roles and the sight of the groups from then on: changed ones end its sessions. `None` when the groups give
    /// no role: an account that was there has none any more. A name that belongs to another account is a conflict.
    fn admit_vouched(&self, who: &Vouched, at: Millis) -> StoreResult<Option<User>>;

    /// Forgets which entry of a directory or provider an account belongs to: the next one of its name takes it over.
    /// Sessions end. An account of a local password is a conflict.
    fn unlink_vouched(&self, user_id: i64, audit: &AuditEntry) -> StoreResult<()>;

    /// Keeps the sealed secret of one-time codes with the hashes of fresh recovery codes, or forgets both, and
    /// ends every session of the person but `keep`.
    fn set_totp(
        &self,
        user_id: i64,
        sealed: Option<&[u8]>,
        recovery: &[[u8; 32]],
        keep: Option<&[u8; 32]>,
        audit: &AuditEntry,
    ) -> StoreResult<()>;

    /// Uses up a time step; `false` when it, or a later one, was used before.
    fn use_totp_step(&self, user_id: i64, step: i64) -> StoreResult<bool>;

    /// Uses up a recovery code; `false` when there is none such.
    fn use_recovery_code(&self, user_id: i64, hash: &[u8; 32], audit: &AuditEntry) -> StoreResult<bool>;

    /// How many recovery codes are left.
    fn recovery_codes(&self, user_id: i64) -> StoreResult<u64>;

    /// Makes a token of the API.
    fn create_api_token(&self, token: &ApiToken, audit: &AuditEntry) -> StoreResult<i64>;

    /// All tokens of the API, newest first.
    fn api_tokens(&self) -> StoreResult<Vec<ApiToken>>;

    /// A token by the hash of its secret, if it holds: neither revoked nor expired, its maker not switched off.
    fn api_token(&self, hash: &[u8; 32], now: Millis) -> StoreResult<Option<ApiToken>>;

    /// Notes the use of a token.
    fn touch_api_token(&self, id: i64, at: Millis) -> StoreResult<()>;

    /// Withdraws a token.
    fn revoke_api_token(&self, id: i64, audit: &AuditEntry) -> StoreResult<()>;
}
