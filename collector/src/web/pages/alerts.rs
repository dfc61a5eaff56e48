//! `GET /alerts`, `POST /alerts/{id}/resend`: what was sent where, what waits, and what no channel took.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    model::{AlertRow, AuditEntry, Delivery, DeliveryState, FindingState, Lang, Millis, PackKind},
    operations::CLAUSE,
    port::{DeliveryFilter, FindingFilter, Paging, Store, StoreResult},
    rules::choice,
};

use super::{Asked, lines::FindingLine, render};
use crate::web::{
    badge::{self, Badge},
    error::WebError,
    list::{Batch, Column, Exports, List, ListAsk, offset},
    page::Page,
    state::WebState,
    text::{Agent, agent_text},
};

const DELIVERIES: u32 = 200;

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    p: Page,
    conditions: Vec<FindingLine>,
    lines: Vec<DeliveryLine>,
    dead: u64,
    pending: u64,
    queued: u64,
    exports: Exports,
}

struct DeliveryLine {
    id: i64,
    channel: Agent,
    kind: &'static str,
    finding: i64,
    severity: Badge,
    subject: Agent,
    asset: Agent,
    /// Alerts in it beside the one that is shown.
    more: u64,
    state: Badge,
    dead: bool,
    attempts: u32,
    error: Agent,
    at: Millis,
    due_at: Option<Millis>,
    delivered_at: Option<Millis>,
}

/// What is wrong with the collector itself.
pub(super) fn conditions() -> FindingFilter {
    FindingFilter {
        states: vec![FindingState::Open, FindingState::Acknowledged],
        clause: Some(CLAUSE.to_owned()),
        ..FindingFilter::default()
    }
}

/// The list.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let p = asked.page(&state, "/alerts");
    let (rows, dead, pending, queued, conditions) = state
        .ask(|store| {
            let count = |state| {
                let filter = DeliveryFilter {
                    state: Some(state),
                    ..DeliveryFilter::default()
                };
                let first = Paging { offset: 0, limit: 1 };
                store.deliveries(&filter, first).map(|page| page.total)
            };
            let newest = Paging {
                offset: 0,
                limit: DELIVERIES,
            };
            let rows = store.deliveries(&DeliveryFilter::default(), newest)?.rows;
            let queued = store.queued()?.iter().map(|(_, waiting)| waiting).sum();
            Ok((
                rows,
                count(DeliveryState::Dead)?,
                count(DeliveryState::Pending)?,
                queued,
                store.findings(&conditions(), newest)?.rows,
            ))
        })
        .await?;
    let rules = state.rules_now();
    let page = AlertsPage {
        conditions: conditions
            .iter()
            .map(|row| FindingLine::new(row, &rules, p.lang()))
            .collect(),
        dead,
        pending,
        queued,
        exports: Exports::of("/alerts/export", &asked),
        lines: rows
            .iter()
            .filter_map(|delivery| line(delivery, p.lang()))
            .collect(),
        p,
    };
    render(&page)
}

/// Sends a dead message again.
pub(in crate::web) async fn resend(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let id: i64 = id.parse().map_err(|_| WebError::NotFound)?;
    let now = state.clock.now();
    let audit = AuditEntry {
        at: now,
        actor: asked.viewer.name,
        action: "delivery.resend".into(),
        object: format!("delivery:{id}"),
        detail: String::new(),
    };
    state.ask(move |store| store.resend(id, now, &audit)).await?;
    Ok(Redirect::to("/alerts").into_response())
}

fn line(delivery: &Delivery, lang: Lang) -> Option<DeliveryLine> {
    let alert = delivery.alerts.first()?;
    Some(DeliveryLine {
        id: delivery.id,
        channel: agent_text(&delivery.channel),
        kind: match delivery.kind {
            PackKind::Single => alert.kind.name(),
            other => other.name(),
        },
        finding: alert.finding_id,
        severity: badge::severity(alert.severity, lang),
        subject: agent_text(&choice::subject(&alert.subject_name, lang)),
        asset: agent_text(&alert.asset_name),
        more: delivery.total.saturating_sub(1),
        state: badge::delivery(delivery.state, lang),
        dead: delivery.state == DeliveryState::Dead,
        attempts: delivery.attempts,
        error: agent_text(delivery.last_error.as_deref().unwrap_or_default()),
        at: alert.at,
        due_at: (delivery.state == DeliveryState::Pending).then_some(delivery.due_at),
        delivered_at: delivery.delivered_at,
    })
}

/// The deliveries, as a list.
pub(in crate::web) struct DeliveryList;

impl List for DeliveryList {
    type Row = Delivery;
    const NAME: &'static str = "deliveries";
    const TITLE: &'static str = "alerts.deliveries";
    const FILTERS: &'static [(&'static str, &'static str)] = &[
        ("channel", "Of this channel"),
        ("state", "`pending`, `delivered` or `dead`"),
    ];

    fn columns() -> Vec<Column<Delivery>> {
        vec![
            Column::number("id", "alerts.id", |row| Some(row.id)),
            Column::text("channel", "alerts.channel", |row, _| Some(row.channel.clone())),
            Column::word("state", "alerts.state", "delivery", |row| Some(row.state.name())),
            Column::word("kind", "alerts.what", "alert_kind", |row| match row.kind {
                PackKind::Single => row.alerts.first().map(|alert| alert.kind.name()),
                other => Some(other.name()),
            }),
            Column::number("alerts", "nav.alerts", |row| i64::try_from(row.total).ok()),
            Column::number("finding_id", "findings.id", |row| {
                row.alerts.first().map(|alert| alert.finding_id)
            }),
            Column::text("subject_name", "findings.subject", |row, context| {
                let named =
                    |alert: &AlertRow| choice::subject(&alert.subject_name, context.lang).into_owned();
                row.alerts.first().map(named)
            }),
            Column::text("asset_name", "findings.machine", |row, _| {
                row.alerts.first().map(|alert| alert.asset_name.clone())
            }),
            Column::number("attempts", "alerts.attempts", |row| Some(i64::from(row.attempts))),
            Column::text("last_error", "alerts.error", |row, _| row.last_error.clone()),
            Column::when("at", "device.when", |row| {
                row.alerts.first().map(|alert| alert.at)
            }),
            Column::when("due_at", "alerts.next_try", |row| {
                (row.state == DeliveryState::Pending).then_some(row.due_at)
            }),
            Column::when("delivered_at", "alerts.delivered", |row| row.delivered_at),
        ]
    }

    fn fetch(
        store: &dyn Store,
        ask: &ListAsk,
        from: Option<i64>,
        limit: u32,
    ) -> StoreResult<Batch<Delivery>> {
        let filter = DeliveryFilter {
            channel: ask
                .query
                .some("channel")
                .map(|text| text.chars().take(100).collect()),
            state: ask.query.some("state").and_then(DeliveryState::by_name),
        };
        let page = store.deliveries(&filter, offset(from, limit))?;
        Ok(Batch::by_offset(page, from))
    }
}
