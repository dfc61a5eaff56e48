//! `GET /findings`: the list, filtered by its address, which can be shared; `POST /findings/bulk`: decisions about
//! several of them at once.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    model::{AssetId, FindingAction, FindingId, FindingState, Severity, Sight},
    port::{FindingFilter, FindingRow, Paging, Store, StoreResult},
    rules::{RuleSet, choice},
};

use super::{
    Asked, approvals, chosen,
    lines::FindingLine,
    notices,
    pager::{Pager, ROWS, window},
    render,
    saved::Saved,
};
use crate::{
    actions::{Decision, DecisionError},
    web::{
        error::WebError,
        form::{Fields, Query, link, local_path},
        list::{Batch, Column, Exports, List, ListAsk},
        page::Page,
        rulewords,
        state::WebState,
        text::{Agent, agent_text},
    },
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
    /// How many findings were decided at once, and how many could not be.
    bulk: Option<(u64, u64)>,
    exports: Exports,
    saved: Saved,
}

/// The filter that an address asks for. Words that it does not know do not limit.
pub(in crate::web) fn filter(query: &Query, sight: &Sight, rules: &RuleSet) -> FindingFilter {
    let active = || FindingState::ACTIVE.to_vec();
    let clause = query.some("clause").map(|text| cut(text, 100));
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
        proving: clause
            .as_deref()
            .map(|label| rules.proving(label))
            .unwrap_or_default(),
        clause,
        severity: query.some("severity").and_then(Severity::by_name),
        text: query.some("text").map(|text| cut(text, 200)),
        sight: sight.clone(),
        before: None,
    }
}

/// The list.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let p = asked.page(&state, "/findings");
    let query = &asked.query;
    let rules = state.rules_now();
    let filter = filter(query, &asked.viewer.sight, &rules);
    let number = query.page();
    let found = state
        .ask(move |store| store.findings(&filter, window(number, ROWS)))
        .await?;
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
    let bulk = query.some("bulk").and_then(|text| text.split_once('.'));
    let page = FindingsPage {
        bulk: bulk.and_then(|(done, left)| Some((done.parse().ok()?, left.parse().ok()?))),
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
        exports: Exports::of("/findings/export", &asked),
        saved: Saved::of::<FindingList>(&state, &asked).await?,
        p,
    };
    render(&page)
}

/// Decides about several findings at once: acknowledges them here, or leads to the form that approves them or
/// issues a notice.
pub(in crate::web) async fn bulk(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let back = local_path(fields.text("back")).unwrap_or("/findings");
    let texts: Vec<&str> = fields.all("id").collect();
    let ids = chosen::read(&texts.join("."));
    if ids.is_empty() {
        return Ok(Redirect::to(back).into_response());
    }
    match fields.text("action") {
        "approve" => Ok(Redirect::to(&approvals::address(&ids)).into_response()),
        "notice" => Ok(Redirect::to(&notices::new_address(&ids)).into_response()),
        "acknowledge" => {
            let (done, left) = acknowledge(&state, ids, &asked.viewer.name).await?;
            let (path, query) = back.split_once('?').unwrap_or((back, ""));
            let kept = Fields::parse(query.as_bytes());
            let said = format!("{done}.{left}");
            let mut parameters: Vec<(&str, &str)> =
                kept.pairs().filter(|(name, _)| *name != "bulk").collect();
            parameters.push(("bulk", &said));
            Ok(Redirect::to(&link(path, &parameters)).into_response())
        }
        _ => Err(WebError::Malformed),
    }
}

/// How many are acknowledged, and how many were in no state for it.
async fn acknowledge(state: &WebState, ids: Vec<FindingId>, actor: &str) -> Result<(u64, u64), WebError> {
    let (actions, now) = (std::sync::Arc::clone(&state.actions), state.clock.now());
    let actor = actor.to_owned();
    let work = tokio::task::spawn_blocking(move || {
        let (mut done, mut left) = (0, 0);
        for finding in ids {
            let decision = Decision {
                finding,
                action: FindingAction::Acknowledge,
                actor: actor.clone(),
                note: String::new(),
                now,
            };
            match actions.act(&decision) {
                Ok(()) => done += 1,
                Err(DecisionError::Refused(_) | DecisionError::Unknown(_)) => left += 1,
                Err(DecisionError::Store(error)) => return Err(WebError::from(error)),
            }
        }
        Ok((done, left))
    });
    work.await
        .map_err(|_| WebError::Internal("decisions were cut off"))?
}

fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// The findings, as a list.
pub(in crate::web) struct FindingList;

impl List for FindingList {
    type Row = FindingRow;
    const NAME: &'static str = "findings";
    const TITLE: &'static str = "findings.title";
    const FILTERS: &'static [(&'static str, &'static str)] = &[
        (
            "state",
            "`active` (default), `any`, `open`, `acknowledged`, `notice_issued`, `resolved`, `accepted`, `excepted` or `false_positive`",
        ),
        (
            "severity",
            "`low`, `medium`, `high` or `critical`: at least this bad",
        ),
        ("clause", "What proves a breach of this clause: `PC 3.2.4`"),
        ("rule", "Of this rule"),
        ("asset", "Of the asset with this id"),
        (
            "text",
            "Words to find in subject, machine, number, custodian, department",
        ),
    ];

    fn columns() -> Vec<Column<FindingRow>> {
        vec![
            Column::number("id", "findings.id", |row| Some(row.id.0)),
            Column::word("severity", "findings.severity", "severity", |row| {
                Some(row.finding.severity.name())
            }),
            Column::word("state", "findings.state", "state", |row| {
                Some(row.finding.state.name())
            }),
            Column::text("clause", "findings.clause", |row, _| {
                Some(row.finding.clause.clone())
            }),
            Column::text("rule", "findings.rule", |row, _| {
                Some(row.finding.key.rule.clone())
            }),
            Column::text("rule_title", "findings.rule_title", |row, context| {
                Some(rulewords::title(&context.rules, &row.finding.key.rule, context.lang).to_owned())
            }),
            Column::text("subject", "findings.subject_key", |row, _| {
                Some(row.finding.key.subject.clone())
            }),
            Column::text("subject_name", "findings.subject", |row, context| {
                Some(choice::subject(&row.finding.subject_name, context.lang).into_owned())
            }),
            Column::text("holder", "findings.holder", |row, _| {
                Some(row.finding.key.holder.to_string())
            }),
            Column::number("asset_id", "findings.asset_id", |row| {
                row.asset.as_ref().map(|asset| asset.id.0)
            }),
            Column::text("asset_number", "asset.number", |row, _| {
                row.asset.as_ref().and_then(|asset| asset.number.clone())
            }),
            Column::text("asset_name", "findings.machine", |row, _| {
                row.asset.as_ref().map(|asset| asset.name.clone())
            }),
            Column::text("custodian", "asset.custodian", |row, _| {
                row.asset.as_ref().and_then(|asset| asset.custodian.clone())
            }),
            Column::text("department", "findings.department", |row, _| {
                row.asset.as_ref().and_then(|asset| asset.department.clone())
            }),
            Column::when("first_seen", "finding.first_seen", |row| {
                Some(row.finding.first_seen)
            }),
            Column::when("last_seen", "finding.last_seen", |row| {
                Some(row.finding.last_seen)
            }),
            Column::when("opened_at", "findings.opened", |row| Some(row.finding.opened_at)),
            Column::when("resolved_at", "findings.resolved", |row| row.finding.resolved_at),
            Column::number("reopened", "findings.times_reopened", |row| {
                Some(i64::from(row.finding.reopened))
            }),
        ]
    }

    fn fetch(
        store: &dyn Store,
        ask: &ListAsk,
        from: Option<i64>,
        limit: u32,
    ) -> StoreResult<Batch<FindingRow>> {
        let filter = FindingFilter {
            before: Some(from.unwrap_or(i64::MAX)),
            ..filter(&ask.query, &ask.sight, &ask.context.rules)
        };
        let rows = store.findings(&filter, Paging { offset: 0, limit })?.rows;
        Ok(Batch::by_id(rows, limit, |row| row.id.0))
    }
}
