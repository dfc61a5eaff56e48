//! Versions of rule packs: imported files and edits, and which one is in force.

use crate::model::{AuditEntry, Millis};

use super::StoreResult;

/// Whether a version took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleVersionState {
    /// In force, or was once.
    Accepted,
    /// Faulty: the older version stayed in force; shown with its faults.
    Refused,
}

impl RuleVersionState {
    /// The name used in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        }
    }

    /// The state of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Accepted, Self::Refused]
            .into_iter()
            .find(|s| s.name() == name)
    }
}

/// One version of one file of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleVersion {
    /// Row id; the newest accepted one of a file is in force.
    pub id: i64,
    /// File name (`pc.toml`); identity of the file across versions.
    pub file: String,
    /// Its text.
    pub content: String,
    /// BLAKE3 of the text.
    pub hash: [u8; 32],
    /// `built-in`, `rules.d`, or the editor's user name.
    pub origin: String,
    /// When it was imported.
    pub imported_at: Millis,
    /// Whether it took effect.
    pub state: RuleVersionState,
    /// Every fault of a refused one, with line; empty when accepted.
    pub faults: String,
    /// The file was removed with this version.
    pub removed: bool,
}

/// Rule versions and named policies.
pub trait Rulebook {
    /// The newest accepted, not removed version of each file: what is in force. By file name.
    fn rules_in_force(&self) -> StoreResult<Vec<RuleVersion>>;

    /// Adds a version (its `id` is ignored). An accepted one raises the generation in the same transaction.
    fn add_rule_version(&self, version: &RuleVersion, audit: &AuditEntry) -> StoreResult<i64>;

    /// Adds an accepted version that was made from `replaced`, the row id of the one in force (0 where none is).
    /// Refuses with [`super::StoreError::Stale`] when another one is in force by now.
    fn replace_rule_version(
        &self,
        version: &RuleVersion,
        replaced: i64,
        audit: &AuditEntry,
    ) -> StoreResult<i64>;

    /// Whether this text was ever imported for this file: a restart must not override an edited version.
    fn rule_version_known(&self, file: &str, hash: &[u8; 32]) -> StoreResult<bool>;

    /// Versions, newest first, to show refused ones and history.
    fn rule_versions(&self, limit: usize) -> StoreResult<Vec<RuleVersion>>;

    /// A setting by name (JSON), as the observation mode or the webhook allowlist.
    fn setting(&self, name: &str) -> StoreResult<Option<String>>;

    /// Stores a setting and raises the generation.
    fn put_setting(&self, name: &str, value: &str, audit: &AuditEntry) -> StoreResult<()>;
}
