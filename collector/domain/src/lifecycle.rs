//! What people do to findings: decided here, on what was loaded; applied by the store only while that
//! still holds.

use deskwarden_proto::decode::ItemId;

use crate::{
    claim,
    model::{
        AssetId, AuditEntry, BaselineItem, Evidence, Finding, FindingAction, FindingHistory, FindingState,
        Holder, Millis, StoredItem,
    },
    port::{Batch, FindingDetail, Op},
};

/// Actor of what the product does by itself.
pub const PRODUCT: &str = "deskwarden";

/// How the history marks a rejection: the finding's state alone does not tell it.
const REJECTED: &str = "rejected: ";

/// The reason, when a step of the history is a rejection.
pub fn rejection(step: &FindingHistory) -> Option<&str> {
    let stays = matches!(step.to, FindingState::Acknowledged | FindingState::NoticeIssued);
    step.note
        .strip_prefix(REJECTED)
        .filter(|_| stays && step.actor != PRODUCT)
}

/// Longest note in bytes.
pub const NOTE_BYTES: usize = 2000;

/// Why an action is refused; for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The state does not allow it.
    #[error("a finding that is {} cannot be changed to {}", .from.name(), .to.name())]
    State {
        /// State now.
        from: FindingState,
        /// State asked for.
        to: FindingState,
    },
    /// Only a change against the baseline can be accepted or rejected.
    #[error(
        "only a change of parts or addresses against the accepted baseline can be accepted or rejected; approve this one, or mark it as a false positive"
    )]
    NotAChange,
    /// A work order authorises the change.
    #[error("a work order covers this change: close the order, and reject what was changed under it")]
    OrderCovers,
    /// The ledger says otherwise.
    #[error("the IP ledger assigns another address: edit the ledger entry instead")]
    LedgerDecides,
    /// Too long.
    #[error("the note is longer than {NOTE_BYTES} bytes")]
    NoteTooLong,
    /// A rejection and a false positive need a reason.
    #[error("say why in the note")]
    NoteMissing,
}

/// Decides an action. `items` are the current items behind the evidence (needed for `Accept`); an item of
/// the evidence that is not among them is gone, and accepting takes it off the baseline.
pub fn act(
    detail: &FindingDetail,
    action: FindingAction,
    items: &[StoredItem],
    actor: &str,
    note: &str,
    now: Millis,
) -> Result<Batch, Refused> {
    if note.len() > NOTE_BYTES {
        return Err(Refused::NoteTooLong);
    }
    let finding = &detail.row.finding;
    let to = match action {
        FindingAction::Acknowledge => FindingState::Acknowledged,
        FindingAction::Accept => FindingState::Accepted,
        // The breach stays; its notice, too.
        FindingAction::Reject if finding.state == FindingState::NoticeIssued => FindingState::NoticeIssued,
        FindingAction::Reject => FindingState::Acknowledged,
        FindingAction::FalsePositive => FindingState::FalsePositive,
        FindingAction::Reopen => FindingState::Open,
    };
    if !allowed(finding.state, action) {
        return Err(Refused::State {
            from: finding.state,
            to,
        });
    }
    let needs_reason = matches!(action, FindingAction::Reject | FindingAction::FalsePositive);
    if needs_reason && note.trim().is_empty() {
        return Err(Refused::NoteMissing);
    }
    if action == FindingAction::Reject {
        may_be_rejected(detail)?;
    }
    let mut ops = Vec::new();
    if action == FindingAction::Accept {
        accept(detail, items, actor, now, &mut ops)?;
    }
    let mut changed = finding.clone();
    changed.state = to;
    if action == FindingAction::Reopen {
        changed.opened_at = now;
        changed.resolved_at = None;
    }
    let step = FindingHistory {
        at: now,
        actor: actor.to_owned(),
        from: Some(finding.state),
        to,
        note: match action {
            FindingAction::Reject => format!("{REJECTED}{}", note.trim()),
            _ => note.trim().to_owned(),
        },
    };
    ops.push(Op::PutFinding(changed));
    ops.push(Op::History {
        finding: finding.key.clone(),
        step,
    });
    ops.push(Op::Audit(audit(finding, detail, action, actor, note, now)));
    if let Holder::Asset(asset) = finding.key.holder {
        ops.push(Op::Due { asset });
    }
    Ok(Batch {
        findings: vec![(detail.row.id, finding.version)],
        ops,
        ..Batch::default()
    })
}

