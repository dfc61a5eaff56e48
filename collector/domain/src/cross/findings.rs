//! From breaches of one value to findings: opening, reopening, resolving.

use std::collections::BTreeMap;

use super::{Breach, CrossVerdict, Seen, part};
use crate::{
    lifecycle::PRODUCT,
    model::{
        About, Alert, AlertKind, ClaimKind, Finding, FindingHistory, FindingKey, FindingState, Holder,
        Millis, Severity,
    },
    port::{Picture, Value},
    rules::{Rule, RuleKind, RuleSet},
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
    for ((id, holder), (rule, breach)) in &found {
        match known(id, holder) {
            Some(finding) => out.still(finding, &Shown::of(rule, breach)),
            None => {
                let key = FindingKey {
                    holder: breach.holder.clone(),
                    rule: rule.id.clone(),
                    subject: value.value.clone(),
                };
                out.open(key, &Shown::of(rule, breach));
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

/// A breach as its finding shows it.
pub(crate) struct Shown {
    pub(crate) severity: Severity,
    pub(crate) clause: String,
    pub(crate) name: String,
    pub(crate) seen: Seen,
}

impl Shown {
    fn of(rule: &Rule, breach: &Breach) -> Self {
        Self {
            severity: rule.severity,
            clause: rule.clause_label(),
            name: breach.name.clone(),
            seen: breach.seen.clone(),
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
        self.step(&finding, None, "");
        self.alert(AlertKind::Opened, &finding);
        self.verdict.findings.push(finding);
    }

    pub(crate) fn still(&mut self, known: &Finding, shown: &Shown) {
        let mut finding = known.clone();
        finding.severity = shown.severity;
        finding.clause.clone_from(&shown.clause);
        finding.subject_name.clone_from(&shown.name);
        finding.seen = Some(shown.seen.encode());
        if matches!(known.state, FindingState::Resolved | FindingState::Accepted) {
            finding.state = FindingState::Open;
            finding.opened_at = self.now;
            finding.last_seen = self.now;
            finding.resolved_at = None;
            finding.reopened = finding.reopened.saturating_add(1);
            self.step(&finding, Some(known.state), "");
            self.alert(AlertKind::Reopened, &finding);
        } else if finding.seen != known.seen {
            finding.last_seen = self.now;
        }
        if finding != *known {
            self.verdict.findings.push(finding);
        }
    }

    pub(crate) fn resolve(&mut self, known: &Finding, note: &str) {
        let told = known.state.is_active();
        // Excepted and false positive end with what they were about, silently.
        if !told && !matches!(known.state, FindingState::Excepted | FindingState::FalsePositive) {
            return;
        }
        let mut finding = known.clone();
        finding.state = FindingState::Resolved;
        finding.last_seen = self.now;
        finding.resolved_at = Some(self.now);
        self.step(&finding, Some(known.state), note);
        if told {
            self.alert(AlertKind::Resolved, &finding);
        }
        self.verdict.findings.push(finding);
    }

    fn step(&mut self, finding: &Finding, from: Option<FindingState>, note: &str) {
        let step = FindingHistory {
            at: self.now,
            actor: PRODUCT.into(),
            from,
            to: finding.state,
            note: note.to_owned(),
        };
        self.verdict.history.push((finding.key.clone(), step));
    }

    fn alert(&mut self, kind: AlertKind, finding: &Finding) {
        self.verdict.alerts.push(Alert {
            kind,
            finding: finding.key.clone(),
            severity: finding.severity,
            at: self.now,
        });
    }
}
