//! `GET /acknowledgements`: who read the notice to staff, in which version, on which PC.

use askama::Template;
use axum::{extract::State, response::Response};
use deskwarden_domain::{
    model::Acknowledgement,
    port::{Store, StoreResult},
};

use super::{
    Asked,
    pager::{Pager, ROWS, window},
    render,
};
use crate::web::{
    error::WebError,
    list::{Batch, Column, Exports, List, ListAsk, offset},
    page::Page,
    state::WebState,
    text::{Agent, agent_text},
};

#[derive(Template)]
#[template(path = "acknowledgements.html")]
struct AcknowledgementsPage {
    p: Page,
    lines: Vec<Line>,
    pager: Pager,
    exports: Exports,
}

struct Line {
    asset: i64,
    asset_name: Agent,
    department: Agent,
    name: Agent,
    version: String,
    at: i64,
}

/// The list.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let p = asked.page(&state, "/acknowledgements");
    let number = asked.query.page();
    let found = state
        .ask(move |store| store.acknowledgements(None, window(number, ROWS)))
        .await?;
    let lines = found.rows.iter().map(|row| Line {
        asset: row.asset.0,
        asset_name: agent_text(&row.asset_name),
        department: agent_text(row.department.as_deref().unwrap_or_default()),
        name: agent_text(&row.name),
        version: row.version.clone(),
        at: row.at,
    });
    let page = AcknowledgementsPage {
        lines: lines.collect(),
        pager: Pager::new(
            "/acknowledgements",
            &[],
            number,
            ROWS,
            found.rows.len(),
            found.total,
        ),
        exports: Exports::of("/acknowledgements/export", &asked),
        p,
    };
    render(&page)
}

/// The acknowledgements, as a list.
pub(in crate::web) struct AcknowledgementList;

impl List for AcknowledgementList {
    type Row = Acknowledgement;
    const NAME: &'static str = "acknowledgements";
    const TITLE: &'static str = "nav.acknowledgements";
    const FILTERS: &'static [(&'static str, &'static str)] = &[];

    fn columns() -> Vec<Column<Acknowledgement>> {
        vec![
            Column::number("id", "tokens.id", |row| Some(row.id)),
            Column::text("name", "mine.name", |row, _| Some(row.name.clone())),
            Column::text("version", "mine.version", |row, _| Some(row.version.clone())),
            Column::when("at", "audit.at", |row| Some(row.at)),
            Column::number("asset_id", "findings.asset_id", |row| Some(row.asset.0)),
            Column::text("asset_name", "findings.machine", |row, _| {
                Some(row.asset_name.clone())
            }),
            Column::text("department", "asset.department", |row, _| row.department.clone()),
            Column::text("device", "finding.device", |row, _| Some(row.device.to_string())),
        ]
    }

    fn fetch(
        store: &dyn Store,
        _: &ListAsk,
        from: Option<i64>,
        limit: u32,
    ) -> StoreResult<Batch<Acknowledgement>> {
        let page = store.acknowledgements(None, offset(from, limit))?;
        Ok(Batch::by_offset(page, from))
    }
}
