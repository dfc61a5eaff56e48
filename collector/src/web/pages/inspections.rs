//! `/inspections`: runs over the whole fleet with their trend, one run by department, provider and PC, the sheet that
//! is printed, and providers that are to be assessed anew.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    model::{By, Inspected, Inspection, Lang, Millis, Reassess, Tally},
    port::{Paging, StoreError, StoreResult},
};

use super::{
    Asked,
    pager::{Pager, ROWS, window},
    render,
};
use crate::{
    clock,
    inspections::{self, SettleError},
    web::{
        error::WebError,
        form::Fields,
        list::Exports,
        page::Page,
        state::WebState,
        text::{Agent, agent_text},
    },
};

/// Rows of the printed sheet.
const PRINTED: u32 = 500;
/// Re-assessments on the page.
const MOST: usize = 50;

#[derive(Template)]
#[template(path = "inspections.html")]
struct InspectionsPage {
    p: Page,
    lines: Vec<RunLine>,
    pager: Pager,
    open: Vec<ReassessLine>,
    settled: Vec<ReassessLine>,
    refused: Option<&'static str>,
}

struct RunLine {
    id: i64,
    label: Agent,
    by: Agent,
    at: Millis,
    tally: TallyLine,
}

/// Numbers as pages show them.
struct TallyLine {
    name: Agent,
    assets: u64,
    compliant: u64,
    rate: String,
    /// In tenths of a percent, for a bar.
    tenths: u64,
    grade: &'static str,
    away: u64,
    blind: u64,
    findings: u64,
    critical: u64,
    /// Against the run before, in tenths of a percent.
    change: Option<String>,
}

struct ReassessLine {
    id: i64,
    provider: Agent,
    finding: i64,
    raised_at: Millis,
    settled: Option<(Millis, Agent, Agent)>,
}

#[derive(Template)]
#[template(path = "inspection.html")]
struct InspectionPage {
    p: Page,
    run: RunLine,
    since: Millis,
    departments: Vec<TallyLine>,
    providers: Vec<TallyLine>,
    rows: Vec<AssetRow>,
    pager: Pager,
    exports: Exports,
}

#[derive(Template)]
#[template(path = "inspection_print.html")]
struct PrintPage {
    p: Page,
    organisation: Agent,
    office: Agent,
    label: Agent,
    by: Agent,
    from: String,
    to: String,
    tally: TallyLine,
    departments: Vec<TallyLine>,
    providers: Vec<TallyLine>,
    rows: Vec<AssetRow>,
    left_out: u64,
}

struct AssetRow {
    id: i64,
    number: Agent,
    name: Agent,
    department: Agent,
    custodian: Agent,
    provider: Agent,
    seen_at: Option<Millis>,
    failed: u64,
    blind: u64,
    findings: u64,
    critical: u64,
    health: Vec<Agent>,
}

/// The list.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    render(&list(&state, &asked, None).await?)
}

async fn list(
    state: &WebState,
    asked: &Asked,
    refused: Option<&'static str>,
) -> Result<InspectionsPage, WebError> {
    let p = asked.page(state, "/inspections");
    let number = asked.query.page();
    let (found, reassess) = state
        .ask(move |store| {
            // One more than is shown: what the last one is measured against.
            let rows = Paging {
                limit: ROWS + 1,
                ..window(number, ROWS)
            };
            Ok((store.inspections(rows)?, store.reassessments(true, MOST)?))
        })
        .await?;
    let tallies: Vec<Tally> = found.rows.iter().map(|(_, tally)| *tally).collect();
    let shown = found.rows.iter().take(ROWS as usize).enumerate();
    let lines: Vec<RunLine> = shown
        .map(|(at, (run, tally))| run_line(run, tally, tallies.get(at + 1)))
        .collect();
    let (settled, open): (Vec<&Reassess>, Vec<&Reassess>) =
        reassess.iter().partition(|row| row.settled.is_some());
    Ok(InspectionsPage {
        pager: Pager::new("/inspections", &[], number, ROWS, lines.len(), found.total),
        lines,
        open: open.into_iter().map(reassess_line).collect(),
        settled: settled.into_iter().map(reassess_line).collect(),
        refused,
        p,
    })
}

