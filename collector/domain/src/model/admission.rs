//! Admissions: a provider's device was looked at before it is used (OUT 16). It belongs to no fleet.

use deskwarden_proto::ids::DeviceId;
use serde::{Deserialize, Serialize};

use super::{Millis, Outcome, Text};

/// How long the certificate of an admission holds.
pub const ADMISSION_LASTS: Millis = 2 * 3_600_000;

/// What lets a device enrol for its check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionToken {
    /// Row id.
    pub id: i64,
    /// Provider whose devices it is for.
    pub provider: String,
    /// What it is for, in words.
    pub purpose: String,
    /// BLAKE3 of the secret.
    pub hash: [u8; 32],
    /// How many devices may use it.
    pub max_uses: u32,
    /// How many did.
    pub uses: u32,
    /// When it ends.
    pub expires_at: Millis,
    /// For how many days a passed check is good.
    pub good_days: u32,
    /// When it was made.
    pub created_at: Millis,
    /// Who made it.
    pub created_by: String,
    /// When it was withdrawn.
    pub revoked_at: Option<Millis>,
}

/// What is said of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleVerdict {
    /// Id of the rule.
    pub rule: String,
    /// `PC 3.2.4`.
    pub clause: String,
    /// Its title.
    pub title: Text,
    /// What judging says.
    pub outcome: Outcome,
    /// What was found, or why it could not be looked at.
    pub reasons: Vec<Text>,
    /// What to do about a breach.
    pub remedy: Text,
}

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// When.
    pub at: Millis,
    /// Fails when a rule does, else could not look when one could not.
    pub outcome: Outcome,
    /// Rule by rule, the breaches first.
    pub rules: Vec<RuleVerdict>,
    /// Until when the device may be used on the strength of it; only when it passed.
    pub valid_until: Option<Millis>,
}

/// A device that came to be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Row id; `0` until stored.
    pub id: i64,
    /// Name in its certificate.
    pub device: DeviceId,
    /// Provider that it belongs to, as the token says.
    pub provider: String,
    /// What the token was for.
    pub purpose: String,
    /// For how many days a passed check is good.
    pub good_days: u32,
    /// What it calls itself.
    pub hostname: String,
    /// Serial of the system.
    pub serial: String,
    /// Model.
    pub model: String,
    /// Platform.
    pub platform: String,
    /// Version of the agent.
    pub agent_version: String,
    /// Address that it came from.
    pub peer: String,
    /// When it enrolled.
    pub begun_at: Millis,
    /// What the last look came to.
    pub checked: Option<Checked>,
}
