//! From breaches of one value to findings: opening, reopening, resolving.

use std::collections::BTreeMap;

use super::{Breach, CrossVerdict, Seen, media, part};
use crate::{
    approval::{self, Cover},
    model::{
        About, Alert, ApprovalId, ClaimKind, Finding, FindingHistory, FindingKey, FindingState, Holder,
        Millis, Severity,
    },
    port::{Picture, Value},
    rules::{Rule, RuleKind, RuleSet},
    turn::{self, Written as _},
};

/// After so long nobody who was cut off still counts as present.
const LATER: Millis = 30 * 60_000;

pub(super) fn derive(
    value: &Value,
    found: BTreeMap<(&str, Holder), (&Rule, Breach)>,
    picture: &Picture,
    rules: &RuleSet,
    now: Millis,
    verdict: &mut CrossVerdict,
) {
    let known = |rule: &str, holder: &Holder| {
        picture.findings.iter().find(|finding| {
            let key = &finding.key;
            key.rule == rule && key.holder == *holder && key.subject == value.value
        })
    };
    let mut out = Out { now, verdict };
    let mut turns = None;
    for ((id, holder), (rule, breach)) in &found {
        let Cover { by, until } = covered(holder, rule, value, picture, now);
        turns = turns.into_iter().chain(until).min();
        let shown = Shown::of(rule, breach, by);
        match known(id, holder) {
            Some(finding) => out.still(finding, &shown),
            None => {
                let key = FindingKey {
                    holder: breach.holder.clone(),
                    rule: rule.id.clone(),
                    subject: value.value.clone(),
                };
                out.open(key, &shown);
            }
        }
    }
    for finding in picture
        .findings
        .iter()
        .filter(|finding| finding.key.subject == value.value && finding.seen.is_some())
    {
        let in_force = rules.rule(&finding.key.rule).map(|rule| rule.kind);
        let note = match in_force {
            Some(RuleKind::Cross { about, .. }) if about.kind() != value.kind => continue,
            Some(RuleKind::Cross { .. }) => "",
            _ => "rule no longer in force",
        };
        if !found.contains_key(&(finding.key.rule.as_str(), finding.key.holder.clone())) {
            out.resolve(finding, note);
        }
    }
    if let Some(at) = turns {
        out.verdict.again.push((value.clone(), at));
    }
    if value.kind == ClaimKind::Media
        && !found.is_empty()
        && let Some(at) = media::again(&value.value, picture)
    {
        out.verdict.again.push((value.clone(), at));
    }
    let watched = rules.rules().iter().any(|rule| {
        matches!(
            rule.kind,
            RuleKind::Cross {
                about: About::PartMoved,
                ..
            }
        )
    });
    if value.kind == ClaimKind::PartSerial && watched && part::undecided(&value.value, picture) {
        verdict.again.push((value.clone(), now.saturating_add(LATER)));
    }
}

/// What approvals of the holder's asset say.
fn covered(holder: &Holder, rule: &Rule, value: &Value, picture: &Picture, now: Millis) -> Cover {
    let known = holder.asset().and_then(|asset| picture.assets.get(&asset));
    let approvals = known.map(|known| known.approvals.as_slice()).unwrap_or_default();
    approval::cover(approvals, &rule.id, &value.value, now)
}

/// A breach as its finding shows it.
pub(crate) struct Shown {
    pub(crate) severity: Severity,
    pub(crate) clause: String,
    pub(crate) name: String,
    pub(crate) seen: Seen,
    /// The approval that covers it.
    pub(crate) approved: Option<ApprovalId>,
}

impl Shown {
    fn of(rule: &Rule, breach: &Breach, approved: Option<ApprovalId>) -> Self {
        Self {
            severity: rule.severity,
            clause: rule.clause_label(),
            name: breach.name.clone(),
            seen: breach.seen.clone(),
            approved,
        }
    }
}

/// Opens, keeps and resolves findings.
pub(crate) struct Out<'a> {
    pub(crate) now: Millis,
    pub(crate) verdict: &'a mut CrossVerdict,
}

impl Out<'_> {
    pub(crate) fn open(&mut self, key: FindingKey, shown: &Shown) {
        let finding = Finding {
            id: None,
            key,
            severity: shown.severity,
            clause: shown.clause.clone(),
            subject_name: shown.name.clone(),
            state: FindingState::Open,
            first_seen: self.now,
            last_seen: self.now,
            opened_at: self.now,
            resolved_at: None,
            reopened: 0,
            version: 0,
            seen: Some(shown.seen.encode()),
        };
        let turn = turn::opened(finding, shown.approved, self.now);
        self.verdict.write(Some(turn));
    }

    pub(crate) fn still(&mut self, known: &Finding, shown: &Shown) {
        let mut finding = known.clone();
        finding.severity = shown.severity;
        finding.clause.clone_from(&shown.clause);
        finding.subject_name.clone_from(&shown.name);
        finding.seen = Some(shown.seen.encode());
        if finding.seen != known.seen {
            finding.last_seen = self.now;
        }
        self.verdict
            .write(turn::still(known, finding, shown.approved, self.now));
    }

    pub(crate) fn resolve(&mut self, known: &Finding, note: &str) {
        self.verdict.write(turn::resolved(known, note, self.now));
    }
}

impl turn::Written for CrossVerdict {
    fn parts(
        &mut self,
    ) -> (
        &mut Vec<Finding>,
        &mut Vec<(FindingKey, FindingHistory)>,
        &mut Vec<Alert>,
    ) {
        (&mut self.findings, &mut self.history, &mut self.alerts)
    }
}
