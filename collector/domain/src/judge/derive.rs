//! From evidence to outcomes and findings: opening, reopening, resolving, and the time of the next look.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    approval::{self, Cover},
    model::{
        Alert, ApprovalId, Asset, Evidence, Finding, FindingHistory, FindingKey, FindingState, Holder,
        Millis, Outcome, OutcomeRow, SourceStatus,
    },
    port::DeviceState,
    rules::{Rule, RuleKind},
    turn::{self, Written as _},
};

use super::{
    Context, Graces, Judging, Verdict, across,
    looked::{Looked, looked},
    matter::ASSET,
    silence::silence,
};

/// One subject that breaches a rule.
struct Breach {
    name: String,
    /// Since when the earliest piece of evidence stands.
    since: Millis,
}

pub(super) fn outcomes_and_findings(
    state: &DeviceState,
    evidence: &[Evidence],
    context: &Context,
    judging: &Judging,
    now: Millis,
    verdict: &mut Verdict,
) {
    let mut by_rule: BTreeMap<&str, Vec<&Evidence>> = BTreeMap::new();
    for piece in evidence {
        by_rule.entry(&piece.rule).or_default().push(piece);
    }
    let touched: BTreeSet<(String, String)> = verdict
        .evidence_put
        .iter()
        .map(|e| (e.rule.clone(), e.subject.clone()))
        .collect();
    let mut findings = Findings {
        state,
        now,
        out: Changes::default(),
    };
    let (_, silent_at) = silence(&state.device, &context.down, now);
    // A record moves the moment of silence; looking then, too early, costs less than writing it down each time.
    let mut wake_at = match (state.asset.wake_at, silent_at) {
        (Some(before), Some(at)) if now < before && before <= at => Some(before),
        // Something waits for a look at everything, which this is not.
        (Some(before), _) if !judging.everything && before <= now => Some(before),
        (_, at) => at,
    };
    if let Some(again) = judging.again {
        wake_at = Some(wake_at.map_or(again, |at| at.min(again)));
    }

    let due = state.notices.iter().map(|notice| notice.due_at);
    wake_at = wake_at.into_iter().chain(due.filter(|due| *due > now)).min();

    for rule in context.rules.rules() {
        if judging.everything && state.asset.judged_generation == context.generation {
            verdict.touched.extend(across::turned(rule, state));
        }
        if !rule.applies_to(&state.asset) {
            // It says nothing of this asset: there is no outcome, and what it said before is over.
            if state.outcomes.iter().any(|row| row.rule == rule.id) {
                verdict.outcomes_gone.push(rule.id.clone());
            }
            if rule.kind == RuleKind::Absent {
                missing(
                    rule,
                    by_rule.get(rule.id.as_str()).map_or(&[][..], Vec::as_slice),
                    None,
                    state,
                    verdict,
                );
            }
            if !matches!(rule.kind, RuleKind::Cross { .. }) {
                findings.applies_no_more(rule);
            }
            continue;
        }
        if matches!(rule.kind, RuleKind::Cross { .. }) {
            let row = across::outcome(rule, state);
            if !state.outcomes.contains(&row) {
                verdict.outcomes.push(row);
            }
            continue;
        }
        if matches!(rule.kind, RuleKind::Register { .. }) && !judging.everything {
            continue;
        }
        let pieces = by_rule.get(rule.id.as_str()).map_or(&[][..], Vec::as_slice);
        let looked = match judging.blind.get(&rule.id) {
            Some(why) => Looked::Not(why.clone()),
            // What a rule about the register could look at is part of its answer.
            None if matches!(rule.kind, RuleKind::Register { .. }) => Looked::Completely,
            None => looked(&rule.needs, &state.sources),
        };
        let mut breaches = breaches(rule, pieces, &looked, state, now);
        if rule.kind == RuleKind::Absent {
            missing(rule, pieces, breaches.get(ASSET), state, verdict);
        }
        // A breach within its grace is none yet; it is looked at again when the grace ends. What another collector,
        // whose clock is ahead of this one, has seen already is no breach of the future.
        breaches.retain(|subject, breach| {
            let grace = match context.graces {
                Graces::Kept => rule.grace_ms,
                Graces::Waived => 0,
            };
            let due = breach.since.min(now).saturating_add(grace);
            let is_due = due <= now || findings.opened_ahead(rule, subject);
            if !is_due {
                wake_at = Some(wake_at.map_or(due, |at| at.min(due)));
            }
            is_due
        });
        let mut stands = false;
        for (subject, breach) in &breaches {
            let Cover { by, until } = approval::cover(&state.approvals, &rule.id, subject, now);
            wake_at = wake_at.into_iter().chain(until).min();
            stands |= by.is_none() && !findings.is_false(rule, subject);
            let changed = touched.contains(&(rule.id.clone(), subject.clone()));
            findings.breached(rule, subject, breach, changed, by);
        }
        let row = outcome(rule, stands, &looked);
        if !state.outcomes.contains(&row) {
            verdict.outcomes.push(row);
        }
        if looked == Looked::Completely {
            findings.resolve_others(rule, &breaches);
        }
    }
    let in_force: BTreeSet<&str> = context
        .rules
        .rules()
        .iter()
        .map(|rule| rule.id.as_str())
        .collect();
    findings.rules_gone(&in_force);
    let gone = state
        .outcomes
        .iter()
        .filter(|row| !in_force.contains(row.rule.as_str()));
    verdict.outcomes_gone.extend(gone.map(|row| row.rule.clone()));
    verdict.findings = findings.out.findings;
    verdict.history = findings.out.history;
    verdict.alerts = findings.out.alerts;
    if !verdict.alerts.is_empty() {
        let rules = context.rules.rules().iter();
        let quiet: BTreeSet<&str> = rules
            .filter(|rule| !rule.alert)
            .map(|rule| rule.id.as_str())
            .collect();
        verdict
            .alerts
            .retain(|alert| !quiet.contains(alert.finding.rule.as_str()));
    }
    verdict.wake_at = wake_at;
}

