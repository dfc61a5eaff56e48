//! `GET /assets`: the machines, all or only those with active findings, found by what people know of them.

use askama::Template;
use axum::{extract::State, response::Response};
use deskwarden_domain::port::AssetFilter;

use super::{
    Asked,
    lines::AssetLine,
    pager::{Pager, ROWS, window},
    render,
};
use crate::web::{error::WebError, form::link, page::Page, state::WebState};

#[derive(Template)]
#[template(path = "assets.html")]
struct AssetsPage {
    p: Page,
    text: String,
    department: String,
    flagged: bool,
    all_address: String,
    flagged_address: String,
    lines: Vec<AssetLine>,
    pager: Pager,
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
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let flagged = show == "flagged";
    let filter = AssetFilter {
        text: some(&text),
        flagged,
        department: some(&department),
    };
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
        flagged,
        text,
        department,
        p,
    };
    render(&page)
}
