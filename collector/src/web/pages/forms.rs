//! `GET /forms/violations`, `GET /forms/changes`: the record forms of PC 5 for a period, as sheets to print. The notice,
//! the inspection and the register have sheets of their own.

use askama::Template;
use axum::{extract::State, response::Response};
use deskwarden_domain::{
    model::{Asset, Finding, Lang, Millis},
    port::{Paging, RecordFilter},
    rules::{RuleSet, choice},
};

use super::{Asked, render};
use crate::{
    clock,
    web::{
        badge::{self, Badge},
        error::WebError,
        page::Page,
        rulewords,
        state::WebState,
        text::{Agent, agent_text},
    },
};

/// Rows of a sheet.
const ROWS: Paging = Paging {
    offset: 0,
    limit: 500,
};
/// Days of a period that nobody chose.
const DAYS: Millis = 30;
const DAY: Millis = 86_400_000;

#[derive(Template)]
#[template(path = "form_violations.html")]
struct ViolationsPage {
    p: Page,
    head: Head,
    rows: Vec<ViolationRow>,
}

#[derive(Template)]
#[template(path = "form_changes.html")]
struct ChangesPage {
    p: Page,
    head: Head,
    rows: Vec<ChangeRow>,
}

/// What both sheets begin with.
struct Head {
    organisation: Agent,
    office: Agent,
    from: String,
    to: String,
    from_day: String,
    to_day: String,
    department: String,
    left_out: u64,
}

struct Place {
    number: Agent,
    name: Agent,
    department: Agent,
    custodian: Agent,
}

struct ViolationRow {
    place: Place,
    at: String,
    clause: String,
    title: String,
    subject: Agent,
    severity: Badge,
    state: Badge,
    notice: Agent,
}

struct ChangeRow {
    place: Place,
    at: String,
    title: String,
    subject: Agent,
    by: Agent,
    note: Agent,
}

/// The record of breaches.
pub(in crate::web) async fn violations(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Response, WebError> {
    let p = asked.page(&state, "/findings");
    let (filter, mut head) = period(&state, &asked, p.now, p.lang());
    let page = state.ask(move |store| store.violations(&filter, ROWS)).await?;
    head.left_out = page.total.saturating_sub(page.rows.len() as u64);
    let (rules, lang, zone) = (state.rules_now(), p.lang(), state.config.office.zone);
    let row = |row: &deskwarden_domain::port::Violation| ViolationRow {
        place: place(row.asset.as_ref(), &row.finding),
        at: clock::minute(row.finding.opened_at, zone),
        clause: row.finding.clause.clone(),
        title: title(&rules, &row.finding, lang),
        subject: agent_text(&choice::subject(&row.finding.subject_name, lang)),
        severity: badge::severity(row.finding.severity, lang),
        state: badge::state(row.finding.state, lang),
        notice: agent_text(row.notice.as_deref().unwrap_or_default()),
    };
    render(&ViolationsPage {
        rows: page.rows.iter().map(row).collect(),
        head,
        p,
    })
}

/// The record of accepted changes.
pub(in crate::web) async fn changes(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Response, WebError> {
    let p = asked.page(&state, "/findings");
    let (filter, mut head) = period(&state, &asked, p.now, p.lang());
    let page = state
        .ask(move |store| store.accepted_changes(&filter, ROWS))
        .await?;
    head.left_out = page.total.saturating_sub(page.rows.len() as u64);
    let (rules, lang, zone) = (state.rules_now(), p.lang(), state.config.office.zone);
    let row = |row: &deskwarden_domain::port::AcceptedChange| ChangeRow {
        place: place(row.asset.as_ref(), &row.finding),
        at: clock::minute(row.step.at, zone),
        title: title(&rules, &row.finding, lang),
        subject: agent_text(&choice::subject(&row.finding.subject_name, lang)),
        by: agent_text(&row.step.actor),
        note: agent_text(&row.step.note),
    };
    render(&ChangesPage {
        rows: page.rows.iter().map(row).collect(),
        head,
        p,
    })
}

/// The period and department that an address asks for; what is no day counts as not given.
fn period(state: &WebState, asked: &Asked, now: Millis, lang: Lang) -> (RecordFilter, Head) {
    let office = &state.config.office;
    let day = |name| {
        asked
            .query
            .some(name)
            .and_then(|text| clock::day(text, office.zone))
    };
    let until = day("to").map_or(now, |(_, end)| end);
    let from = day("from").map_or(until - DAYS * DAY, |(begin, _)| begin);
    let department = asked.query.some("department").map(str::to_owned);
    let head = Head {
        organisation: agent_text(&office.organisation),
        office: agent_text(office.name(lang)),
        from: clock::written(from, office.zone, lang),
        to: clock::written(until - 1, office.zone, lang),
        from_day: clock::date(from, office.zone),
        to_day: clock::date(until - 1, office.zone),
        department: department.clone().unwrap_or_default(),
        left_out: 0,
    };
    let filter = RecordFilter {
        from,
        until,
        department,
    };
    (filter, head)
}

fn place(asset: Option<&Asset>, finding: &Finding) -> Place {
    let text = |value: Option<&String>| agent_text(value.map_or("", String::as_str));
    Place {
        number: text(asset.and_then(|asset| asset.number.as_ref())),
        name: asset.map_or_else(
            || agent_text(&finding.key.holder.to_string()),
            |asset| agent_text(&asset.name),
        ),
        department: text(asset.and_then(|asset| asset.department.as_ref())),
        custodian: text(asset.and_then(|asset| asset.custodian.as_ref())),
    }
}

fn title(rules: &RuleSet, finding: &Finding, lang: Lang) -> String {
    rulewords::title(rules, &finding.key.rule, lang).to_owned()
}