fn breaches(
    rule: &Rule,
    pieces: &[&Evidence],
    looked: &Looked,
    state: &DeviceState,
    now: Millis,
) -> BTreeMap<String, Breach> {
    let mut breaches = BTreeMap::new();
    let whole = |since| Breach {
        name: state.asset.name.clone(),
        since,
    };
    match rule.kind {
        RuleKind::Absent => {
            if pieces.iter().all(|piece| piece.item.is_none()) && *looked == Looked::Completely {
                let since = pieces.first().map_or(now, |missing| missing.since);
                breaches.insert(ASSET.to_owned(), whole(since));
            }
        }
        RuleKind::Count { more_than } => {
            if pieces.len() as u64 > more_than {
                let since = pieces.iter().map(|e| e.since).min().unwrap_or(now);
                breaches.insert(ASSET.to_owned(), whole(since));
            }
        }
        RuleKind::Item
        | RuleKind::Changed
        | RuleKind::Address
        | RuleKind::Asset
        | RuleKind::Register { .. }
        | RuleKind::Cross { .. } => {
            for piece in pieces {
                let breach = breaches.entry(piece.subject.clone()).or_insert_with(|| Breach {
                    name: piece.subject_name.clone(),
                    since: piece.since,
                });
                breach.since = breach.since.min(piece.since);
            }
        }
    }
    breaches
}

/// Whether the breach of a finding in this state was there when it was last looked at.
const fn still_shown(state: FindingState) -> bool {
    !matches!(state, FindingState::Resolved | FindingState::Accepted)
}

/// What a rule misses is a piece of evidence without an item, so that it is known since when.
fn missing(
    rule: &Rule,
    pieces: &[&Evidence],
    breach: Option<&Breach>,
    state: &DeviceState,
    verdict: &mut Verdict,
) {
    let known = pieces.iter().find(|piece| piece.item.is_none());
    match (breach, known) {
        (Some(breach), None) => verdict.evidence_put.push(Evidence {
            rule: rule.id.clone(),
            subject: ASSET.to_owned(),
            subject_name: breach.name.clone(),
            asset: state.asset.id,
            device: Some(state.device.id),
            item: None,
            detail: "{}".to_owned(),
            since: breach.since,
        }),
        // What could not be looked at now is still missing as far as anybody knows.
        (None, Some(known)) if pieces.len() > 1 || !rule.scope.covers(&state.asset) => {
            verdict.evidence_gone.push((*known).clone())
        }
        _ => {}
    }
}

