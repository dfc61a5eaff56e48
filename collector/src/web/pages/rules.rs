//! `GET /rules` and `GET /rules/{id}`: the regulations clause by clause, what is checked and what cannot
//! be, how the rules judge, and which files are in force or were refused.

use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use deskwarden_domain::{
    model::Millis,
    port::{RuleCount, RuleVersion, RuleVersionState},
    rules::{Rule, RuleSet, Words, fill},
};

use super::{Asked, overview::outcome_bar, render};
use crate::web::{
    badge::{self, Badge},
    chart::Bar,
    error::WebError,
    facts,
    form::link,
    page::Page,
    rulewords,
    state::WebState,
    text::{Agent, agent_text},
};
use crate::{rule_editor, rules_dir::refused_now};

const VERSIONS: usize = 50;

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    p: Page,
    regulations: Vec<RegulationView>,
    others: Vec<RuleLine>,
    refused: Vec<VersionLine>,
    versions: Vec<VersionLine>,
}

struct RegulationView {
    id: String,
    title: String,
    version: String,
    checked: u64,
    total: u64,
    clauses: Vec<ClauseView>,
}

struct ClauseView {
    number: String,
    wording: String,
    checkable: &'static str,
    why: String,
    rules: Vec<RuleLine>,
}

struct RuleLine {
    id: String,
    title: String,
    severity: Badge,
    enabled: bool,
    pass: u64,
    fail: u64,
    could_not_look: u64,
    findings: u64,
    address: String,
    bar: Bar,
    judged: bool,
}

struct VersionLine {
    id: i64,
    plain: bool,
    file: Agent,
    origin: Agent,
    imported_at: Millis,
    refused: bool,
    removed: bool,
    faults: Vec<Agent>,
}

/// The overview of rules.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let p = asked.page(&state, "/rules");
    let counts = state.counts().await?;
    let versions = state.ask(|store| store.rule_versions(VERSIONS)).await?;
    let rules = state.rules_now();
    let counts: HashMap<String, RuleCount> = counts
        .rules
        .iter()
        // They count over every department.
        .filter(|_| !asked.viewer.sight.is_limited())
        .map(|count| (count.rule.clone(), count.clone()))
        .collect();
    let regulations = regulations(&rules, &counts, &p);
    let known = |rule: &&Rule| {
        rules
            .regulations()
            .iter()
            .any(|regulation| regulation.id == rule.regulation && regulation.clause(&rule.clause).is_some())
    };
    let page = RulesPage {
        others: rules
            .rules()
            .iter()
            .filter(|rule| !known(rule))
            .map(|rule| line(rule, true, &counts, &p))
            .collect(),
        refused: refused_now(&versions).into_iter().map(version_line).collect(),
        versions: versions.iter().map(version_line).collect(),
        regulations,
        p,
    };
    render(&page)
}

fn regulations(rules: &RuleSet, counts: &HashMap<String, RuleCount>, p: &Page) -> Vec<RegulationView> {
    let lang = p.lang();
    let regulation = |regulation: &deskwarden_domain::rules::Regulation| {
        let clauses: Vec<ClauseView> = regulation
            .clauses
            .iter()
            .map(|clause| {
                let own = |rule: &&Rule| rule.regulation == regulation.id && rule.clause == clause.number;
                let on = rules
                    .rules()
                    .iter()
                    .filter(own)
                    .map(|rule| line(rule, true, counts, p));
                let off = rules
                    .disabled()
                    .iter()
                    .filter(own)
                    .map(|rule| line(rule, false, counts, p));
                ClauseView {
                    number: clause.number.clone(),
                    wording: clause.wording.get(lang).to_owned(),
                    checkable: clause.checkable.name(),
                    why: clause.why.get(lang).to_owned(),
                    rules: on.chain(off).collect(),
                }
            })
            .collect();
        RegulationView {
            id: regulation.id.clone(),
            title: regulation.title.get(lang).to_owned(),
            version: regulation.version.clone(),
            checked: clauses
                .iter()
                .filter(|clause| clause.rules.iter().any(|rule| rule.enabled))
                .count() as u64,
            total: regulation.clauses.len() as u64,
            clauses,
        }
    };
    let mut views: Vec<RegulationView> = rules.regulations().iter().map(regulation).collect();
    // What this collector judges by comes first.
    views.sort_by_key(|view| std::cmp::Reverse(view.checked));
    views
}

fn line(rule: &Rule, enabled: bool, counts: &HashMap<String, RuleCount>, p: &Page) -> RuleLine {
    let count = counts.get(&rule.id);
    let [pass, fail, blind, findings] = count.map_or([0; 4], |count| {
        [count.pass, count.fail, count.could_not_look, count.findings]
    });
    RuleLine {
        id: rule.id.clone(),
        title: rule.title.get(p.lang()).to_owned(),
        severity: badge::severity(rule.severity, p.lang()),
        enabled,
        pass,
        fail,
        could_not_look: blind,
        findings,
        address: link("/findings", &[("rule", &rule.id)]),
        judged: pass + fail + blind > 0,
        bar: outcome_bar(pass, fail, blind, p),
    }
}

fn version_line(version: &RuleVersion) -> VersionLine {
    VersionLine {
        id: version.id,
        plain: rule_editor::is_name(&version.file),
        file: agent_text(&version.file),
        origin: agent_text(&version.origin),
        imported_at: version.imported_at,
        refused: version.state == RuleVersionState::Refused,
        removed: version.removed,
        faults: version
            .faults
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(agent_text)
            .collect(),
    }
}

#[derive(Template)]
#[template(path = "rule.html")]
struct RulePage {
    p: Page,
    line: RuleLine,
    clause: String,
    regulation: String,
    wording: String,
    message: String,
    remedy: String,
    kind: &'static str,
    needs: Vec<String>,
    grace_hours: u64,
}

/// One rule.
pub(in crate::web) async fn rule(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let p = asked.page(&state, "/rules");
    let counts = state.counts().await?;
    let counts = counts
        .rules
        .iter()
        .filter(|_| !asked.viewer.sight.is_limited())
        .map(|count| (count.rule.clone(), count.clone()))
        .collect();
    let rules = state.rules_now();
    let rule = rulewords::find(&rules, &id).ok_or(WebError::NotFound)?;
    let lang = p.lang();
    let label = rule.clause_label();
    let clause = rulewords::clause(&rules, &label, lang);
    let need = |need: &deskwarden_domain::rules::Need| match &need.source {
        Some(source) => format!("{} · {source}", facts::section_label(need.section, lang)),
        None => facts::section_label(need.section, lang).to_owned(),
    };
    let place = |words: &str| format!("⟨{words}⟩");
    let (subject, asset, detail) = (
        place(p.t("rule.subject")),
        place(p.t("findings.machine")),
        place(p.t("finding.evidence")),
    );
    let words = Words {
        subject: &subject,
        asset: &asset,
        detail: &detail,
    };
    let page = RulePage {
        line: line(rule, rule.enabled, &counts, &p),
        regulation: clause
            .as_ref()
            .map_or_else(String::new, |clause| clause.regulation.to_owned()),
        wording: clause.map_or_else(String::new, |clause| clause.wording.to_owned()),
        clause: label,
        message: fill(&rule.message, lang, words),
        remedy: fill(&rule.remedy, lang, words),
        kind: rule.kind.name(),
        needs: rule.needs.iter().map(need).collect(),
        grace_hours: u64::try_from(rule.grace_ms / 3_600_000).unwrap_or(0),
        p,
    };
    render(&page)
}
