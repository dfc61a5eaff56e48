//! `GET /alerts`: what was sent where, and what no channel took.

use askama::Template;
use axum::{extract::State, response::Response};
use deskwarden_domain::model::{Delivery, DeliveryState, Lang, Millis};

use super::{Asked, render};
use crate::web::{
    badge::{self, Badge},
    error::WebError,
    page::Page,
    state::WebState,
    text::{Agent, agent_text},
};

const DELIVERIES: usize = 200;

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    p: Page,
    lines: Vec<DeliveryLine>,
    dead: u64,
    pending: u64,
}

struct DeliveryLine {
    channel: Agent,
    kind: &'static str,
    finding: i64,
    severity: Badge,
    subject: Agent,
    asset: Agent,
    state: Badge,
    attempts: u32,
    error: Agent,
    at: Millis,
    due_at: Option<Millis>,
    delivered_at: Option<Millis>,
}

/// The list.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let p = asked.page(&state, "/alerts");
    let deliveries = state.ask(|store| store.deliveries(DELIVERIES)).await?;
    let count = |wanted| {
        deliveries
            .iter()
            .filter(|delivery| delivery.state == wanted)
            .count() as u64
    };
    let page = AlertsPage {
        dead: count(DeliveryState::Dead),
        pending: count(DeliveryState::Pending),
        lines: deliveries
            .iter()
            .map(|delivery| line(delivery, p.lang()))
            .collect(),
        p,
    };
    render(&page)
}

fn line(delivery: &Delivery, lang: Lang) -> DeliveryLine {
    let alert = &delivery.alert;
    DeliveryLine {
        channel: agent_text(&delivery.channel),
        kind: alert.kind.name(),
        finding: alert.finding_id,
        severity: badge::severity(alert.severity, lang),
        subject: agent_text(&alert.subject_name),
        asset: agent_text(&alert.asset_name),
        state: badge::delivery(delivery.state, lang),
        attempts: delivery.attempts,
        error: agent_text(delivery.last_error.as_deref().unwrap_or_default()),
        at: alert.at,
        due_at: (delivery.state == DeliveryState::Pending).then_some(delivery.due_at),
        delivered_at: delivery.delivered_at,
    }
}
