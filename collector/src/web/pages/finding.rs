//! `GET /findings/{id}` and `POST /findings/{id}/action`: one finding with its evidence, its life, the
//! clause that it breaches, and what a technician decides.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    lifecycle::{self, PRODUCT},
    model::{Evidence, FindingAction, FindingHistory, FindingId, FindingState, Lang, Millis},
    notice,
    operations::Kind,
    port::FindingDetail,
    rules::{self, Words},
};
use deskwarden_proto::section;

use super::{
    Asked,
    approvals::{self, ApprovalLine},
    lines::FindingLine,
    notices, render,
};
use crate::actions::{Decision, DecisionError};
use crate::web::{
    badge::{self, Badge},
    decisions,
    error::WebError,
    facts::{self, Detail},
    form::{Fields, link},
    locale,
    page::Page,
    rulewords,
    state::WebState,
    text::{Agent, agent_text},
};

#[derive(Template)]
#[template(path = "finding.html")]
struct FindingPage {
    p: Page,
    line: FindingLine,
    rule_id: String,
    message: Agent,
    remedy: Agent,
    regulation: String,
    wording: String,
    first_seen: Millis,
    last_seen: Millis,
    resolved_at: Option<Millis>,
    device: Option<String>,
    evidence: Vec<EvidenceLine>,
    history: Vec<HistoryLine>,
    approvals: Vec<ApprovalLine>,
    /// Where it can be approved.
    approve: Option<String>,
    /// Where a notice can be issued for it.
    notify: Option<String>,
    /// Addresses and numbers of notices for it.
    notices: Vec<(String, Agent)>,
    choices: Vec<&'static str>,
    note: String,
    refused: Option<String>,
}

struct EvidenceLine {
    section: &'static str,
    address: Option<String>,
    source: Agent,
    key: Agent,
    since: Millis,
    detail: Detail,
}

struct HistoryLine {
    at: Millis,
    actor: Agent,
    from: Option<Badge>,
    to: Badge,
    /// Somebody said that the change is not rightful.
    rejected: bool,
    note: Agent,
}

/// The page.
pub(in crate::web) async fn page(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    render(&build(&state, &asked, finding_id(&id)?, String::new(), None).await?)
}

