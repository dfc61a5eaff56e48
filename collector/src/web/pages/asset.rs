//! `GET /assets/{id}`: one PC of the register: its devices over time and its findings.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use deskwarden_domain::{
    custody,
    model::{AssetId, Lang, Millis},
    port::{AssetStep, FindingFilter, Kept, Paging},
    register::{Book, Kind, asset_cells, shown},
};

use super::{
    Asked,
    lines::{AssetLine, DeviceLine, FindingLine},
    render,
};
use crate::{
    register::Shelf,
    web::{
        error::WebError,
        form::link,
        page::Page,
        state::WebState,
        text::{Agent, agent_text},
    },
};

const FINDINGS: u32 = 100;
/// Edits of the register that are shown.
const STEPS: usize = 50;

#[derive(Template)]
#[template(path = "asset.html")]
struct AssetPage {
    p: Page,
    id: i64,
    asset: AssetLine,
    provisional: bool,
    created_at: Millis,
    devices: Vec<DeviceLine>,
    parts: Vec<PartLine>,
    lines: Vec<FindingLine>,
    total: u64,
    edit: String,
    facts: Vec<(String, Agent)>,
    steps: Vec<StepLine>,
}

/// An edit of the register.
struct StepLine {
    at: Millis,
    actor: Agent,
    field: String,
    was: Agent,
    becomes: Agent,
}

/// A part in the custody of the asset.
struct PartLine {
    class: &'static str,
    name: Agent,
    place: Agent,
    serial: Agent,
    /// `as_accepted`, `missing` or `not_accepted`.
    state: &'static str,
    elsewhere: Vec<(i64, Agent)>,
}

impl PartLine {
    fn new(part: &Kept, lang: Lang) -> Self {
        let (zh, en) = custody::class_words(&part.note.class);
        let serial = part.identity.rsplit_once(':').map_or("", |(_, serial)| serial);
        Self {
            class: if lang == Lang::Zh { zh } else { en },
            name: agent_text(&part.note.name),
            place: agent_text(&part.note.place),
            serial: agent_text(serial),
            state: match (part.accepted, part.here) {
                (true, true) => "as_accepted",
                (true, false) => "missing",
                (false, _) => "not_accepted",
            },
            elsewhere: part
                .elsewhere
                .iter()
                .map(|(id, name)| (id.0, agent_text(name)))
                .collect(),
        }
    }
}

impl StepLine {
    fn new(step: &AssetStep, lang: Lang, offset: i16) -> Self {
        let column = Book::Assets.column(&step.field);
        let shown = |cell: &str| {
            let kind = column.map_or(Kind::Words, |column| column.kind);
            agent_text(&shown(kind, cell, lang == Lang::Zh, offset))
        };
        let (zh, en) = column.map_or(("", ""), |column| (column.zh, column.en));
        Self {
            at: step.at,
            actor: agent_text(&step.actor),
            field: (if lang == Lang::Zh { zh } else { en }).to_owned(),
            was: shown(&step.was),
            becomes: shown(&step.becomes),
        }
    }
}

/// The page.
pub(in crate::web) async fn page(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let p = asked.page(&state, "/assets");
    let id = id.parse().map(AssetId).map_err(|_| WebError::NotFound)?;
    let (asset, findings, parts, steps, serials) = state
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
                store.custody(id)?,
                store.asset_history(id, STEPS)?,
                store.asset_serials(id)?,
            ))
        })
        .await?;
    let (row, devices) = asset.ok_or(WebError::NotFound)?;
    asked.must_see(row.asset.department.as_deref())?;
    asked.looks_at(&state, format!("asset:{}", id.0)).await?;
    // Where else a part was seen may be in a department that the reader does not see.
    let limited = asked.viewer.sight.is_limited();
    let rules = state.rules_now();
    let (lang, offset) = (p.lang(), state.config.utc_offset_minutes);
    let register = Shelf::of_rows(Book::Assets, vec![asset_cells(&row.asset, &serials)]);
    let headings = register.headings(lang);
    let cells = register.rows.first().map(|row| register.cells(row, lang, offset));
    let page = AssetPage {
        edit: match &row.asset.number {
            Some(number) => link("/register/assets", &[("key", number)]),
            None => link("/register/assets", &[("asset", &id.0.to_string())]),
        },
        facts: headings
            .into_iter()
            .zip(cells.unwrap_or_default())
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(heading, cell)| (heading, agent_text(&cell)))
            .collect(),
        steps: steps
            .iter()
            .map(|step| StepLine::new(step, lang, offset))
            .collect(),
        id: id.0,
        asset: AssetLine::new(&row, p.lang()),
        provisional: row.asset.provisional,
        created_at: row.asset.created_at,
        devices: devices
            .iter()
            .map(|device| DeviceLine::new(device, p.lang()))
            .collect(),
        parts: parts
            .iter()
            .map(|part| PartLine {
                elsewhere: if limited {
                    Vec::new()
                } else {
                    PartLine::new(part, p.lang()).elsewhere
                },
                ..PartLine::new(part, p.lang())
            })
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
