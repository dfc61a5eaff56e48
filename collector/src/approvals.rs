//! Approvals as people grant and withdraw them: for findings, or for an asset or department. The same for the
//! command line and for the dashboard; what may be granted is the domain's.

use deskwarden_domain::{
    approval::{self, Refused},
    model::{Approval, ApprovalId, AuditEntry, FindingId, Grantee, Millis},
    port::{FindingRow, Store, StoreError},
    rules::RuleSet,
};
use serde_json::json;

/// Who allowed it, why, and from when until when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// A person or an office, in words.
    pub approver: String,
    /// In the person's words.
    pub reason: String,
    /// From when.
    pub starts_at: Millis,
    /// Until when.
    pub ends_at: Millis,
}

/// Why nothing was approved or withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// All that speaks against it.
    #[error("{}", lines(.0))]
    Refused(Vec<Refused>),
    /// There is no such finding.
    #[error("there is no finding {0}")]
    NoFinding(i64),
    /// It is not a PC's.
    #[error("finding {0} is not of a PC: only PCs and departments are given approvals")]
    NoAsset(i64),
    /// It is of nobody's department.
    #[error(
        "the PC of finding {0} belongs to no department: enter it into the register, or approve it for the PC"
    )]
    NoDepartment(i64),
    /// There is no such approval.
    #[error("there is no approval {0}")]
    Unknown(i64),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn lines(refused: &[Refused]) -> String {
    let all: Vec<String> = refused.iter().map(ToString::to_string).collect();
    all.join("; ")
}

/// Whether approvals can be about the rule: also one that is switched off now.
pub fn knows(rules: &RuleSet, id: &str) -> bool {
    rules.rule(id).is_some() || rules.disabled().iter().any(|rule| rule.id == id)
}

/// Grants them, all or none.
pub fn grant(
    store: &dyn Store,
    rules: &RuleSet,
    approvals: Vec<Approval>,
    now: Millis,
) -> Result<Vec<ApprovalId>, ApprovalError> {
    let mut refused = Vec::new();
    for approval in &approvals {
        for fault in approval::check(approval, |id| knows(rules, id), now) {
            if !refused.contains(&fault) {
                refused.push(fault);
            }
        }
    }
    if !refused.is_empty() {
        return Err(ApprovalError::Refused(refused));
    }
    let approvals: Vec<(Approval, AuditEntry)> = approvals
        .into_iter()
        .map(|approval| {
            let audit = audit(&approval, now);
            (approval, audit)
        })
        .collect();
    Ok(store.grant(&approvals)?)
}

fn audit(approval: &Approval, at: Millis) -> AuditEntry {
    let (asset, department) = match &approval.grantee {
        Grantee::Asset(id) => (Some(id.0), None),
        Grantee::Department(name) => (None, Some(name)),
    };
    let detail = json!({
        "asset": asset, "department": department, "rule": approval.rule, "subject": approval.subject,
        "approver": approval.approver, "reason": approval.reason, "starts_at": approval.starts_at,
        "ends_at": approval.ends_at, "finding": approval.finding.map(|id| id.0),
    });
    AuditEntry {
        at,
        actor: approval.granted_by.clone(),
        action: "approval.grant".into(),
        object: "approval".into(),
        detail: detail.to_string(),
    }
}

/// The findings of these numbers, in their order.
pub fn findings(store: &dyn Store, ids: &[FindingId]) -> Result<Vec<FindingRow>, ApprovalError> {
    let row = |id: &FindingId| {
        let detail = store.finding(*id)?;
        detail
            .map(|detail| detail.row)
            .ok_or(ApprovalError::NoFinding(id.0))
    };
    ids.iter().map(row).collect()
}

/// One approval for what each finding is about: for its PC, or for its PC's whole department.
pub fn of_findings(
    rows: &[FindingRow],
    whole_department: bool,
    terms: &Terms,
    actor: &str,
    now: Millis,
) -> Result<Vec<Approval>, ApprovalError> {
    let mut approvals: Vec<Approval> = Vec::new();
    for row in rows {
        let asset = row.asset.as_ref().ok_or(ApprovalError::NoAsset(row.id.0))?;
        let grantee = if whole_department {
            let department = asset.department.clone().filter(|name| !name.is_empty());
            Grantee::Department(department.ok_or(ApprovalError::NoDepartment(row.id.0))?)
        } else {
            Grantee::Asset(asset.id)
        };
        let key = &row.finding.key;
        let approval = Approval {
            finding: Some(row.id),
            ..approval(grantee, &key.rule, &key.subject, terms, actor, now)
        };
        let known = |other: &Approval| {
            (&other.grantee, &other.rule, &other.subject)
                == (&approval.grantee, &approval.rule, &approval.subject)
        };
        if !approvals.iter().any(known) {
            approvals.push(approval);
        }
    }
    Ok(approvals)
}

/// An approval that is not stored yet.
pub fn approval(
    grantee: Grantee,
    rule: &str,
    subject: &str,
    terms: &Terms,
    actor: &str,
    now: Millis,
) -> Approval {
    let grantee = match grantee {
        Grantee::Department(name) => Grantee::Department(name.trim().to_owned()),
        asset => asset,
    };
    Approval {
        id: None,
        grantee,
        rule: rule.trim().to_owned(),
        subject: subject.trim().to_owned(),
        approver: terms.approver.trim().to_owned(),
        reason: terms.reason.trim().to_owned(),
        starts_at: terms.starts_at,
        ends_at: terms.ends_at,
        granted_at: now,
        granted_by: actor.to_owned(),
        finding: None,
        withdrawn: None,
    }
}

/// Takes one back.
pub fn withdraw(
    store: &dyn Store,
    id: ApprovalId,
    reason: &str,
    actor: &str,
    now: Millis,
) -> Result<(), ApprovalError> {
    let row = store.approval(id)?.ok_or(ApprovalError::Unknown(id.0))?;
    let withdrawal = approval::withdraw(&row.approval, actor, reason, now)
        .map_err(|refused| ApprovalError::Refused(vec![refused]))?;
    let audit = AuditEntry {
        at: now,
        actor: actor.to_owned(),
        action: "approval.withdraw".into(),
        object: format!("approval:{}", id.0),
        detail: json!({"reason": withdrawal.reason}).to_string(),
    };
    store.withdraw_approval(id, &withdrawal, &audit)?;
    Ok(())
}
