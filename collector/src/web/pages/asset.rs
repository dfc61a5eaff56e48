//! `GET /assets/{id}`: one PC of the register: its devices over time and its findings.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use deskwarden_domain::{
    model::{AssetId, Millis},
    port::{FindingFilter, Paging},
};

use super::{
    Asked,
    lines::{AssetLine, DeviceLine, FindingLine},
    render,
};
use crate::web::{error::WebError, page::Page, state::WebState};

const FINDINGS: u32 = 100;

#[derive(Template)]
#[template(path = "asset.html")]
struct AssetPage {
    p: Page,
    id: i64,
    asset: AssetLine,
    provisional: bool,
    created_at: Millis,
    devices: Vec<DeviceLine>,
    lines: Vec<FindingLine>,
    total: u64,
}

/// The page.
pub(in crate::web) async fn page(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let p = asked.page(&state, "/assets");
    let id = id.parse().map(AssetId).map_err(|_| WebError::NotFound)?;
    let (asset, findings) = state
        .ask(move |store| {
            let filter = FindingFilter {
                asset: Some(id),
                ..FindingFilter::default()
            };
            Ok((
                store.asset(id)?,
                store.findings(
                    &filter,
                    Paging {
                        offset: 0,
                        limit: FINDINGS,
                    },
                )?,
            ))
        })
        .await?;
    let (row, devices) = asset.ok_or(WebError::NotFound)?;
    let rules = state.rules_now();
    let page = AssetPage {
        id: id.0,
        asset: AssetLine::new(&row, p.lang()),
        provisional: row.asset.provisional,
        created_at: row.asset.created_at,
        devices: devices
            .iter()
            .map(|device| DeviceLine::new(device, p.lang()))
            .collect(),
        lines: findings
            .rows
            .iter()
            .map(|row| FindingLine::new(row, &rules, p.lang()))
            .collect(),
        total: findings.total,
        p,
    };
    render(&page)
}
