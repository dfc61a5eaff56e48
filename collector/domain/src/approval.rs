//! Approvals decided: which may be granted and withdrawn, and which one covers a finding now. Pure; what they
//! do to findings is judging's.

use crate::model::{Approval, ApprovalId, ApprovalState, Millis, Withdrawal};

/// Longest approval: three years, so that each is looked at again.
pub const LONGEST: Millis = 1_096 * 86_400_000;
/// Longest subject pattern in bytes.
pub const SUBJECT_BYTES: usize = 1_024;
/// Longest name of an approver or a department in bytes.
pub const NAME_BYTES: usize = 200;
/// Longest reason in bytes.
pub const REASON_BYTES: usize = 2_000;

/// Why an approval is refused; for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such rule.
    #[error("there is no rule `{0}`: `rules list` shows all")]
    Rule(String),
    /// No department.
    #[error("say which department it is for")]
    Department,
    /// No subject.
    #[error("say which subject it covers; `*` stands for anything")]
    Subject,
    /// Nobody approved it.
    #[error("say who approved it")]
    Approver,
    /// No reason.
    #[error("say why it was approved")]
    Reason,
    /// Too long.
    #[error("the {field} is longer than {bytes} bytes")]
    TooLong {
        /// What.
        field: &'static str,
        /// The most.
        bytes: usize,
    },
    /// It would never be in force.
    #[error("it ends before it begins")]
    EndsBeforeStart,
    /// It would be over already.
    #[error("it ends in the past")]
    EndsInThePast,
    /// It would outlive everybody's memory.
    #[error("it lasts longer than three years: approve it anew then")]
    TooFar,
    /// It does not cover anything any more.
    #[error("approval {} is {}: there is nothing to take back", .0.0, .1.name())]
    Over(ApprovalId, ApprovalState),
}

impl Refused {
    /// Name of the refusal in locales.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Rule(_) => "rule",
            Self::Department => "department",
            Self::Subject => "subject",
            Self::Approver => "approver",
            Self::Reason => "reason",
            Self::TooLong { .. } => "too_long",
            Self::EndsBeforeStart => "ends_before_start",
            Self::EndsInThePast => "ends_in_the_past",
            Self::TooFar => "too_far",
            Self::Over(..) => "over",
        }
    }
}

/// Everything that speaks against granting it; nothing when it may be stored. `known` tells whether there is
/// a rule of that id.
pub fn check(approval: &Approval, known: impl Fn(&str) -> bool, now: Millis) -> Vec<Refused> {
    let mut refused = Vec::new();
    if !known(&approval.rule) {
        refused.push(Refused::Rule(approval.rule.clone()));
    }
    if let crate::model::Grantee::Department(name) = &approval.grantee {
        text(name, NAME_BYTES, "department", Refused::Department, &mut refused);
    }
    let texts = [
        (&approval.subject, SUBJECT_BYTES, "subject", Refused::Subject),
        (&approval.approver, NAME_BYTES, "approver", Refused::Approver),
        (&approval.reason, REASON_BYTES, "reason", Refused::Reason),
    ];
    for (value, bytes, field, missing) in texts {
        text(value, bytes, field, missing, &mut refused);
    }
    if approval.ends_at <= approval.starts_at {
        refused.push(Refused::EndsBeforeStart);
    } else if approval.ends_at <= now {
        refused.push(Refused::EndsInThePast);
    } else if approval.ends_at.saturating_sub(approval.starts_at.max(now)) > LONGEST {
        refused.push(Refused::TooFar);
    }
    refused
}

fn text(value: &str, bytes: usize, field: &'static str, missing: Refused, refused: &mut Vec<Refused>) {
    if value.trim().is_empty() {
        refused.push(missing);
    } else if value.len() > bytes {
        refused.push(Refused::TooLong { field, bytes });
    }
}

/// Takes an approval back.
pub fn withdraw(approval: &Approval, by: &str, reason: &str, now: Millis) -> Result<Withdrawal, Refused> {
    let state = approval.state(now);
    if let (ApprovalState::Ended | ApprovalState::Withdrawn, Some(id)) = (state, approval.id) {
        return Err(Refused::Over(id, state));
    }
    if reason.trim().is_empty() {
        return Err(Refused::Reason);
    }
    if reason.len() > REASON_BYTES {
        return Err(Refused::TooLong {
            field: "reason",
            bytes: REASON_BYTES,
        });
    }
    Ok(Withdrawal {
        at: now,
        by: by.to_owned(),
        reason: reason.trim().to_owned(),
    })
}

/// What approvals say of a subject now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cover {
    /// The approval that covers it: of several, the one that lasts longest.
    pub(crate) by: Option<ApprovalId>,
    /// When that may change.
    pub(crate) until: Option<Millis>,
}

/// What approvals of the holder say of a subject of a rule.
pub(crate) fn cover(approvals: &[Approval], rule: &str, subject: &str, now: Millis) -> Cover {
    let mut cover = Cover::default();
    let mut longest = Millis::MIN;
    for approval in approvals.iter().filter(|approval| approval.names(rule, subject)) {
        let turns = match approval.state(now) {
            ApprovalState::InForce => {
                if approval.ends_at > longest {
                    longest = approval.ends_at;
                    cover.by = approval.id;
                }
                approval.ends_at
            }
            ApprovalState::Planned => approval.starts_at,
            ApprovalState::Ended | ApprovalState::Withdrawn => continue,
        };
        cover.until = Some(cover.until.map_or(turns, |until| until.min(turns)));
    }
    cover
}

/// What the history says of a finding that an approval covers.
pub(crate) fn note(approval: ApprovalId) -> String {
    format!("approval {}", approval.0)
}

/// What the history says when nothing covers it any more.
pub(crate) const ENDED: &str = "approval ended";
