//! `GET /admissions`, `GET /admissions/{id}`: providers' devices that were looked at before they are used, and what
//! each rule said.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use deskwarden_domain::model::{Admission, Lang, Millis};

use super::{
    Asked,
    pager::{Pager, ROWS, window},
    render,
};
use crate::web::{
    badge::{self, Badge},
    error::WebError,
    page::Page,
    state::WebState,
    text::{Agent, agent_text},
};

#[derive(Template)]
#[template(path = "admissions.html")]
struct AdmissionsPage {
    p: Page,
    good: bool,
    lines: Vec<AdmissionLine>,
    pager: Pager,
}

#[derive(Template)]
#[template(path = "admission.html")]
struct AdmissionPage {
    p: Page,
    line: AdmissionLine,
    rules: Vec<RuleRow>,
}

struct AdmissionLine {
    id: i64,
    provider: Agent,
    purpose: Agent,
    hostname: Agent,
    serial: Agent,
    model: Agent,
    platform: Agent,
    peer: Agent,
    outcome: Option<Badge>,
    at: Millis,
    valid_until: Option<Millis>,
    is_over: bool,
}

struct RuleRow {
    outcome: Badge,
    clause: String,
    title: Agent,
    reasons: Vec<Agent>,
    remedy: Agent,
}

/// The list.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let p = asked.page(&state, "/admissions");
    let good = asked.query.some("show") == Some("good");
    let (number, at) = (asked.query.page(), good.then_some(p.now));
    let found = state
        .ask(move |store| store.admissions(at, window(number, ROWS)))
        .await?;
    let show = if good { "good" } else { "" };
    let pager = Pager::new(
        "/admissions",
        &[("show", show)],
        number,
        ROWS,
        found.rows.len(),
        found.total,
    );
    let line = |row| AdmissionLine::new(row, p.lang(), p.now);
    render(&AdmissionsPage {
        good,
        lines: found.rows.iter().map(line).collect(),
        pager,
        p,
    })
}

/// One check.
pub(in crate::web) async fn admission(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let p = asked.page(&state, "/admissions");
    let id: i64 = id.parse().map_err(|_| WebError::NotFound)?;
    let found = state.ask(move |store| store.admission(id)).await?;
    let row = found.ok_or(WebError::NotFound)?;
    let lang = p.lang();
    let rules = row.checked.iter().flat_map(|checked| &checked.rules);
    render(&AdmissionPage {
        rules: rules
            .map(|rule| RuleRow {
                outcome: badge::outcome(rule.outcome, lang),
                clause: rule.clause.clone(),
                title: agent_text(rule.title.get(lang)),
                reasons: rule
                    .reasons
                    .iter()
                    .map(|text| agent_text(text.get(lang)))
                    .collect(),
                remedy: agent_text(rule.remedy.get(lang)),
            })
            .collect(),
        line: AdmissionLine::new(&row, lang, p.now),
        p,
    })
}

impl AdmissionLine {
    fn new(row: &Admission, lang: Lang, now: Millis) -> Self {
        let checked = row.checked.as_ref();
        let valid_until = checked.and_then(|checked| checked.valid_until);
        Self {
            id: row.id,
            provider: agent_text(&row.provider),
            purpose: agent_text(&row.purpose),
            hostname: agent_text(&row.hostname),
            serial: agent_text(&row.serial),
            model: agent_text(&row.model),
            platform: agent_text(&row.platform),
            peer: agent_text(&row.peer),
            outcome: checked.map(|checked| badge::outcome(checked.outcome, lang)),
            at: checked.map_or(row.begun_at, |checked| checked.at),
            valid_until,
            is_over: valid_until.is_some_and(|until| until <= now),
        }
    }
}
