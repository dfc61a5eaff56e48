//! Tokens and devices.

use std::net::IpAddr;

use deskwarden_proto::{ids::DeviceId, v1::HostHints};

use crate::model::{AuditEntry, Device, DeviceStatus, Millis, TokenId, TokenRow};

use super::StoreResult;

/// A device that asks to be enrolled.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDevice {
    /// Identity that the collector made for it.
    pub id: DeviceId,
    /// BLAKE3 hash of the token's secret.
    pub token_hash: [u8; 32],
    /// SHA-256 of the key's SPKI.
    pub key_hash: [u8; 32],
    /// The agent's nonce: the same key and nonce get the same device again.
    pub nonce: Vec<u8>,
    /// Address that the request came from.
    pub peer: IpAddr,
    /// Hints.
    pub hints: HostHints,
    /// Version of the agent.
    pub agent_version: String,
    /// Platform.
    pub platform: String,
    /// Receive time.
    pub at: Millis,
    /// End of the certificate about to be issued.
    pub certificate_ends_at: Millis,
    /// Random key of the first epoch's resume tokens.
    pub resume_key: [u8; 32],
}

/// What enrolling did.
#[derive(Clone, Debug, PartialEq)]
pub enum EnrolOutcome {
    /// A device row: new, or the one that the same key and nonce made before.
    Enrolled(Device),
    /// Its token asks for a person's approval first.
    Pending(Device),
    /// Nothing was changed.
    Refused(EnrolRefusal),
}

/// Why a token does not enrol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnrolRefusal {
    /// No such token.
    #[error("the token is not known; make one with `deskwarden-collector token create`")]
    Unknown,
    /// Its time is over.
    #[error("the token has expired; make a new one")]
    Expired,
    /// All its uses are used.
    #[error("the token was used already; make a new one")]
    Used,
    /// Withdrawn.
    #[error("the token was withdrawn; make a new one")]
    Revoked,
    /// Not from this network.
    #[error("the token is not valid from this network")]
    Network,
}

/// Tokens and devices.
pub trait Enrolment {
    /// When the first device enrolled that may report or once might.
    fn first_enrolment(&self) -> StoreResult<Option<Millis>>;

    /// Stores a token's hash; `id` and `uses` of the row are ignored.
    fn create_token(&self, token: &TokenRow, audit: &AuditEntry) -> StoreResult<TokenId>;

    /// All tokens, newest first.
    fn tokens(&self) -> StoreResult<Vec<TokenRow>>;

    /// Withdraws a token.
    fn revoke_token(&self, id: TokenId, audit: &AuditEntry) -> StoreResult<()>;

    /// Consumes one use of the token and makes the device, its provisional asset and its stream position,
    /// or nothing: one transaction, so that of parallel uses of a one-use token exactly one succeeds.
    /// A pre-registered asset whose number or serial hints match is not linked here; it is proposed.
    fn enrol(&self, device: &NewDevice) -> StoreResult<EnrolOutcome>;

    /// A device by id.
    fn device(&self, id: DeviceId) -> StoreResult<Option<Device>>;

    /// Changes whether a device may report.
    fn set_device_status(&self, id: DeviceId, status: DeviceStatus, audit: &AuditEntry) -> StoreResult<()>;

    /// A certificate was issued for the key.
    fn certificate_issued(&self, id: DeviceId, key_hash: [u8; 32], ends_at: Millis) -> StoreResult<()>;

    /// Ids and statuses of every device that may not report, to check frames without a query each.
    fn barred_devices(&self) -> StoreResult<Vec<(DeviceId, DeviceStatus)>>;
}