/// What a rule about items says of an asset that shows no breach of it, by what it could look at; `None` where it says
/// nothing.
pub(crate) fn unbreached(rule: &Rule, asset: &Asset, sources: &[SourceStatus]) -> Option<OutcomeRow> {
    rule.applies_to(asset)
        .then(|| outcome(rule, false, &looked(&rule.needs, sources)))
}

/// `stands`: there is a breach that nobody approved and nobody called a false positive.
fn outcome(rule: &Rule, stands: bool, looked: &Looked) -> OutcomeRow {
    let (outcome, reason) = match (stands, looked) {
        (true, _) => (Outcome::Fail, String::new()),
        (false, Looked::Completely) => (Outcome::Pass, String::new()),
        (false, Looked::Not(why)) => (Outcome::CouldNotLook, why.clone()),
    };
    OutcomeRow {
        rule: rule.id.clone(),
        outcome,
        reason,
    }
}

#[derive(Default)]
struct Changes {
    findings: Vec<Finding>,
    history: Vec<(FindingKey, FindingHistory)>,
    alerts: Vec<Alert>,
}

impl turn::Written for Changes {
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

struct Findings<'a> {
    state: &'a DeviceState,
    now: Millis,
    out: Changes,
}

impl<'a> Findings<'a> {
    fn known(&self, rule: &Rule, subject: &str) -> Option<&'a Finding> {
        let mut findings = self.state.findings.iter();
        findings.find(|f| f.key.rule == rule.id && f.key.subject == subject)
    }

    /// Whether it was opened at a time that has not come yet by this clock.
    fn opened_ahead(&self, rule: &Rule, subject: &str) -> bool {
        let known = self.known(rule, subject);
        known.is_some_and(|known| still_shown(known.state) && known.opened_at > self.now)
    }

    fn is_false(&self, rule: &Rule, subject: &str) -> bool {
        self.known(rule, subject)
            .is_some_and(|known| known.state == FindingState::FalsePositive)
    }

    fn breached(
        &mut self,
        rule: &Rule,
        subject: &str,
        breach: &Breach,
        evidence_changed: bool,
        approved: Option<ApprovalId>,
    ) {
        let Some(known) = self.known(rule, subject) else {
            let turn = turn::opened(self.finding(rule, subject, breach), approved, self.now);
            self.out.write(Some(turn));
            return;
        };
        let mut finding = known.clone();
        finding.severity = rule.severity;
        finding.clause = rule.clause_label();
        finding.subject_name.clone_from(&breach.name);
        if evidence_changed && still_shown(known.state) {
            finding.last_seen = self.now;
        }
        self.out.write(turn::still(known, finding, approved, self.now));
    }

    fn finding(&self, rule: &Rule, subject: &str, breach: &Breach) -> Finding {
        Finding {
            id: None,
            key: FindingKey {
                holder: Holder::Asset(self.state.asset.id),
                rule: rule.id.clone(),
                subject: subject.to_owned(),
            },
            severity: rule.severity,
            clause: rule.clause_label(),
            subject_name: breach.name.clone(),
            state: FindingState::Open,
            first_seen: breach.since,
            last_seen: self.now,
            opened_at: self.now,
            resolved_at: None,
            reopened: 0,
            version: 0,
            seen: None,
        }
    }

    /// Everything that the rule needs was looked at: what it no longer shows is resolved.
    fn resolve_others(&mut self, rule: &Rule, breaches: &BTreeMap<String, Breach>) {
        let state = self.state;
        for known in state
            .findings
            .iter()
            .filter(|f| f.key.rule == rule.id && !breaches.contains_key(&f.key.subject))
        {
            self.out.write(turn::resolved(known, "", self.now));
        }
    }

    /// The asset is no longer one that the rule is about: whatever could be looked at, nothing of it stands.
    fn applies_no_more(&mut self, rule: &Rule) {
        let state = self.state;
        for known in state.findings.iter().filter(|f| f.key.rule == rule.id) {
            self.out.write(turn::resolved(
                known,
                "the rule does not apply to the asset",
                self.now,
            ));
        }
    }

    fn rules_gone(&mut self, in_force: &BTreeSet<&str>) {
        let state = self.state;
        for known in state
            .findings
            .iter()
            .filter(|f| !in_force.contains(f.key.rule.as_str()))
        {
            self.out
                .write(turn::resolved(known, "rule no longer in force", self.now));
        }
    }
}
