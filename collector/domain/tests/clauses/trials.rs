//! Five cases of every shipped rule: a breach, what is none, what nobody could look at, an approved breach, and the
//! approval's end. A case that cannot be is declared with the reason.

#![expect(clippy::unwrap_used, reason = "a fault here fails the test that asked")]

use std::collections::BTreeMap;

use deskwarden_domain::model::{FindingKey, Holder};

use super::{
    office::{NOW, Office},
    support::approval,
    table_office, table_pc, *,
};

/// A rule with its five cases.
pub(crate) struct Trial {
    pub(crate) rule: &'static str,
    pub(crate) breach: Scene,
    pub(crate) clean: Scene,
    pub(crate) blind: Tried<fn(&Context) -> Pc>,
    /// An approval of the breach, and its end.
    pub(crate) approval: Tried<()>,
}

/// What is judged.
pub(crate) enum Scene {
    /// One PC.
    Pc(fn(&Context) -> Pc),
    /// What several PCs say together.
    Office(fn() -> Office),
}

/// Whether there is such a case.
pub(crate) enum Tried<T> {
    /// This is it.
    By(T),
    /// There is none; why, in one sentence.
    NotApplicable(&'static str),
}

pub(crate) fn trials() -> Vec<Trial> {
    let mut all = table_pc::trials();
    all.extend(table_office::trials());
    all
}

const HOUR: i64 = 3_600_000;

/// The shipped rules; those that are shipped switched off are on.
fn context_of(rule: &str) -> Context {
    if SET.rule(rule).is_some() {
        return shipped();
    }
    let on = format!("[[adjust]]\nrules = [\"{rule}\"]\nenabled = true\n");
    let mut files: Vec<(&str, &str)> = packs::FILES
        .iter()
        .filter(|file| !file.name.starts_with("catalogue"))
        .map(|file| (file.name, file.content))
        .collect();
    files.push(("acme.toml", &on));
    support::context(1, &files)
}

/// What a rule comes to in a scene, at one moment after the other.
struct Played {
    context: Context,
    pc: Option<Pc>,
    office: Option<Office>,
    now: i64,
}

impl Played {
    fn of(rule: &str, scene: &Scene) -> Self {
        let context = context_of(rule);
        let (pc, office) = match scene {
            Scene::Pc(pc) => (Some(pc(&context)), None),
            Scene::Office(office) => (None, Some(office())),
        };
        let now = pc.as_ref().map_or(NOW, |pc| pc.now);
        Self {
            context,
            pc,
            office,
            now,
        }
    }

    /// States of the findings of a rule, and its outcome where a PC has one.
    fn judged(&mut self, rule: &str) -> (Vec<FindingState>, Option<Outcome>) {
        if let Some(pc) = &mut self.pc {
            pc.now = self.now;
            pc.rejudge(&self.context);
            let states = pc.findings(rule).into_iter().map(|(_, state)| state).collect();
            return (states, Some(pc.outcome(rule).0));
        }
        let office = self.office.as_mut().unwrap();
        let mut findings: BTreeMap<FindingKey, _> = BTreeMap::new();
        let known = office.picture.findings.drain(..).collect::<Vec<_>>();
        office.picture.findings.clone_from(&known);
        let fresh = office.judged_at(self.now).findings;
        for finding in known.into_iter().chain(fresh) {
            findings.insert(finding.key.clone(), finding);
        }
        office.picture.findings = findings.into_values().collect();
        let of_rule = office
            .picture
            .findings
            .iter()
            .filter(|finding| finding.key.rule == rule);
        let machines_only = of_rule
            .clone()
            .all(|finding| !matches!(finding.key.holder, Holder::Asset(_)));
        let states: Vec<FindingState> = of_rule.map(|finding| finding.state).collect();
        let outcome = (states.is_empty() || !machines_only).then(|| self.on_pcs(rule));
        (states, outcome)
    }

    /// What the rule comes to on the PCs of the office, each of which was looked at: the worst of them.
    fn on_pcs(&self, rule: &str) -> Outcome {
        let office = self.office.as_ref().unwrap();
        let mut outcomes = Vec::new();
        for (id, known) in &office.picture.assets {
            let mut pc = Pc::new();
            pc.state.asset = known.asset.clone();
            pc.state.device.asset = *id;
            for need in &self.context.rules.rule(rule).unwrap().needs {
                pc.reads(&self.context, need.section, "any", Look::Looked, vec![]);
            }
            let held = office.picture.findings.iter();
            let held = held.filter(|finding| finding.key.holder == Holder::Asset(*id));
            pc.state.findings = held.cloned().collect();
            pc.rejudge(&self.context);
            outcomes.extend(
                pc.state
                    .outcomes
                    .iter()
                    .find(|row| row.rule == rule)
                    .map(|row| row.outcome),
            );
        }
        let passes = outcomes.iter().all(|outcome| *outcome == Outcome::Pass);
        assert!(!outcomes.is_empty(), "{rule}");
        if passes { Outcome::Pass } else { Outcome::Fail }
    }

