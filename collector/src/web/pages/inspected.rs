//! Inspection runs and the PCs of one as lists, for the API and for exports.

use axum::{
    extract::{Path, State},
    response::Response,
};
use deskwarden_domain::{
    model::{Inspected, Inspection, Tally},
    port::{Store, StoreError, StoreResult},
};

use super::{Asked, inspections};
use crate::web::{
    error::WebError,
    list::{self, Batch, Column, Filter, List, ListAsk},
    state::WebState,
};

/// Runs with their numbers.
pub(in crate::web) struct InspectionList;

impl List for InspectionList {
    type Row = (Inspection, Tally);
    const NAME: &'static str = "inspections";
    const TITLE: &'static str = "inspections.title";
    const FILTERS: &'static [Filter] = &[];

    fn columns() -> Vec<Column<Self::Row>> {
        vec![
            Column::number("id", "tokens.id", |(run, _)| Some(run.id)),
            Column::text("label", "inspections.title", |(run, _), _| {
                Some(run.label.clone())
            }),
            Column::text("started_by", "inspections.started_by", |(run, _), _| {
                Some(run.by.clone())
            }),
            Column::when("at", "audit.at", |(run, _)| Some(run.at)),
            Column::when("since", "inspections.period", |(run, _)| Some(run.since)),
            Column::number("machines", "inspections.machines", |(_, tally)| {
                count(tally.assets)
            }),
            Column::number("compliant", "inspections.compliant", |(_, tally)| {
                count(tally.compliant)
            }),
            Column::number("away", "inspections.away", |(_, tally)| count(tally.away)),
            Column::number("could_not_look", "inspections.blind", |(_, tally)| {
                count(tally.blind)
            }),
            Column::number("active_low", "severity.low", |(_, tally)| {
                count(tally.findings[0])
            }),
            Column::number("active_medium", "severity.medium", |(_, tally)| {
                count(tally.findings[1])
            }),
            Column::number("active_high", "severity.high", |(_, tally)| {
                count(tally.findings[2])
            }),
            Column::number("active_critical", "severity.critical", |(_, tally)| {
                count(tally.findings[3])
            }),
        ]
    }

    fn fetch(store: &dyn Store, _: &ListAsk, from: Option<i64>, limit: u32) -> StoreResult<Batch<Self::Row>> {
        store
            .inspections(list::offset(from, limit))
            .map(|page| Batch::by_offset(page, from))
    }
}

fn count(number: u64) -> Option<i64> {
    i64::try_from(number).ok()
}

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
        store.inspection(id)?.ok_or_else(unknown)?;
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
