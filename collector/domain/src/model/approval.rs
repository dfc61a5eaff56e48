//! Approvals: what a regulation allows only with consent (未经同意不得…), and for how long.

use serde::{Deserialize, Serialize};

use super::{AssetId, FindingId, Millis};

/// Row id of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApprovalId(pub i64);

/// Whom an approval is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grantee {
    /// One PC.
    Asset(AssetId),
    /// Every PC of a department, also one that comes later.
    Department(String),
}

/// Where an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Begins later.
    Planned,
    /// Covers what it names.
    InForce,
    /// Its time is over.
    Ended,
    /// Taken back.
    Withdrawn,
}

impl ApprovalState {
    /// All states, in the order of pages.
    pub const ALL: [Self; 4] = [Self::InForce, Self::Planned, Self::Ended, Self::Withdrawn];

    /// The name used in command lines and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::InForce => "in_force",
            Self::Ended => "ended",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// The end of an approval before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Withdrawal {
    /// When.
    pub at: Millis,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A permission: grantee x rule x subject pattern, with who allowed it, why, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// Row id; `None` until stored.
    pub id: Option<ApprovalId>,
    /// For whom.
    pub grantee: Grantee,
    /// Id of the rule whose findings it covers.
    pub rule: String,
    /// Subject of the findings that it covers; `*` stands for anything.
    pub subject: String,
    /// Who allowed it: a person or an office, in words.
    pub approver: String,
    /// Why.
    pub reason: String,
    /// From when.
    pub starts_at: Millis,
    /// Until when: no approval is for ever.
    pub ends_at: Millis,
    /// When it was entered.
    pub granted_at: Millis,
    /// Who entered it.
    pub granted_by: String,
    /// Finding that it was granted from.
    pub finding: Option<FindingId>,
    /// Taken back.
    pub withdrawn: Option<Withdrawal>,
}

impl Approval {
    /// Where it stands.
    pub const fn state(&self, now: Millis) -> ApprovalState {
        if self.withdrawn.is_some() {
            ApprovalState::Withdrawn
        } else if now < self.starts_at {
            ApprovalState::Planned
        } else if now < self.ends_at {
            ApprovalState::InForce
        } else {
            ApprovalState::Ended
        }
    }

    /// Whether it is about findings of the rule on this subject, at whatever time. Case does not matter.
    pub fn names(&self, rule: &str, subject: &str) -> bool {
        self.rule == rule && matches(&self.subject, subject)
    }
}

/// Whether the text is of the pattern's form. Linear: the parts between stars are found one after the other.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        match text.split_once(part) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything_and_nothing_else_does() {
        for (pattern, text) in [
            ("qq", "QQ"),
            ("*", ""),
            ("usb:*", "usb:0123"),
            ("a*b*c", "a-b-b-c"),
            ("*b", "ab"),
            ("a*", "a"),
            ("**", "x"),
            ("?", "?"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("qq", "qqmusic"),
            ("a*a", "a"),
            ("a*b*c", "a-c-b"),
            ("*b", "bc"),
            ("?", "x"),
            ("", "x"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn an_approval_is_in_force_from_its_start_until_before_its_end() {
        let approval = Approval {
            id: None,
            grantee: Grantee::Department("保安部".into()),
            rule: "r".into(),
            subject: "*".into(),
            approver: "张".into(),
            reason: "x".into(),
            starts_at: 10,
            ends_at: 20,
            granted_at: 0,
            granted_by: "li".into(),
            finding: None,
            withdrawn: None,
        };
        let states = [9, 10, 19, 20].map(|now| approval.state(now));
        assert_eq!(
            states,
            [
                ApprovalState::Planned,
                ApprovalState::InForce,
                ApprovalState::InForce,
                ApprovalState::Ended
            ]
        );
    }
}
