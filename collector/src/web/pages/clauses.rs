//! `GET /clauses`: coverage. Every clause with what proves a breach of it and which records show how it is kept, how
//! departments comply, and, honestly, what cannot be checked and why.

use askama::Template;
use axum::{extract::State, response::Response};
use deskwarden_domain::{
    coverage::{Covered, coverage},
    port::Compliance,
    rules::Checkable,
};

use super::{overview::outcome_bar, render};
use crate::web::{
    asked::Asked,
    chart::{Bar, Part},
    error::WebError,
    form::link,
    page::Page,
    state::WebState,
    text::{Agent, agent_text},
};

#[derive(Template)]
#[template(path = "clauses.html")]
struct ClausesPage {
    p: Page,
    by_rules: usize,
    by_records: usize,
    not_checkable: usize,
    bare: usize,
    regulations: Vec<RegulationView>,
    unchecked: Vec<Unchecked>,
    departments: Vec<Department>,
}

struct RegulationView {
    id: String,
    title: String,
    version: String,
    clauses: Vec<ClauseView>,
}

struct ClauseView {
    number: String,
    wording: String,
    checkable: &'static str,
    rules: Vec<RuleLink>,
    records: Vec<RecordView>,
    bare: bool,
    judged: bool,
    pass: u64,
    fail: u64,
    could_not_look: u64,
    findings: u64,
    address: String,
    bar: Bar,
}

struct RuleLink {
    title: String,
    address: String,
}

struct RecordView {
    words: String,
    count: Option<u64>,
}

struct Unchecked {
    label: String,
    wording: String,
    why: String,
}

struct Department {
    name: Option<Agent>,
    assets: u64,
    compliant: u64,
    rate: String,
    address: String,
    bar: Bar,
}

/// The coverage report.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let p = asked.page(&state, "/clauses");
    let counts = state.counts().await?;
    let rules = state.rules_now();
    let rows = coverage(&rules, &counts.rules, &counts.records);
    let count = |by: Checkable| rows.iter().filter(|row| row.clause.checkable == by).count();
    let regulations = rules.regulations().iter().map(|regulation| RegulationView {
        id: regulation.id.clone(),
        title: regulation.title.get(p.lang()).to_owned(),
        version: regulation.version.clone(),
        clauses: rows
            .iter()
            .filter(|row| row.regulation.id == regulation.id)
            .map(|row| view(row, &p))
            .collect(),
    });
    let page = ClausesPage {
        by_rules: count(Checkable::Rules),
        by_records: count(Checkable::Records),
        not_checkable: count(Checkable::No),
        bare: rows.iter().filter(|row| is_bare(row)).count(),
        regulations: regulations.collect(),
        unchecked: rows
            .iter()
            .filter(|row| row.clause.checkable == Checkable::No)
            .map(|row| Unchecked {
                label: format!("{} {}", row.regulation.id, row.clause.number),
                wording: row.clause.wording.get(p.lang()).to_owned(),
                why: row.clause.why.get(p.lang()).to_owned(),
            })
            .collect(),
        departments: counts.departments.iter().map(|row| department(row, &p)).collect(),
        p,
    };
    render(&page)
}

/// A clause that could be checked and that nothing checks here: a company switched its rules off, or keeps no such
/// records.
fn is_bare(row: &Covered<'_>) -> bool {
    match row.clause.checkable {
        Checkable::Rules => row.rules.is_empty(),
        Checkable::Records => row.records.iter().all(|kept| kept.count.is_none()) && row.rules.is_empty(),
        Checkable::No => false,
    }
}

fn view(row: &Covered<'_>, p: &Page) -> ClauseView {
    let lang = p.lang();
    let label = format!("{} {}", row.regulation.id, row.clause.number);
    ClauseView {
        number: row.clause.number.clone(),
        wording: row.clause.wording.get(lang).to_owned(),
        checkable: row.clause.checkable.name(),
        rules: row
            .rules
            .iter()
            .map(|rule| RuleLink {
                title: rule.title.get(lang).to_owned(),
                address: format!("/rules/{}", rule.id),
            })
            .collect(),
        records: row
            .records
            .iter()
            .map(|kept| RecordView {
                words: kept.record.words().get(lang).to_owned(),
                count: kept.count,
            })
            .collect(),
        bare: is_bare(row),
        judged: row.pass + row.fail + row.could_not_look > 0,
        pass: row.pass,
        fail: row.fail,
        could_not_look: row.could_not_look,
        findings: row.findings,
        address: link("/findings", &[("clause", &label)]),
        bar: outcome_bar(row.pass, row.fail, row.could_not_look, p),
    }
}

fn department(row: &Compliance, p: &Page) -> Department {
    let part = |class, count, words: &str| Part {
        class,
        count,
        words: words.to_owned(),
    };
    let tenths = row.per_mille();
    Department {
        name: row.department.as_deref().map(agent_text),
        assets: row.assets,
        compliant: row.compliant,
        rate: format!("{}.{} %", tenths / 10, tenths % 10),
        address: row.department.as_deref().map_or_else(
            || link("/assets", &[]),
            |name| link("/assets", &[("department", name)]),
        ),
        bar: Bar::full(vec![
            part(
                "out-fail",
                row.assets.saturating_sub(row.compliant),
                p.t("clauses.flagged"),
            ),
            part("out-pass", row.compliant, p.t("clauses.compliant")),
        ]),
    }
}