/// A technician's decision. What is refused comes back with what was typed.
pub(in crate::web) async fn act(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, WebError> {
    let finding = finding_id(&id)?;
    let action = FindingAction::by_name(fields.text("action")).ok_or(WebError::Malformed)?;
    seen(&state, &asked, finding).await?;
    let note = fields.text("note").to_owned();
    let decision = Decision {
        finding,
        action,
        actor: asked.viewer.name.clone(),
        note: note.clone(),
        now: state.clock.now(),
    };
    let actions = std::sync::Arc::clone(&state.actions);
    let done = tokio::task::spawn_blocking(move || actions.act(&decision))
        .await
        .map_err(|_| WebError::Internal("a decision was cut off"))?;
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/findings/{}", finding.0)).into_response()),
        Err(DecisionError::Refused(refused)) => {
            let key = format!("refused.{}", decisions::refusal(&refused));
            let words = locale::word(asked.preferences.lang, &key).to_owned();
            let page = build(&state, &asked, finding, note, Some(words)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
        }
        Err(DecisionError::Unknown(_)) => Err(WebError::NotFound),
        Err(DecisionError::Store(error)) => Err(error.into()),
    }
}

fn finding_id(text: &str) -> Result<FindingId, WebError> {
    text.parse().map(FindingId).map_err(|_| WebError::NotFound)
}

/// What the reader does not see does not exist for them.
async fn seen(state: &WebState, asked: &Asked, id: FindingId) -> Result<(), WebError> {
    if !asked.viewer.sight.is_limited() {
        return Ok(());
    }
    let detail = state.ask(move |store| store.finding(id)).await?;
    let asset = detail.as_ref().and_then(|detail| detail.row.asset.as_ref());
    asked.must_see(asset.and_then(|asset| asset.department.as_deref()))
}

async fn build(
    state: &WebState,
    asked: &Asked,
    id: FindingId,
    note: String,
    refused: Option<String>,
) -> Result<FindingPage, WebError> {
    let p = asked.page(state, "/findings");
    let (detail, approvals, issued) = state
        .ask(move |store| Ok((store.finding(id)?, store.approvals_of(id)?, store.notices_of(id)?)))
        .await?;
    let detail = detail.ok_or(WebError::NotFound)?;
    let asset = detail.row.asset.as_ref();
    asked.must_see(asset.and_then(|asset| asset.department.as_deref()))?;
    let rules = state.rules_now();
    let lang = p.lang();
    let finding = &detail.row.finding;
    let line = FindingLine::new(&detail.row, &rules, lang);
    let said = notice::said(&detail, lang);
    let words = Words {
        subject: &finding.subject_name,
        asset: &line.holder.name.plain(),
        detail: &said,
    };
    let rule = rulewords::find(&rules, &finding.key.rule);
    let say = |text: &deskwarden_domain::model::Text| agent_text(&rules::fill(text, lang, words));
    let clause = rulewords::clause(&rules, &finding.clause, lang);
    Ok(FindingPage {
        rule_id: finding.key.rule.clone(),
        message: rule.map(|rule| say(&rule.message)).unwrap_or_default(),
        remedy: match (rule, Kind::by_rule(&finding.key.rule)) {
            (Some(rule), _) => say(&rule.remedy),
            (None, Some(kind)) => agent_text(kind.remedy(lang)),
            (None, None) => Agent::default(),
        },
        regulation: clause
            .as_ref()
            .map_or_else(String::new, |clause| clause.regulation.to_owned()),
        wording: clause.map_or_else(String::new, |clause| clause.wording.to_owned()),
        first_seen: finding.first_seen,
        last_seen: finding.last_seen,
        resolved_at: finding.resolved_at,
        device: detail.device.as_ref().map(|device| device.id.to_string()),
        evidence: detail
            .evidence
            .iter()
            .map(|evidence| evidence_line(evidence, &detail, lang))
            .chain(
                finding
                    .seen
                    .iter()
                    .map(|seen| across_line(seen, finding.first_seen, lang)),
            )
            .collect(),
        history: detail
            .history
            .iter()
            .rev()
            .map(|step| history_line(step, lang))
            .collect(),
        choices: choices(&detail),
        notify: matches!(finding.state, FindingState::Open | FindingState::Acknowledged)
            .then(|| notices::new_address(&[detail.row.id]))
            .filter(|_| detail.row.asset.is_some()),
        notices: issued
            .iter()
            .map(|number| (notices::address(number), agent_text(number)))
            .collect(),
        approvals: approvals
            .iter()
            .map(|row| ApprovalLine::new(row, &rules, lang, p.now))
            .collect(),
        approve: (finding.state.is_active() && detail.row.asset.is_some())
            .then(|| approvals::address(&[detail.row.id])),
        line,
        note,
        refused,
        p,
    })
}

/// What may be decided in this state; the domain has the last word.
fn choices(detail: &FindingDetail) -> Vec<&'static str> {
    let state = detail.row.finding.state;
    let mut choices = Vec::new();
    if state == FindingState::Open {
        choices.push("acknowledge");
    }
    if state.is_active() {
        let seen = |evidence: &Evidence| -> serde_json::Value {
            serde_json::from_str(&evidence.detail).unwrap_or_default()
        };
        let all = |is: &dyn Fn(serde_json::Value) -> bool| {
            !detail.evidence.is_empty() && detail.evidence.iter().all(|piece| is(seen(piece)))
        };
        if all(&|seen| {
            seen.get("change").is_some() && seen.get("against").is_none_or(|against| against != "ledger")
        }) {
            choices.push("accept");
        }
        // What a work order covers is rejected there.
        if all(&|seen| {
            seen.get("against").is_some_and(|against| against == "baseline") && seen.get("order").is_none()
        }) {
            choices.push("reject");
        }
        choices.push("false_positive");
    }
    if matches!(state, FindingState::Acknowledged | FindingState::FalsePositive) {
        choices.push("reopen");
    }
    choices
}

fn evidence_line(evidence: &Evidence, detail: &FindingDetail, lang: Lang) -> EvidenceLine {
    let item = evidence.item.as_ref();
    let current = detail
        .device
        .as_ref()
        .filter(|device| evidence.device == Some(device.id));
    EvidenceLine {
        section: item.map_or("", |item| facts::section_label(item.section, lang)),
        address: current.zip(item).map(|(device, item)| {
            link(
                &format!("/devices/{}", device.id),
                &[("tab", section::name(item.section))],
            )
        }),
        source: agent_text(item.map_or("", |item| item.source.as_str())),
        key: agent_text(item.map_or("", |item| item.key.as_str())),
        since: evidence.since,
        detail: facts::detail(item.map(|item| item.section), &evidence.detail, lang),
    }
}

/// What a rule over several devices saw: no item of one device shows it.
fn across_line(seen: &str, since: Millis, lang: Lang) -> EvidenceLine {
    EvidenceLine {
        section: locale::word(lang, "finding.across"),
        address: None,
        source: Agent::default(),
        key: Agent::default(),
        since,
        detail: facts::detail(None, seen, lang),
    }
}

fn history_line(step: &FindingHistory, lang: Lang) -> HistoryLine {
    let rejection = lifecycle::rejection(step);
    HistoryLine {
        rejected: rejection.is_some(),
        at: step.at,
        actor: agent_text(&step.actor),
        from: step.from.map(|state| badge::state(state, lang)),
        to: badge::state(step.to, lang),
        note: approvals::said(&step.note, lang)
            .filter(|_| step.actor == PRODUCT)
            .map_or_else(
                || agent_text(rejection.unwrap_or(&step.note)),
                |words| agent_text(&words),
            ),
    }
}
