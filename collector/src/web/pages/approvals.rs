//! `GET /approvals`, `GET /approvals/new`, `POST /approvals`, `POST /approvals/{id}/withdraw`: what is allowed,
//! for whom and until when; granted from findings, or for an asset or a department.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    model::{Approval, ApprovalId, ApprovalState, AssetId, FindingId, Grantee, Lang, Millis},
    port::{ApprovalFilter, ApprovalRow, FindingRow, Store, StoreResult},
    rules::RuleSet,
};

use super::{
    Asked,
    chosen::{self, MOST},
    lines::{FindingLine, Holder},
    pager::{Pager, ROWS, window},
    render,
};
use crate::{
    approvals::{self, ApprovalError, Terms},
    clock,
    web::{
        badge::{self, Badge},
        error::WebError,
        form::{Fields, Query, link},
        list::{self, Batch, Column, Exports, List, ListAsk},
        locale,
        page::Page,
        rulewords,
        state::WebState,
        text::{Agent, agent_text},
    },
};

/// Days that a form proposes.
const PROPOSED: Millis = 90;
const DAY: Millis = 86_400_000;

#[derive(Template)]
#[template(path = "approvals.html")]
struct ApprovalsPage {
    p: Page,
    state: String,
    text: String,
    asset: String,
    states: Vec<&'static str>,
    lines: Vec<ApprovalLine>,
    pager: Pager,
    refused: Vec<&'static str>,
    exports: Exports,
}

/// An approval in a list.
pub(super) struct ApprovalLine {
    pub(super) id: i64,
    pub(super) state: Badge,
    /// It can be taken back.
    pub(super) stands: bool,
    /// It ends within a week.
    pub(super) soon: bool,
    pub(super) holder: Option<Holder>,
    pub(super) department: Agent,
    pub(super) rule: String,
    pub(super) rule_id: String,
    pub(super) subject: Agent,
    pub(super) approver: Agent,
    pub(super) reason: Agent,
    pub(super) starts_at: Millis,
    pub(super) ends_at: Millis,
    pub(super) granted_by: Agent,
    pub(super) granted_at: Millis,
    pub(super) finding: Option<i64>,
    pub(super) withdrawn: Option<(Millis, Agent, Agent)>,
}

impl ApprovalLine {
    pub(super) fn new(row: &ApprovalRow, rules: &RuleSet, lang: Lang, now: Millis) -> Self {
        let approval = &row.approval;
        let state = approval.state(now);
        Self {
            id: row.id.0,
            state: badge::approval(state, lang),
            stands: matches!(state, ApprovalState::InForce | ApprovalState::Planned),
            soon: state == ApprovalState::InForce && approval.ends_at - now < 7 * DAY,
            holder: row.asset.as_ref().map(Holder::of),
            department: match &approval.grantee {
                Grantee::Department(name) => agent_text(name),
                Grantee::Asset(_) => Agent::default(),
            },
            rule: rulewords::title(rules, &approval.rule, lang).to_owned(),
            rule_id: approval.rule.clone(),
            subject: agent_text(&approval.subject),
            approver: agent_text(&approval.approver),
            reason: agent_text(&approval.reason),
            starts_at: approval.starts_at,
            ends_at: approval.ends_at,
            granted_by: agent_text(&approval.granted_by),
            granted_at: approval.granted_at,
            finding: approval.finding.map(|id| id.0),
            withdrawn: approval
                .withdrawn
                .as_ref()
                .map(|w| (w.at, agent_text(&w.by), agent_text(&w.reason))),
        }
    }
}

#[derive(Template)]
#[template(path = "approval_new.html")]
struct NewPage {
    p: Page,
    findings: Vec<FindingLine>,
    ids: String,
    /// All findings are of one department.
    one_department: Option<Agent>,
    rules: Vec<(String, String)>,
    form: Typed,
    refused: Vec<&'static str>,
}

/// What was typed, to come back with its faults.
#[derive(Default)]
struct Typed {
    asset: String,
    department: String,
    whole_department: bool,
    rule: String,
    subject: String,
    approver: String,
    reason: String,
    from: String,
    until: String,
}