/// Makes a run now.
pub(in crate::web) async fn run(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let (actor, now) = (asked.viewer.name.clone(), state.clock.now());
    let zone = state.config.office.zone;
    let made = state
        .ask(
            move |store| match inspections::by_hand(store, &actor, zone, now) {
                Err(StoreError::Conflict(_)) => Ok(None),
                other => other.map(Some),
            },
        )
        .await?;
    let address = made.map_or_else(|| "/inspections".to_owned(), |id| format!("/inspections/{id}"));
    Ok(Redirect::to(&address).into_response())
}

/// A provider was assessed anew.
pub(in crate::web) async fn settle(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, WebError> {
    let id: i64 = id.parse().map_err(|_| WebError::NotFound)?;
    let (actor, now, note) = (
        asked.viewer.name.clone(),
        state.clock.now(),
        fields.text("note").to_owned(),
    );
    let done = state
        .ask(move |store| Ok(inspections::settle(store, id, &note, &actor, now)))
        .await?;
    let refused = match done {
        Ok(()) => return Ok(Redirect::to("/inspections").into_response()),
        Err(SettleError::Note) => "note",
        Err(SettleError::TooLong) => "too_long",
        Err(SettleError::Store(error)) => return Err(error.into()),
    };
    let page = list(&state, &asked, Some(refused)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

/// One run.
pub(in crate::web) async fn inspection(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let p = asked.page(&state, "/inspections");
    let id = id.parse().map_err(|_| WebError::NotFound)?;
    let number = asked.query.page();
    let report = load(&state, id, window(number, ROWS)).await?;
    let (run, tally) = &report.run;
    let path = format!("/inspections/{id}");
    render(&InspectionPage {
        run: run_line(run, tally, None),
        since: run.since,
        departments: report.departments(),
        providers: report.providers(),
        rows: report.rows.iter().map(|row| asset_row(row, p.lang())).collect(),
        pager: Pager::new(&path, &[], number, ROWS, report.rows.len(), report.total),
        exports: Exports::of(&format!("{path}/export"), &asked),
        p,
    })
}

/// The sheet to print (巡检记录表).
pub(in crate::web) async fn print(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let p = asked.page(&state, "/inspections");
    let id = id.parse().map_err(|_| WebError::NotFound)?;
    let report = load(&state, id, window(1, PRINTED)).await?;
    let (run, tally) = &report.run;
    let office = &state.config.office;
    let date = |at| clock::written(at, office.zone, p.lang());
    render(&PrintPage {
        organisation: agent_text(&office.organisation),
        office: agent_text(office.name(p.lang())),
        label: agent_text(&run.label),
        by: agent_text(&run.by),
        from: date(run.since),
        to: date(run.at),
        tally: tally_line("", tally, None),
        departments: report.departments(),
        providers: report.providers(),
        rows: report.rows.iter().map(|row| asset_row(row, p.lang())).collect(),
        left_out: report.total.saturating_sub(report.rows.len() as u64),
        p,
    })
}

struct Report {
    run: (Inspection, Tally),
    now: [Vec<(String, Tally)>; 2],
    before: [Vec<(String, Tally)>; 2],
    rows: Vec<Inspected>,
    total: u64,
}

impl Report {
    fn departments(&self) -> Vec<TallyLine> {
        let ([now, _], [before, _]) = (&self.now, &self.before);
        tally_lines(now, before)
    }

    fn providers(&self) -> Vec<TallyLine> {
        let ([_, now], [_, before]) = (&self.now, &self.before);
        tally_lines(now, before)
    }
}

async fn load(state: &WebState, id: i64, rows: Paging) -> Result<Report, WebError> {
    let report = state
        .ask(move |store| -> StoreResult<Option<Report>> {
            let Some(run) = store.inspection(id)? else {
                return Ok(None);
            };
            let by = |id| -> StoreResult<[Vec<(String, Tally)>; 2]> {
                Ok([
                    store.inspection_tallies(id, By::Department)?,
                    store.inspection_tallies(id, By::Provider)?,
                ])
            };
            let before = match store.inspection_before(id)? {
                Some(before) => by(before)?,
                None => Default::default(),
            };
            let page = store.inspected(id, rows)?;
            Ok(Some(Report {
                run,
                now: by(id)?,
                before,
                total: page.total,
                rows: page.rows,
            }))
        })
        .await?;
    report.ok_or(WebError::NotFound)
}

fn run_line(run: &Inspection, tally: &Tally, before: Option<&Tally>) -> RunLine {
    RunLine {
        id: run.id,
        label: agent_text(&run.label),
        by: agent_text(&run.by),
        at: run.at,
        tally: tally_line("", tally, before),
    }
}

fn tally_lines(now: &[(String, Tally)], before: &[(String, Tally)]) -> Vec<TallyLine> {
    let earlier = |name: &str| {
        before
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, tally)| tally)
    };
    now.iter()
        .map(|(name, tally)| tally_line(name, tally, earlier(name)))
        .collect()
}

fn tally_line(name: &str, tally: &Tally, before: Option<&Tally>) -> TallyLine {
    let [.., critical] = tally.findings;
    let percent = |tenths: u64| format!("{}.{}%", tenths / 10, tenths % 10);
    let change = tally.rate().zip(before.and_then(Tally::rate)).map(|(now, then)| {
        if now >= then {
            format!("+{}", percent(now - then))
        } else {
            format!("−{}", percent(then - now))
        }
    });
    TallyLine {
        name: agent_text(name),
        assets: tally.assets,
        compliant: tally.compliant,
        rate: tally.rate().map_or_else(|| "—".to_owned(), percent),
        tenths: tally.rate().unwrap_or(0),
        grade: tally.grade().name(),
        away: tally.away,
        blind: tally.blind,
        findings: tally.findings.iter().sum(),
        critical,
        change,
    }
}

fn reassess_line(row: &Reassess) -> ReassessLine {
    ReassessLine {
        id: row.id,
        provider: agent_text(&row.provider),
        finding: row.finding.0,
        raised_at: row.raised_at,
        settled: row
            .settled
            .as_ref()
            .map(|(at, by, note)| (*at, agent_text(by), agent_text(note))),
    }
}

fn asset_row(row: &Inspected, lang: Lang) -> AssetRow {
    let text = |value: &Option<String>| agent_text(value.as_deref().unwrap_or_default());
    let [_, failed, blind] = row.outcomes;
    let [.., critical] = row.findings;
    AssetRow {
        id: row.asset.0,
        number: text(&row.number),
        name: agent_text(&row.name),
        department: text(&row.department),
        custodian: text(&row.custodian),
        provider: text(&row.provider),
        seen_at: row.seen_at,
        failed,
        blind,
        findings: row.findings.iter().sum(),
        critical,
        health: health(row, lang).iter().map(|line| agent_text(line)).collect(),
    }
}

/// What a PC's gauges were over the period, a line each.
pub(super) fn health(row: &Inspected, lang: Lang) -> Vec<String> {
    let lines = row.gauges.iter().map(|gauge| {
        let name = inspections::gauge_name(&gauge.name, lang);
        let shown = |value| inspections::gauge(&gauge.unit, value);
        let (average, lowest, highest) = (shown(gauge.average), shown(gauge.lowest), shown(gauge.highest));
        format!("{name} {average} ({lowest} – {highest})")
    });
    lines.collect()
}
