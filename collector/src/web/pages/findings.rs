//! `GET /findings`: the list, filtered by its address, which can be shared.

use askama::Template;
use axum::{extract::State, response::Response};
use deskwarden_domain::{
    model::{AssetId, FindingState, Severity},
    port::FindingFilter,
};

use super::{
    Asked,
    lines::FindingLine,
    pager::{Pager, ROWS, window},
    render,
};
use crate::web::{
    error::WebError,
    form::{Query, link},
    page::Page,
    rulewords,
    state::WebState,
    text::{Agent, agent_text},
};

#[derive(Template)]
#[template(path = "findings.html")]
struct FindingsPage {
    p: Page,
    text: String,
    state: String,
    severity: String,
    clause: String,
    rule: String,
    asset: String,
    states: Vec<&'static str>,
    severities: Vec<&'static str>,
    clauses: Vec<String>,
    rule_title: Agent,
    without_rule: String,
    without_asset: String,
    lines: Vec<FindingLine>,
    pager: Pager,
}

/// The filter that an address asks for. Words that it does not know do not limit.
pub(in crate::web) fn filter(query: &Query) -> FindingFilter {
    let active = || {
        FindingState::ALL
            .into_iter()
            .filter(|state| state.is_active())
            .collect()
    };
    FindingFilter {
        states: match query.some("state") {
            None | Some("active") => active(),
            Some("any") => Vec::new(),
            Some(name) => FindingState::by_name(name).map_or_else(active, |state| vec![state]),
        },
        asset: query
            .some("asset")
            .and_then(|text| text.parse().ok())
            .map(AssetId),
        rule: query.some("rule").map(|text| cut(text, 200)),
        clause: query.some("clause").map(|text| cut(text, 100)),
        severity: query.some("severity").and_then(Severity::by_name),
        text: query.some("text").map(|text| cut(text, 200)),
    }
}

/// The list.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let p = asked.page(&state, "/findings");
    let query = &asked.query;
    let filter = filter(query);
    let number = query.page();
    let found = state
        .ask(move |store| store.findings(&filter, window(number, ROWS)))
        .await?;
    let rules = state.rules_now();
    let get = |name| query.some(name).unwrap_or_default().to_owned();
    let names = ["text", "state", "severity", "clause", "rule", "asset"];
    let values: Vec<(&str, String)> = names.into_iter().map(|name| (name, get(name))).collect();
    let parameters: Vec<(&str, &str)> = values
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let without = |gone: &str| {
        let kept: Vec<(&str, &str)> = parameters
            .iter()
            .copied()
            .filter(|(name, _)| *name != gone)
            .collect();
        link("/findings", &kept)
    };
    let rule = get("rule");
    let page = FindingsPage {
        text: get("text"),
        state: query.some("state").unwrap_or("active").to_owned(),
        severity: get("severity"),
        clause: get("clause"),
        asset: get("asset"),
        states: FindingState::ALL.into_iter().map(FindingState::name).collect(),
        severities: [
            Severity::Critical,
            Severity::High,
            Severity::Medium,
            Severity::Low,
        ]
        .map(Severity::name)
        .to_vec(),
        clauses: rulewords::clauses(&rules),
        rule_title: agent_text(rulewords::title(&rules, &rule, p.lang())),
        rule,
        without_rule: without("rule"),
        without_asset: without("asset"),
        lines: found
            .rows
            .iter()
            .map(|row| FindingLine::new(row, &rules, p.lang()))
            .collect(),
        pager: Pager::new(
            "/findings",
            &parameters,
            number,
            ROWS,
            found.rows.len(),
            found.total,
        ),
        p,
    };
    render(&page)
}

fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}