impl Typed {
    fn read(fields: &Fields) -> Self {
        let get = |name| fields.text(name).to_owned();
        Self {
            asset: get("asset"),
            department: get("department"),
            whole_department: fields.some("whole_department").is_some(),
            rule: get("rule"),
            subject: get("subject"),
            approver: get("approver"),
            reason: get("reason"),
            from: get("from"),
            until: get("until"),
        }
    }

    /// Its terms; the names of what is no day.
    fn terms(&self, zone: Millis, now: Millis) -> Result<Terms, Vec<&'static str>> {
        let from = if self.from.is_empty() {
            Some(now)
        } else {
            // Today means from now on.
            clock::day(&self.from, zone).map(
                |(begin, end)| {
                    if (begin..end).contains(&now) { now } else { begin }
                },
            )
        };
        let until = clock::day(&self.until, zone).map(|(_, end)| end);
        let (Some(starts_at), Some(ends_at)) = (from, until) else {
            return Err(vec!["day"]);
        };
        Ok(Terms {
            approver: self.approver.clone(),
            reason: self.reason.clone(),
            starts_at,
            ends_at,
        })
    }
}

/// The list.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    render(&list(&state, &asked, Vec::new()).await?)
}

async fn list(
    state: &WebState,
    asked: &Asked,
    refused: Vec<&'static str>,
) -> Result<ApprovalsPage, WebError> {
    let p = asked.page(state, "/approvals");
    let query = &asked.query;
    let get = |name| query.some(name).unwrap_or_default().to_owned();
    let (name, text, asset) = (get("state"), get("text"), get("asset"));
    let filter = filter(query, p.now);
    let number = query.page();
    let found = state
        .ask(move |store| store.approvals(&filter, window(number, ROWS)))
        .await?;
    let (rules, lang, now) = (state.rules_now(), p.lang(), p.now);
    let parameters = [
        ("state", name.as_str()),
        ("text", text.as_str()),
        ("asset", asset.as_str()),
    ];
    let pager = Pager::new(
        "/approvals",
        &parameters,
        number,
        ROWS,
        found.rows.len(),
        found.total,
    );
    let line = |row| ApprovalLine::new(row, &rules, lang, now);
    Ok(ApprovalsPage {
        states: ApprovalState::ALL.map(ApprovalState::name).to_vec(),
        lines: found.rows.iter().map(line).collect(),
        state: name,
        text,
        asset,
        pager,
        refused,
        exports: Exports::of("/approvals/export", asked),
        p,
    })
}

/// The form: for findings that were chosen, or empty.
pub(in crate::web) async fn new(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let now = state.clock.now();
    let get = |name| asked.query.some(name).unwrap_or_default().to_owned();
    let form = Typed {
        asset: get("asset"),
        department: get("department"),
        rule: get("rule"),
        subject: get("subject"),
        until: clock::date(now + PROPOSED * DAY, zone(&state)),
        ..Typed::default()
    };
    let ids = chosen::read(asked.query.some("findings").unwrap_or_default());
    render(&form_page(&state, &asked, ids, form, Vec::new()).await?)
}

/// Grants what the form says. What is refused comes back with what was typed.
pub(in crate::web) async fn grant(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let now = state.clock.now();
    let form = Typed::read(&fields);
    let ids = chosen::read(fields.text("findings"));
    let terms = match form.terms(zone(&state), now) {
        Ok(terms) => terms,
        Err(refused) => return again(&state, &asked, ids, form, refused).await,
    };
    let (rules, actor) = (state.rules_now(), asked.viewer.name.clone());
    let wanted = Wanted {
        ids: ids.clone(),
        whole_department: form.whole_department,
        asset: form.asset.clone(),
        department: form.department.clone(),
        rule: form.rule.clone(),
        subject: form.subject.clone(),
        terms,
        actor,
        now,
    };
    let done = state
        .ask(move |store| {
            let granted = wanted
                .approvals(store)
                .and_then(|approvals| approvals::grant(store, &rules, approvals, now).map_err(Into::into));
            Ok(granted.map(drop))
        })
        .await?;
    match done {
        Ok(()) => Ok(Redirect::to("/approvals").into_response()),
        Err(Refusal::Words(refused)) => again(&state, &asked, ids, form, refused).await,
        Err(Refusal::Other(error)) => Err(failed(error)),
    }
}