const fn allowed(from: FindingState, action: FindingAction) -> bool {
    match action {
        FindingAction::Acknowledge => matches!(from, FindingState::Open),
        FindingAction::Accept | FindingAction::Reject | FindingAction::FalsePositive => from.is_active(),
        FindingAction::Reopen => matches!(from, FindingState::Acknowledged | FindingState::FalsePositive),
    }
}

/// Whether a finding is a change that somebody can say no to. The baseline stays as it is.
fn may_be_rejected(detail: &FindingDetail) -> Result<(), Refused> {
    if detail.evidence.is_empty() {
        return Err(Refused::NotAChange);
    }
    for piece in &detail.evidence {
        let seen: serde_json::Value = serde_json::from_str(&piece.detail).unwrap_or_default();
        match seen.get("against").and_then(serde_json::Value::as_str) {
            Some("baseline") if piece.item.is_some() => {}
            Some("ledger") => return Err(Refused::LedgerDecides),
            _ => return Err(Refused::NotAChange),
        }
        if seen.get("order").is_some() {
            return Err(Refused::OrderCovers);
        }
    }
    Ok(())
}

/// Moves the accepted baseline to what is there now, and takes the evidence with it, so that no judging
/// in between sees an accepted finding that is still shown.
fn accept(
    detail: &FindingDetail,
    items: &[StoredItem],
    actor: &str,
    now: Millis,
    ops: &mut Vec<Op>,
) -> Result<(), Refused> {
    if detail.evidence.is_empty() {
        return Err(Refused::NotAChange);
    }
    for piece in &detail.evidence {
        let seen: serde_json::Value = serde_json::from_str(&piece.detail).unwrap_or_default();
        let against = seen.get("against").and_then(serde_json::Value::as_str);
        if let (None, Some(device), Some("identity")) = (&piece.item, piece.device, against) {
            ops.push(Op::Forked { device, at: None });
            ops.push(taken(piece));
            continue;
        }
        let Some(id) = piece
            .item
            .as_ref()
            .filter(|id| deskwarden_proto::section::has_baseline(id.section))
        else {
            return Err(Refused::NotAChange);
        };
        match against {
            Some("baseline") => {}
            Some("ledger") => return Err(Refused::LedgerDecides),
            _ => return Err(Refused::NotAChange),
        }
        let asset = piece.asset;
        let accepted = items.iter().find(|item| item.id == *id).map(|item| BaselineItem {
            id: id.clone(),
            facet: item.facet.clone(),
            facet_hash: item.facet_hash,
            accepted_at: now,
            accepted_by: actor.to_owned(),
        });
        belongs(asset, id, accepted.as_ref(), ops);
        ops.push(match accepted {
            Some(item) => Op::PutBaseline { asset, item },
            None => Op::RemoveBaseline {
                asset,
                id: id.clone(),
            },
        });
        ops.push(taken(piece));
    }
    Ok(())
}

/// What belongs to the asset from now on, for rules over several devices.
fn belongs(asset: AssetId, id: &ItemId, accepted: Option<&BaselineItem>, ops: &mut Vec<Op>) {
    let item_key = claim::key_of(id);
    ops.push(Op::TouchAccepted {
        asset,
        item_key: item_key.clone(),
    });
    let claims = accepted
        .map(|item| claim::accepted(item, asset))
        .unwrap_or_default();
    if claims.is_empty() {
        ops.push(Op::Accepted {
            asset,
            item_key,
            claims,
        });
    } else {
        claim::again(&[], claims, ops, |claims| Op::Accepted {
            asset,
            item_key,
            claims,
        });
    }
}

fn taken(piece: &Evidence) -> Op {
    Op::RemoveEvidence {
        asset: piece.asset,
        rule: piece.rule.clone(),
        subject: piece.subject.clone(),
        item: piece.item.clone(),
    }
}

fn audit(
    finding: &Finding,
    detail: &FindingDetail,
    action: FindingAction,
    actor: &str,
    note: &str,
    at: Millis,
) -> AuditEntry {
    let action = match action {
        FindingAction::Acknowledge => "finding.acknowledge",
        FindingAction::Accept => "finding.accept",
        FindingAction::Reject => "finding.reject",
        FindingAction::FalsePositive => "finding.false_positive",
        FindingAction::Reopen => "finding.reopen",
    };
    AuditEntry {
        at,
        actor: actor.to_owned(),
        action: action.into(),
        object: format!("finding:{}", detail.row.id.0),
        detail:
            serde_json::json!({"rule": finding.key.rule, "subject": finding.key.subject, "note": note.trim()})
                .to_string(),
    }
}
