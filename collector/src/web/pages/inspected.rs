//! The PCs of an inspection run as a list, for its exports.

use axum::{
    extract::{Path, State},
    response::Response,
};
use deskwarden_domain::{
    model::Inspected,
    port::{Store, StoreError, StoreResult},
};

use super::{Asked, inspections};
use crate::web::{
    error::WebError,
    list::{self, Batch, Column, Filter, List, ListAsk},
    state::WebState,
};

/// PCs as a run found them.
pub(in crate::web) struct InspectedList;

impl List for InspectedList {
    type Row = Inspected;
    const NAME: &'static str = "inspection";
    const TITLE: &'static str = "inspections.title";
    const FILTERS: &'static [Filter] = &[];

    fn columns() -> Vec<Column<Inspected>> {
        vec![
            Column::number("asset", "asset.id", |row| Some(row.asset.0)),
            Column::text("number", "asset.number", |row, _| row.number.clone()),
            Column::text("name", "findings.machine", |row, _| Some(row.name.clone())),
            Column::text("department", "asset.department", |row, _| row.department.clone()),
            Column::text("custodian", "asset.custodian", |row, _| row.custodian.clone()),
            Column::text("provider", "inspections.provider", |row, _| row.provider.clone()),
            Column::when("last_seen_at", "inspections.seen", |row| row.seen_at),
            Column::number("passed", "inspections.passed", |row| outcomes(row, 0)),
            Column::number("failed", "inspections.failed", |row| outcomes(row, 1)),
            Column::number("could_not_look", "inspections.blind", |row| outcomes(row, 2)),
            Column::number("active_low", "severity.low", |row| active(row, 0)),
            Column::number("active_medium", "severity.medium", |row| active(row, 1)),
            Column::number("active_high", "severity.high", |row| active(row, 2)),
            Column::number("active_critical", "severity.critical", |row| active(row, 3)),
            Column::text("health", "inspections.health", |row, context| {
                Some(inspections::health(row, context.lang).join("\n"))
            }),
        ]
    }

    fn fetch(
        store: &dyn Store,
        ask: &ListAsk,
        from: Option<i64>,
        limit: u32,
    ) -> StoreResult<Batch<Inspected>> {
        let unknown = || StoreError::NotFound(format!("inspection {}", ask.id));
        let id = ask.id.parse().map_err(|_| unknown())?;
        store
            .inspected(id, list::offset(from, limit))
            .map(|page| Batch::by_offset(page, from))
    }
}

fn outcomes(row: &Inspected, at: usize) -> Option<i64> {
    row.outcomes.get(at).and_then(|count| i64::try_from(*count).ok())
}

fn active(row: &Inspected, at: usize) -> Option<i64> {
    row.findings.get(at).and_then(|count| i64::try_from(*count).ok())
}

/// The PCs of a run that there is, as a file.
pub(in crate::web) async fn export(
    State(state): State<WebState>,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<Response, WebError> {
    let id: i64 = id.parse().map_err(|_| WebError::NotFound)?;
    let found = state.ask(move |store| store.inspection(id)).await?;
    found.ok_or(WebError::NotFound)?;
    list::export::<InspectedList>(State(state), asked).await
}
