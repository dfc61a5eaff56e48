//! `GET /assets`: the machines, all or only those with active findings, found by what people know of them.

use askama::Template;
use axum::{extract::State, response::Response};
use deskwarden_domain::{
    model::{Millis, Sight},
    port::{AssetFilter, AssetRow, Paging, Store, StoreResult},
};

use super::{
    Asked,
    lines::AssetLine,
    pager::{Pager, ROWS, window},
    render,
    saved::Saved,
};
use crate::web::{
    error::WebError,
    form::{Query, link},
    list::{Batch, Column, Exports, List, ListAsk},
    page::Page,
    state::WebState,
};

#[derive(Template)]
#[template(path = "assets.html")]
struct AssetsPage {
    p: Page,
    text: String,
    department: String,
    flagged: bool,
    silent: bool,
    silent_address: String,
    all_address: String,
    flagged_address: String,
    lines: Vec<AssetLine>,
    pager: Pager,
    exports: Exports,
    saved: Saved,
}

/// The list.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let p = asked.page(&state, "/assets");
    let get = |name| {
        asked
            .query
            .some(name)
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect::<String>()
    };
    let (text, department, show) = (get("text"), get("department"), get("show"));
    let (flagged, silent) = (show == "flagged", show == "silent");
    let filter = filter(&asked.query, &asked.viewer.sight, state.reporting_since());
    let number = asked.query.page();
    let found = state
        .ask(move |store| store.assets(&filter, window(number, ROWS)))
        .await?;
    let address = |show: &str| {
        link(
            "/assets",
            &[("text", &text), ("department", &department), ("show", show)],
        )
    };
    let parameters = [
        ("text", text.as_str()),
        ("department", department.as_str()),
        ("show", show.as_str()),
    ];
    let page = AssetsPage {
        all_address: address(""),
        flagged_address: address("flagged"),
        silent_address: address("silent"),
        lines: found
            .rows
            .iter()
            .map(|row| AssetLine::new(row, p.lang()))
            .collect(),
        pager: Pager::new(
            "/assets",
            &parameters,
            number,
            ROWS,
            found.rows.len(),
            found.total,
        ),
        exports: Exports::of("/assets/export", &asked),
        saved: Saved::of::<AssetList>(&state, &asked).await?,
        flagged,
        silent,
        text,
        department,
        p,
    };
    render(&page)
}

/// The filter that an address asks for.
pub(in crate::web) fn filter(query: &Query, sight: &Sight, since: Millis) -> AssetFilter {
    let get = |name| query.some(name).map(|text| text.chars().take(200).collect());
    AssetFilter {
        text: get("text"),
        flagged: query.some("show") == Some("flagged"),
        department: get("department"),
        silent_since: (query.some("show") == Some("silent")).then_some(since),
        among: None,
        sight: sight.clone(),
        before: None,
    }
}

/// The machines, as a list.
pub(in crate::web) struct AssetList;

impl List for AssetList {
    type Row = AssetRow;
    const NAME: &'static str = "assets";
    const TITLE: &'static str = "nav.assets";
    const FILTERS: &'static [(&'static str, &'static str)] = &[
        (
            "text",
            "Words to find in name, number, custodian, department, host name, IP, MAC or serial",
        ),
        ("department", "Of this department"),
        (
            "show",
            "`flagged`: only those with active findings; `silent`: only those that should report and do not",
        ),
    ];

    fn columns() -> Vec<Column<AssetRow>> {
        vec![
            Column::number("id", "asset.id", |row| Some(row.asset.id.0)),
            Column::text("number", "asset.number", |row, _| row.asset.number.clone()),
            Column::text("name", "findings.machine", |row, _| Some(row.asset.name.clone())),
            Column::text("custodian", "asset.custodian", |row, _| {
                row.asset.custodian.clone()
            }),
            Column::text("department", "asset.department", |row, _| {
                row.asset.department.clone()
            }),
            Column::word("state", "asset.state", "asset_state", |row| {
                Some(row.asset.state.name())
            }),
            Column::flag("provisional", "asset.provisional", |row| row.asset.provisional),
            Column::text("device", "finding.device", |row, _| {
                row.device.as_ref().map(|device| device.id.to_string())
            }),
            Column::text("platform", "device.platform", |row, _| {
                row.device.as_ref().map(|device| device.platform.clone())
            }),
            Column::texts("addresses", "assets.addresses", |row| row.addresses.clone()),
            Column::when("last_seen_at", "device.last_seen", |row| {
                row.device.as_ref().and_then(|device| device.last_seen_at)
            }),
            Column::number("active_low", "severity.low", |row| active(row, 0)),
            Column::number("active_medium", "severity.medium", |row| active(row, 1)),
            Column::number("active_high", "severity.high", |row| active(row, 2)),
            Column::number("active_critical", "severity.critical", |row| active(row, 3)),
            Column::when("created_at", "asset.created", |row| Some(row.asset.created_at)),
        ]
    }

    fn fetch(
        store: &dyn Store,
        ask: &ListAsk,
        from: Option<i64>,
        limit: u32,
    ) -> StoreResult<Batch<AssetRow>> {
        let filter = AssetFilter {
            before: Some(from.unwrap_or(i64::MAX)),
            ..filter(&ask.query, &ask.sight, ask.context.reporting_since)
        };
        let rows = store.assets(&filter, Paging { offset: 0, limit })?.rows;
        Ok(Batch::by_id(rows, limit, |row| row.asset.id.0))
    }
}

fn active(row: &AssetRow, severity: usize) -> Option<i64> {
    row.findings
        .get(severity)
        .and_then(|count| i64::try_from(*count).ok())
}
