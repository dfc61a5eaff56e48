//! The turns that a finding takes by itself: it opens, is covered by an approval, comes back, is over. The same
//! whether one PC shows it or several together; what people do to it is [`crate::lifecycle`].

use crate::{
    approval,
    lifecycle::PRODUCT,
    model::{Alert, AlertKind, ApprovalId, Finding, FindingHistory, FindingKey, FindingState, Millis},
};

/// What changes.
#[derive(Debug)]
pub(crate) struct Turn {
    /// The finding as it is now.
    pub(crate) finding: Finding,
    step: Option<FindingHistory>,
    alert: Option<Alert>,
}

/// Where turns are written to.
pub(crate) trait Written {
    /// Findings, steps, alerts of a verdict.
    fn parts(
        &mut self,
    ) -> (
        &mut Vec<Finding>,
        &mut Vec<(FindingKey, FindingHistory)>,
        &mut Vec<Alert>,
    );

    /// Writes one.
    fn write(&mut self, turn: Option<Turn>) {
        let Some(turn) = turn else { return };
        let (findings, history, alerts) = self.parts();
        history.extend(turn.step.map(|step| (turn.finding.key.clone(), step)));
        alerts.extend(turn.alert);
        findings.push(turn.finding);
    }
}

/// A breach that was not known. What an approval covers is kept, and nobody needs to be told.
pub(crate) fn opened(finding: Finding, approved: Option<ApprovalId>, now: Millis) -> Turn {
    comes(finding, None, approved, now)
}

/// A breach that is still shown, or again. `finding` is what is known, with what is seen now.
pub(crate) fn still(
    known: &Finding,
    mut finding: Finding,
    approved: Option<ApprovalId>,
    now: Millis,
) -> Option<Turn> {
    match (known.state, approved) {
        (FindingState::Resolved | FindingState::Accepted, _) | (FindingState::Excepted, None) => {
            finding.opened_at = now;
            finding.last_seen = now;
            finding.resolved_at = None;
            finding.reopened = finding.reopened.saturating_add(1);
            Some(comes(finding, Some(known.state), approved, now))
        }
        (FindingState::Open | FindingState::Acknowledged | FindingState::NoticeIssued, Some(_)) => {
            Some(comes(finding, Some(known.state), approved, now))
        }
        (FindingState::Open | FindingState::Acknowledged | FindingState::NoticeIssued, None)
        | (FindingState::Excepted, Some(_))
        | (FindingState::FalsePositive, _) => (finding != *known).then_some(Turn {
            finding,
            step: None,
            alert: None,
        }),
    }
}

/// A breach that is over. Excepted and false positive end with what they were about, silently.
pub(crate) fn resolved(known: &Finding, note: &str, now: Millis) -> Option<Turn> {
    let told = known.state.is_active();
    if !told && !matches!(known.state, FindingState::Excepted | FindingState::FalsePositive) {
        return None;
    }
    let mut finding = known.clone();
    finding.state = FindingState::Resolved;
    finding.last_seen = now;
    finding.resolved_at = Some(now);
    Some(Turn {
        step: Some(step(&finding, Some(known.state), note, now)),
        alert: told.then(|| alert(AlertKind::Resolved, &finding, now)),
        finding,
    })
}

fn comes(
    mut finding: Finding,
    from: Option<FindingState>,
    approved: Option<ApprovalId>,
    now: Millis,
) -> Turn {
    if let Some(approval) = approved {
        finding.state = FindingState::Excepted;
        return Turn {
            step: Some(step(&finding, from, &approval::note(approval), now)),
            alert: None,
            finding,
        };
    }
    finding.state = FindingState::Open;
    let (note, kind) = match from {
        None => ("", AlertKind::Opened),
        Some(FindingState::Excepted) => (approval::ENDED, AlertKind::Reopened),
        Some(_) => ("", AlertKind::Reopened),
    };
    Turn {
        step: Some(step(&finding, from, note, now)),
        alert: Some(alert(kind, &finding, now)),
        finding,
    }
}

fn step(finding: &Finding, from: Option<FindingState>, note: &str, at: Millis) -> FindingHistory {
    FindingHistory {
        at,
        actor: PRODUCT.into(),
        from,
        to: finding.state,
        note: note.to_owned(),
    }
}

fn alert(kind: AlertKind, finding: &Finding, at: Millis) -> Alert {
    Alert {
        kind,
        finding: finding.key.clone(),
        severity: finding.severity,
        at,
    }
}
