//! Tokens of the admission check, as the command line and the dashboard make them.

use deskwarden_domain::{
    model::{AdmissionToken, AuditEntry, Millis},
    port::{Store, StoreError},
    token::Token,
};
use serde_json::json;

use crate::entropy::{self, NoEntropy, OsEntropy};

/// What a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Provider whose devices it is for.
    pub provider: String,
    /// What for, in words.
    pub purpose: String,
    /// How many devices.
    pub uses: u32,
    /// How long it can be used.
    pub valid: Millis,
    /// For how many days a passed check is good.
    pub good_days: u32,
}

/// Longest life of a token: the check is made when the device is there.
pub const LONGEST: Millis = 7 * 86_400_000;
/// Longest time that a passed check is good for, in days.
pub const GOOD_DAYS: u32 = 366;
/// Most devices of one token.
pub const USES: u32 = 1_000;
/// Longest name of a provider, in characters.
const NAME: usize = 100;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Nobody is named.
    #[error("say which provider the devices belong to, in 1 to {NAME} characters")]
    Provider,
    /// Too long, too many, too far.
    #[error(
        "a token is for 1 to {USES} devices, for 7 days at most, and its checks are good for 1 to {GOOD_DAYS} days"
    )]
    Bounds,
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a token; it is shown once.
pub fn make(
    store: &dyn Store,
    wanted: &Wanted,
    actor: &str,
    now: Millis,
) -> Result<(Token, AdmissionToken), TokenError> {
    let (provider, purpose) = (wanted.provider.trim(), wanted.purpose.trim());
    if provider.is_empty() || provider.chars().count() > NAME || purpose.chars().count() > 4 * NAME {
        return Err(TokenError::Provider);
    }
    let fits = (1..=USES).contains(&wanted.uses)
        && (1..=LONGEST).contains(&wanted.valid)
        && (1..=GOOD_DAYS).contains(&wanted.good_days);
    if !fits {
        return Err(TokenError::Bounds);
    }
    let token = Token::from_random(entropy::bytes(&OsEntropy)?);
    let mut row = AdmissionToken {
        id: 0,
        provider: provider.to_owned(),
        purpose: purpose.to_owned(),
        hash: token.hash(),
        max_uses: wanted.uses,
        uses: 0,
        expires_at: now.saturating_add(wanted.valid),
        good_days: wanted.good_days,
        created_at: now,
        created_by: actor.to_owned(),
        revoked_at: None,
    };
    let audit = AuditEntry {
        at: now,
        actor: actor.to_owned(),
        action: "admission.token".into(),
        object: "admission_token".into(),
        detail: json!({
            "provider": row.provider, "purpose": row.purpose, "max_uses": row.max_uses, "expires_at": row.expires_at,
            "good_days": row.good_days,
        })
        .to_string(),
    };
    row.id = store.create_admission_token(&row, &audit)?;
    Ok((token, row))
}
