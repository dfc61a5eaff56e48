//! Findings, their evidence and history, and the outcomes of rules.

use std::fmt;

use deskwarden_proto::{decode::ItemId, ids::DeviceId};
use serde::{Deserialize, Serialize};

use super::{AssetId, Millis, Severity};

/// Row id of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FindingId(pub i64);

/// Whose finding it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// A PC.
    Asset(AssetId),
    /// A machine without an agent, known by its MAC.
    Machine(String),
    /// The organisation: licences.
    Organisation,
}

impl fmt::Display for Holder {
    /// `asset:12`, `machine:00:1a:...`, `organisation`: one text column holds it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asset(AssetId(id)) => write!(f, "asset:{id}"),
            Self::Machine(mac) => write!(f, "machine:{mac}"),
            Self::Organisation => f.write_str("organisation"),
        }
    }
}

impl Holder {
    /// Reads what `Display` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("asset", id)) => id.parse().ok().map(|id| Self::Asset(AssetId(id))),
            Some(("machine", mac)) => Some(Self::Machine(mac.to_owned())),
            None if text == "organisation" => Some(Self::Organisation),
            _ => None,
        }
    }

    /// The asset, when it is one.
    pub const fn asset(&self) -> Option<AssetId> {
        match self {
            Self::Asset(id) => Some(*id),
            _ => None,
        }
    }
}

/// Rule x holder x subject: the same breach is one finding, however many items show it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FindingKey {
    /// Whose.
    pub holder: Holder,
    /// Id of the rule.
    pub rule: String,
    /// What it is about: the item's key, the catalogue entry, `asset`, ...
    pub subject: String,
}

/// Where a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// Nobody has dealt with it.
    Open,
    /// Somebody has seen it.
    Acknowledged,
    /// A rectification notice was issued.
    NoticeIssued,
    /// No longer there: every source that the rule needs was looked at.
    Resolved,
    /// The change was accepted into the baseline.
    Accepted,
    /// An approval covers it.
    Excepted,
    /// A person said that the rule was wrong here.
    FalsePositive,
}

impl FindingState {
    /// All states, in the order of pages.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Acknowledged,
        Self::NoticeIssued,
        Self::Excepted,
        Self::Accepted,
        Self::FalsePositive,
        Self::Resolved,
    ];
    /// The states in which somebody still has to deal with it, in the order of pages.
    pub const ACTIVE: [Self; 3] = [Self::Open, Self::Acknowledged, Self::NoticeIssued];

    /// The name used in tables, command lines and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::NoticeIssued => "notice_issued",
            Self::Resolved => "resolved",
            Self::Accepted => "accepted",
            Self::Excepted => "excepted",
            Self::FalsePositive => "false_positive",
        }
    }

    /// The state of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Whether somebody still has to deal with it.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Open | Self::Acknowledged | Self::NoticeIssued)
    }
}

/// What a person does to a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingAction {
    /// Seen; somebody deals with it.
    Acknowledge,
    /// The change is rightful: the accepted baseline moves.
    Accept,
    /// The change is not rightful: it stays a breach until what was accepted is back.
    Reject,
    /// The rule is wrong here.
    FalsePositive,
    /// Back to open.
    Reopen,
}

impl FindingAction {
    /// All of them, in the order of pages.
    pub const ALL: [Self; 5] = [
        Self::Acknowledge,
        Self::Accept,
        Self::Reject,
        Self::FalsePositive,
        Self::Reopen,
    ];

    /// The name used on pages and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::FalsePositive => "false_positive",
            Self::Reopen => "reopen",
        }
    }

    /// The action of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// A breach, with its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Row id; `None` until stored.
    pub id: Option<FindingId>,
    /// Natural key.
    pub key: FindingKey,
    /// How bad.
    pub severity: Severity,
    /// `PC 3.2.4`.
    pub clause: String,
    /// What it is about, for people: a program's name, an address.
    pub subject_name: String,
    /// Where it stands.
    pub state: FindingState,
    /// Receive time of the report that first showed it.
    pub first_seen: Millis,
    /// Receive time of the report that last touched it, or of its resolution.
    pub last_seen: Millis,
    /// When it was last opened: alerts and deadlines count from here.
    pub opened_at: Millis,
    /// When it was resolved.
    pub resolved_at: Option<Millis>,
    /// How often it came back.
    pub reopened: u32,
    /// Raised by every change.
    pub version: i64,
    /// What a cross-device rule saw, as JSON; findings of other rules have evidence instead.
    pub seen: Option<String>,
}

/// One item (or the asset itself) that shows a breach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Rule that matched.
    pub rule: String,
    /// Subject that the rule chose.
    pub subject: String,
    /// Name of the subject for people.
    pub subject_name: String,
    /// Asset that it belongs to.
    pub asset: AssetId,
    /// Device whose item it is.
    pub device: Option<DeviceId>,
    /// The item; `None` when the asset itself is the evidence.
    pub item: Option<ItemId>,
    /// What was seen, as JSON: facet fields that matter, before and after for a change. For pages and alerts.
    pub detail: String,
    /// Since when.
    pub since: Millis,
}

/// One step in the life of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindingHistory {
    /// When.
    pub at: Millis,
    /// Who: a user name, or `deskwarden` for the product itself.
    pub actor: String,
    /// Before; `None` for its birth.
    pub from: Option<FindingState>,
    /// After.
    pub to: FindingState,
    /// In the actor's words.
    pub note: String,
}

/// What judging says per rule and asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Looked, and nothing is wrong.
    Pass,
    /// A breach.
    Fail,
    /// Not everything that the rule needs could be looked at. Never shown as a pass.
    CouldNotLook,
}

impl Outcome {
    /// The name used in tables and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::CouldNotLook => "could_not_look",
        }
    }

    /// The outcome of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Pass, Self::Fail, Self::CouldNotLook]
            .into_iter()
            .find(|o| o.name() == name)
    }
}

/// Outcome of one rule on one asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutcomeRow {
    /// Id of the rule.
    pub rule: String,
    /// What judging says.
    pub outcome: Outcome,
    /// Why it could not look: source and reason.
    pub reason: String,
}
