//! Devices: enrolled installations of the agent, their stream position, and enrolment tokens.

use deskwarden_proto::{
    ids::DeviceId,
    v1::{HostHints, Look, Section},
};
use serde::{Deserialize, Serialize};

use super::{AssetId, Millis};

/// Whether a device may report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceStatus {
    /// Its token asked for approval.
    Pending,
    /// May report.
    Active,
    /// Its certificate is no longer accepted.
    Revoked,
    /// Replaced by a successor; its items are history.
    Retired,
}

impl DeviceStatus {
    /// The name used in tables and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Retired => "retired",
        }
    }

    /// The status of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Revoked, Self::Retired]
            .into_iter()
            .find(|s| s.name() == name)
    }
}

/// An enrolled installation of the agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Identity, as in its certificate.
    pub id: DeviceId,
    /// The PC that it runs on.
    pub asset: AssetId,
    /// Whether it may report.
    pub status: DeviceStatus,
    /// Whether its items are judged: one device of an asset is current.
    pub current: bool,
    /// `linux-x86_64`, ...
    pub platform: String,
    /// Version of the agent at its last hello.
    pub agent_version: String,
    /// What it calls itself; hints, never identity.
    pub hints: HostHints,
    /// SHA-256 of the public key (SPKI) that it enrolled with.
    pub key_hash: [u8; 32],
    /// When it enrolled.
    pub enrolled_at: Millis,
    /// When anything of it last arrived.
    pub last_seen_at: Option<Millis>,
    /// Said goodbye after `last_seen_at`: absence is no silence yet.
    pub goodbye_at: Option<Millis>,
    /// End of its newest certificate.
    pub certificate_ends_at: Option<Millis>,
    /// When two installations last spoke for it: a restored disk or a clone. Stays until a person settles it.
    pub forked_at: Option<Millis>,
}

/// Where a device's stream of records stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Position {
    /// Current epoch; issued by the collector, from 1.
    pub epoch: u64,
    /// Next sequence that will be applied, from 1.
    pub next_sequence: u64,
    /// Payload hash of the record `next_sequence - 1`, to tell a resend from a fork.
    pub last_payload_hash: Option<[u8; 32]>,
    /// Key of the epoch's resume tokens: the token of an acknowledgement is derived from it and from the
    /// acknowledged sequence, so that a lost acknowledgement costs no stored token.
    pub resume_key: [u8; 32],
    /// Highest acknowledged sequence whose token was presented: older tokens are stale from then on.
    pub resume_floor: u64,
}

impl std::fmt::Debug for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Position")
            .field("epoch", &self.epoch)
            .field("next_sequence", &self.next_sequence)
            .field("resume_floor", &self.resume_floor)
            .finish_non_exhaustive()
    }
}

impl Position {
    /// The beginning of an epoch. `resume_key` is random.
    pub const fn start(epoch: u64, resume_key: [u8; 32]) -> Self {
        Self {
            epoch,
            next_sequence: 1,
            last_payload_hash: None,
            resume_key,
            resume_floor: 0,
        }
    }

    /// Highest sequence that is applied; 0 for none.
    pub const fn applied(&self) -> u64 {
        self.next_sequence.saturating_sub(1)
    }

    /// Token of the acknowledgement of `sequence` in this epoch.
    pub fn resume_token(&self, sequence: u64) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.resume_key);
        hasher.update(&self.epoch.to_le_bytes());
        hasher.update(&sequence.to_le_bytes());
        let mut token = [0u8; 16];
        hasher.finalize_xof().fill(&mut token);
        token
    }
}

/// How completely a source of a device was last looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceStatus {
    /// Kind of facts.
    pub section: Section,
    /// Its name.
    pub source: String,
    /// How completely.
    pub look: Look,
    /// Why not completely.
    pub reason: String,
    /// When it reached this state.
    pub since: Millis,
    /// When it was first looked at completely; until then nothing of it counts as changed.
    pub first_looked_at: Option<Millis>,
}

/// Row id of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenId(pub i64);

/// An enrolment token. The secret itself is shown once and never stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenRow {
    /// Row id.
    pub id: TokenId,
    /// What it is for, in the administrator's words.
    pub label: String,
    /// BLAKE3 hash of the secret.
    #[serde(skip)]
    pub hash: [u8; 32],
    /// How many devices may enrol with it.
    pub max_uses: u32,
    /// How many did.
    pub uses: u32,
    /// When it ends.
    pub expires_at: Millis,
    /// Network that the request must come from (CIDR), if limited.
    pub cidr: Option<String>,
    /// Whether a person must approve each device.
    pub needs_approval: bool,
    /// Department that its devices are proposed for.
    pub department: Option<String>,
    /// When it was made.
    pub created_at: Millis,
    /// Who made it.
    pub created_by: String,
    /// When it was withdrawn.
    pub revoked_at: Option<Millis>,
}