/// Takes an approval back.
pub(in crate::web) async fn withdraw(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, WebError> {
    let id = id.parse().map(ApprovalId).map_err(|_| WebError::NotFound)?;
    let (actor, now) = (asked.viewer.name.clone(), state.clock.now());
    let reason = fields.text("reason").to_owned();
    let done = state
        .ask(move |store| Ok(approvals::withdraw(store, id, &reason, &actor, now)))
        .await?;
    match done.map_err(Refusal::from) {
        Ok(()) => Ok(Redirect::to("/approvals").into_response()),
        Err(Refusal::Words(words)) => {
            let page = list(&state, &asked, words).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
        }
        Err(Refusal::Other(error)) => Err(failed(error)),
    }
}

/// What a form asks for.
struct Wanted {
    ids: Vec<FindingId>,
    whole_department: bool,
    asset: String,
    department: String,
    rule: String,
    subject: String,
    terms: Terms,
    actor: String,
    now: Millis,
}

/// Why it is not done: words for the form, or another page.
enum Refusal {
    Words(Vec<&'static str>),
    Other(ApprovalError),
}

impl From<ApprovalError> for Refusal {
    fn from(error: ApprovalError) -> Self {
        match error {
            ApprovalError::Refused(refused) => Self::Words(refused.iter().map(|one| one.name()).collect()),
            ApprovalError::NoAsset(_) => Self::Words(vec!["no_asset"]),
            ApprovalError::NoDepartment(_) => Self::Words(vec!["no_department"]),
            other => Self::Other(other),
        }
    }
}

fn failed(error: ApprovalError) -> WebError {
    match error {
        ApprovalError::Store(error) => error.into(),
        _ => WebError::NotFound,
    }
}

impl Wanted {
    fn approvals(&self, store: &dyn Store) -> Result<Vec<Approval>, Refusal> {
        let (terms, actor, now) = (&self.terms, &self.actor, self.now);
        if !self.ids.is_empty() {
            let rows = approvals::findings(store, &self.ids)?;
            return Ok(approvals::of_findings(
                &rows,
                self.whole_department,
                terms,
                actor,
                now,
            )?);
        }
        if !self.asset.is_empty() && !self.department.trim().is_empty() {
            return Err(Refusal::Words(vec!["either"]));
        }
        let grantee = if self.asset.is_empty() {
            Grantee::Department(self.department.clone())
        } else {
            let asset = chosen::asset(store, &self.asset).map_err(ApprovalError::Store)?;
            Grantee::Asset(asset.ok_or(Refusal::Words(vec!["asset"]))?.id)
        };
        Ok(vec![approvals::approval(
            grantee,
            &self.rule,
            &self.subject,
            terms,
            actor,
            now,
        )])
    }
}

async fn again(
    state: &WebState,
    asked: &Asked,
    ids: Vec<FindingId>,
    form: Typed,
    refused: Vec<&'static str>,
) -> Result<Response, WebError> {
    let page = form_page(state, asked, ids, form, refused).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

async fn form_page(
    state: &WebState,
    asked: &Asked,
    ids: Vec<FindingId>,
    form: Typed,
    refused: Vec<&'static str>,
) -> Result<NewPage, WebError> {
    let p = asked.page(state, "/approvals");
    let wanted = ids.clone();
    let rows: Vec<FindingRow> = state
        .ask(move |store| -> StoreResult<_> {
            let mut rows = Vec::new();
            for id in wanted.into_iter().take(MOST) {
                rows.extend(store.finding(id)?.map(|detail| detail.row));
            }
            Ok(rows)
        })
        .await?;
    let (rules, lang) = (state.rules_now(), p.lang());
    let department = |row: &FindingRow| row.asset.as_ref().and_then(|asset| asset.department.clone());
    let first = rows.first().and_then(department);
    let same = rows.iter().all(|row| department(row) == first);
    let mut titles: Vec<(String, String)> = rules
        .rules()
        .iter()
        .map(|rule| {
            let title = rulewords::title(&rules, &rule.id, lang);
            (rule.id.clone(), format!("{} {title}", rule.clause_label()))
        })
        .collect();
    titles.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(NewPage {
        ids: chosen::write(&ids),
        findings: rows
            .iter()
            .map(|row| FindingLine::new(row, &rules, lang))
            .collect(),
        one_department: first.filter(|_| same).map(|name| agent_text(&name)),
        rules: titles,
        form,
        refused,
        p,
    })
}

fn zone(state: &WebState) -> Millis {
    Millis::from(state.config.utc_offset_minutes) * 60_000
}

/// The approvals, as a list.
pub(in crate::web) struct ApprovalList;

impl List for ApprovalList {
    type Row = ApprovalRow;
    const NAME: &'static str = "approvals";
    const TITLE: &'static str = "nav.approvals";
    const FILTERS: &'static [(&'static str, &'static str)] = &[
        ("state", "`in_force`, `planned`, `ended` or `withdrawn`"),
        ("asset", "Of its department or of the asset with this id"),
        ("rule", "Of this rule"),
        (
            "text",
            "Words to find in asset, department, subject, approver, reason",
        ),
    ];

    fn columns() -> Vec<Column<ApprovalRow>> {
        vec![
            Column::number("id", "approvals.number", |row| Some(row.id.0)),
            Column::text("asset_number", "asset.number", |row, _| {
                row.asset.as_ref().and_then(|asset| asset.number.clone())
            }),
            Column::text("asset_name", "findings.machine", |row, _| {
                row.asset.as_ref().map(|asset| asset.name.clone())
            }),
            Column::text("department", "asset.department", |row, _| {
                match &row.approval.grantee {
                    Grantee::Department(name) => Some(name.clone()),
                    Grantee::Asset(_) => row.asset.as_ref().and_then(|asset| asset.department.clone()),
                }
            }),
            Column::text("rule", "findings.rule", |row, _| Some(row.approval.rule.clone())),
            Column::text("subject", "approvals.subject", |row, _| {
                Some(row.approval.subject.clone())
            }),
            Column::text("approver", "approvals.approver", |row, _| {
                Some(row.approval.approver.clone())
            }),
            Column::text("reason", "approvals.reason", |row, _| {
                Some(row.approval.reason.clone())
            }),
            Column::when("starts_at", "approvals.first_day", |row| {
                Some(row.approval.starts_at)
            }),
            Column::when("ends_at", "approvals.last_day", |row| Some(row.approval.ends_at)),
            Column::text("granted_by", "approvals.entered_by", |row, _| {
                Some(row.approval.granted_by.clone())
            }),
            Column::when("withdrawn_at", "approvals.withdrawn_at", |row| {
                row.approval.withdrawn.as_ref().map(|withdrawn| withdrawn.at)
            }),
        ]
    }

    fn fetch(
        store: &dyn Store,
        ask: &ListAsk,
        from: Option<i64>,
        limit: u32,
    ) -> StoreResult<Batch<ApprovalRow>> {
        let page = store.approvals(&filter(&ask.query, ask.context.now), list::offset(from, limit))?;
        Ok(Batch::by_offset(page, from))
    }
}

/// The filter that an address asks for.
fn filter(query: &Query, now: Millis) -> ApprovalFilter {
    ApprovalFilter {
        state: query.some("state").and_then(ApprovalState::by_name),
        now,
        asset: query
            .some("asset")
            .and_then(|text| text.parse().ok())
            .map(AssetId),
        rule: query.some("rule").map(str::to_owned),
        text: query.some("text").map(|text| text.chars().take(200).collect()),
    }
}

/// Where the form for these findings is.
pub(super) fn address(ids: &[FindingId]) -> String {
    link("/approvals/new", &[("findings", &chosen::write(ids))])
}

/// What the history says of an approval, in the reader's language.
pub(super) fn said(note: &str, lang: Lang) -> Option<String> {
    if let Some(id) = note
        .strip_prefix("approval ")
        .and_then(|id| id.parse::<u64>().ok())
    {
        return Some(locale::fill(
            locale::word(lang, "approvals.covered"),
            &[("n", &id.to_string())],
        ));
    }
    (note == "approval ended").then(|| locale::word(lang, "approvals.ended").to_owned())
}
