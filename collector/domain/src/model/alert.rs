//! Alerts: what the department is told, through the transactional outbox.

use serde::{Deserialize, Serialize};

use super::{FindingKey, Millis, Severity};

/// What stands where findings have their clause when the collector tells of itself: routes name it as they name clauses.
pub const OPERATIONS: &str = "OPS";

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A new finding.
    Opened,
    /// A finding that came back.
    Reopened,
    /// A finding that is no longer there.
    Resolved,
}

impl AlertKind {
    /// The name used in tables and webhooks.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Reopened => "reopened",
            Self::Resolved => "resolved",
        }
    }

    /// The kind of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Opened, Self::Reopened, Self::Resolved]
            .into_iter()
            .find(|k| k.name() == name)
    }
}

/// Queued in the same transaction as the finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Why.
    pub kind: AlertKind,
    /// The finding.
    pub finding: FindingKey,
    /// How bad.
    pub severity: Severity,
    /// When the finding changed.
    pub at: Millis,
}

/// A stored alert with what a message needs, joined from the finding, asset and evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlertRow {
    /// Row id; stable, part of the idempotency key.
    pub id: i64,
    /// Why.
    pub kind: AlertKind,
    /// Id of the finding.
    pub finding_id: i64,
    /// Id of the rule.
    pub rule: String,
    /// `PC 3.2.4`.
    pub clause: String,
    /// How bad.
    pub severity: Severity,
    /// What it is about, for people.
    pub subject_name: String,
    /// Asset id, if the holder is one.
    pub asset_id: Option<i64>,
    /// Asset number.
    pub asset_number: Option<String>,
    /// Asset name.
    pub asset_name: String,
    /// Custodian.
    pub custodian: Option<String>,
    /// Department.
    pub department: Option<String>,
    /// Provider that the asset belongs to.
    pub provider: Option<String>,
    /// First seen.
    pub first_seen: Millis,
    /// When the finding changed.
    pub at: Millis,
    /// Detail of the first piece of evidence, JSON.
    pub evidence: String,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits for its turn.
    Pending,
    /// The channel took it.
    Delivered,
    /// Given up after too many tries; shown to the administrator.
    Dead,
}

impl DeliveryState {
    /// The name used in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The state of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Dead]
            .into_iter()
            .find(|s| s.name() == name)
    }
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackKind {
    /// One alert.
    Single,
    /// Several alerts with one cause.
    Group,
    /// Many alerts with many causes.
    Digest,
    /// Findings that nobody acknowledged.
    Escalation,
}

impl PackKind {
    /// The name used in tables and webhooks.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Group => "group",
            Self::Digest => "digest",
            Self::Escalation => "escalation",
        }
    }

    /// The kind of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Single, Self::Group, Self::Digest, Self::Escalation]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// One message to one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Row id.
    pub id: i64,
    /// Idempotency key: the same whenever it is sent again.
    pub key: String,
    /// Name of the channel.
    pub channel: String,
    /// What kind of message.
    pub kind: PackKind,
    /// The alerts in it, or the first of them in a list.
    pub alerts: Vec<AlertRow>,
    /// How many alerts are in it.
    pub total: u64,
    /// Tries so far.
    pub attempts: u32,
    /// Where it stands.
    pub state: DeliveryState,
    /// Last error, in words for a person.
    pub last_error: Option<String>,
    /// When it is due.
    pub due_at: Millis,
    /// When it was made.
    pub made_at: Millis,
    /// When it was taken by the channel.
    pub delivered_at: Option<Millis>,
}
