//! Rectification notices (整改通知书): what a department or a person was told to put right, by when, and what came
//! of it. A notice is a document: it keeps the words that it was issued with.

use serde::{Deserialize, Serialize};

use super::{AssetId, FindingId, FindingState, Millis, Text};

/// Row id of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NoticeId(pub i64);

/// Where a notice stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// Something of it is still there.
    Issued,
    /// Reports no longer show anything of it.
    Rectified,
    /// Filed by a person.
    Closed,
}

impl NoticeState {
    /// All states, in the order of pages.
    pub const ALL: [Self; 3] = [Self::Issued, Self::Rectified, Self::Closed];

    /// The name used in tables, command lines and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Rectified => "rectified",
            Self::Closed => "closed",
        }
    }

    /// The state of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Whom a notice is addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Addressee {
    /// The person responsible for the PCs.
    Custodian,
    /// A department.
    Department,
    /// Whoever has the one PC: nobody is registered for it.
    Asset,
}

impl Addressee {
    /// The name used in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Custodian => "custodian",
            Self::Department => "department",
            Self::Asset => "asset",
        }
    }

    /// The addressee of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Custodian, Self::Department, Self::Asset]
            .into_iter()
            .find(|addressee| addressee.name() == name)
    }
}

/// What a line of a notice says, as it was when the notice was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeWords {
    /// `PC 3.2.4`.
    pub clause: String,
    /// Title of the regulation.
    pub regulation: Text,
    /// What the clause demands.
    pub wording: Text,
    /// Title of the rule.
    pub title: Text,
    /// What was found.
    pub found: Text,
    /// What to do about it.
    pub remedy: Text,
    /// What it is about.
    pub subject: String,
    /// Number of the PC; empty while it is not registered.
    pub asset_number: String,
    /// Name of the PC.
    pub asset_name: String,
    /// Person responsible for it.
    pub custodian: String,
    /// Its department.
    pub department: String,
    /// Since when it is known.
    pub first_seen: Millis,
}

/// One finding of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeLine {
    /// The finding.
    pub finding: FindingId,
    /// Its PC.
    pub asset: Option<AssetId>,
    /// What it says.
    pub words: NoticeWords,
    /// When it was over, and how: resolved, accepted, excepted or a false positive.
    pub cleared: Option<(Millis, FindingState)>,
}

/// What the addressee said to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeReply {
    /// When it was recorded.
    pub at: Millis,
    /// Who recorded it.
    pub recorded_by: String,
    /// Who said it.
    pub author: String,
    /// It contests the notice.
    pub objection: bool,
    /// What was said.
    pub text: String,
}

/// A rectification notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Row id; `None` until stored.
    pub id: Option<NoticeId>,
    /// Its number, as printed: `信整〔2026〕003号`.
    pub number: String,
    /// Year of the number.
    pub year: i32,
    /// Place in the sequence of that year, from 1.
    pub sequence: u32,
    /// What kind of addressee.
    pub addressee: Addressee,
    /// Name of the person, the department or the PC.
    pub name: String,
    /// When it was issued.
    pub issued_at: Millis,
    /// Who issued it.
    pub issued_by: String,
    /// By when it must be put right.
    pub due_at: Millis,
    /// What is demanded beyond the lines.
    pub demand: String,
    /// How to object.
    pub objection: String,
    /// Where it stands.
    pub state: NoticeState,
    /// When the last line was over.
    pub rectified_at: Option<Millis>,
    /// When it was filed, by whom, with what words.
    pub closed: Option<(Millis, String, String)>,
    /// What it is about.
    pub lines: Vec<NoticeLine>,
}

impl Notice {
    /// Whether its time is over while something of it is still there.
    pub fn is_overdue(&self, now: Millis) -> bool {
        self.state == NoticeState::Issued && self.due_at <= now
    }
}

/// A notice that an asset still has to act upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenNotice {
    /// The notice.
    pub id: NoticeId,
    /// Its number.
    pub number: String,
    /// By when.
    pub due_at: Millis,
}