    fn approve(&mut self, rule: &str, ends_at: i64) {
        if let Some(pc) = &mut self.pc {
            approve(pc, rule, ends_at);
        }
        if let Some(office) = &mut self.office {
            for (id, known) in &mut office.picture.assets {
                known.approvals = vec![approval(*id, rule, ends_at)];
            }
        }
    }
}

#[test]
fn a_breach_is_a_finding_and_what_is_like_it_is_none() {
    for Trial {
        rule, breach, clean, ..
    } in trials()
    {
        let (found, outcome) = Played::of(rule, &breach).judged(rule);
        assert!(!found.is_empty(), "{rule}: nothing found");
        assert!(
            found.iter().all(|state| *state == FindingState::Open),
            "{rule}: {found:?}"
        );
        assert!(outcome.is_none_or(|outcome| outcome == Outcome::Fail), "{rule}");
        let (found, outcome) = Played::of(rule, &clean).judged(rule);
        assert_eq!(found, [], "{rule}: what is no breach");
        assert!(
            outcome.is_none_or(|outcome| outcome == Outcome::Pass),
            "{rule}: {outcome:?}"
        );
    }
}

#[test]
fn what_nobody_could_look_at_passes_nothing() {
    for Trial { rule, blind, .. } in trials() {
        let Tried::By(blind) = blind else { continue };
        let context = context_of(rule);
        let mut pc = blind(&context);
        pc.rejudge(&context);
        let (outcome, reason) = pc.outcome(rule);
        assert_eq!(outcome, Outcome::CouldNotLook, "{rule}");
        assert!(
            reason.contains("no permission") || reason.starts_with("register: "),
            "{rule}: {reason}"
        );
        assert!(pc.findings(rule).is_empty(), "{rule}");
    }
}

#[test]
fn an_approval_covers_a_breach_until_it_is_over() {
    for Trial {
        rule,
        breach,
        approval,
        ..
    } in trials()
    {
        let mut scene = Played::of(rule, &breach);
        scene.judged(rule);
        if let Tried::NotApplicable(_) = approval {
            let office = scene.office.as_ref().unwrap();
            let mut held = office
                .picture
                .findings
                .iter()
                .filter(|finding| finding.key.rule == rule);
            assert!(
                held.all(|finding| !matches!(finding.key.holder, Holder::Asset(_))),
                "{rule}: a PC has it, so it can be approved"
            );
            continue;
        }
        let ends_at = scene.now + HOUR;
        scene.approve(rule, ends_at);
        scene.now += 1;
        let (found, outcome) = scene.judged(rule);
        assert!(
            !found.is_empty() && found.iter().all(|state| *state == FindingState::Excepted),
            "{rule}: {found:?}"
        );
        assert!(
            outcome.is_none_or(|outcome| outcome == Outcome::Pass),
            "{rule}: {outcome:?}"
        );
        if let Some(pc) = &scene.pc {
            assert!(
                pc.state.asset.wake_at.is_some_and(|at| at <= ends_at),
                "{rule}: nobody looks"
            );
        }
        scene.now = ends_at;
        let (found, outcome) = scene.judged(rule);
        assert!(
            !found.is_empty() && found.iter().all(|state| *state == FindingState::Open),
            "{rule}, over: {found:?}"
        );
        assert!(outcome.is_none_or(|outcome| outcome == Outcome::Fail), "{rule}");
    }
}

#[test]
fn every_shipped_rule_has_its_five_cases() {
    let mut rows: Vec<&str> = cases().iter().map(|case| case.rule).collect();
    for trial in trials() {
        rows.push(trial.rule);
        let reasons = [
            match trial.blind {
                Tried::NotApplicable(why) => Some(why),
                Tried::By(_) => None,
            },
            match trial.approval {
                Tried::NotApplicable(why) => Some(why),
                Tried::By(()) => None,
            },
        ];
        for why in reasons.into_iter().flatten() {
            assert!(why.split(' ').count() > 5, "{}: `{why}` is no reason", trial.rule);
        }
    }
    rows.sort_unstable();
    let mut shipped: Vec<&str> = SET
        .rules()
        .iter()
        .chain(SET.disabled())
        .map(|rule| rule.id.as_str())
        .collect();
    shipped.sort_unstable();
    assert_eq!(rows, shipped, "rules with a row, and rules that are shipped");
}
