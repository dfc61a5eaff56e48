//! `GET /ledger`, `POST /ledger`: the assigned addresses, what could be learned from reports, and rows pasted
//! from a spreadsheet or sent as a file, shown before they are loaded.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    ledger::{Column, Plan, Subnet},
    model::{Lang, LedgerEntry, LedgerMode},
    port::{self, Store, StoreResult},
};

use super::{
    Asked, grid,
    pager::{Pager, ROWS, window},
    pasted::{self, Sent},
    render,
};
use crate::{
    ledger::{self, Assets},
    web::{
        error::WebError,
        form::Fields,
        list::{self, Batch, Exports, List, ListAsk},
        page::Page,
        state::WebState,
        text::{Agent, agent_text},
        upload::Uploaded,
    },
};

/// Proposals on one page.
const PROPOSALS: usize = 200;

#[derive(Template)]
#[template(path = "ledger.html")]
struct LedgerPage {
    p: Page,
    headings: Vec<&'static str>,
    rows: Vec<Vec<Agent>>,
    pager: Pager,
    /// Subnets of the rows, and where their grids are.
    nets: Vec<(String, String)>,
    ranges: Vec<[Agent; 3]>,
    proposals: Vec<Proposal>,
    proposed: u64,
    pasted: String,
    replace: bool,
    preview: Option<Shown>,
    faults: Vec<Agent>,
    exports: Exports,
}

struct Proposal {
    address: Agent,
    cells: Vec<Agent>,
    disputed: bool,
    breach: bool,
}

/// What pasted rows would change.
struct Shown {
    added: u64,
    changed: u64,
    removed: u64,
    same: u64,
    lines: Vec<(&'static str, Vec<Agent>)>,
    ignored: Vec<Agent>,
}

/// What was pasted, and what came of it.
#[derive(Default)]
struct Pasted {
    text: String,
    replace: bool,
    preview: Option<Shown>,
    faults: Vec<Agent>,
}

/// The ledger.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    render(&build(&state, &asked, Pasted::default()).await?)
}

/// Accepts proposals, shows what pasted rows would change, or loads them.
pub(in crate::web) async fn edit(
    State(state): State<WebState>,
    asked: Asked,
    Uploaded(upload): Uploaded,
    fields: Fields,
) -> Result<Response, WebError> {
    let (actor, now) = (asked.viewer.name.clone(), state.clock.now());
    match fields.text("action") {
        "accept" | "accept_all" => {
            let address = fields.some("address").map(str::to_owned);
            let all = fields.text("action") == "accept_all";
            state
                .ask(move |store| {
                    let accepted: Vec<LedgerEntry> = ledger::learned(store)?
                        .into_iter()
                        .filter(|one| {
                            (all && one.is_plain()) || address.as_deref() == Some(one.entry.address.as_str())
                        })
                        .map(|one| one.entry)
                        .collect();
                    ledger::accept(store, &accepted, &actor, now)
                })
                .await?;
            state.learned.forget();
            Ok(Redirect::to("/ledger").into_response())
        }
        action @ ("preview" | "load") => {
            let sent = Sent::of(&fields, upload, asked.preferences.lang).await?;
            table(&state, &asked, sent, action == "load").await
        }
        _ => Err(WebError::Malformed),
    }
}

/// Shows what the rows that somebody sent would change, or loads them.
async fn table(state: &WebState, asked: &Asked, sent: Sent, load: bool) -> Result<Response, WebError> {
    let Sent {
        text,
        replace,
        source,
        table,
    } = sent;
    let table = match table {
        Ok(table) => table,
        Err(faults) => return refused(state, asked, text, replace, faults).await,
    };
    let (actor, now, lang) = (
        asked.viewer.name.clone(),
        state.clock.now(),
        asked.preferences.lang,
    );
    let outcome = state
        .ask(move |store| {
            let assets = Assets::load(store)?;
            let preview = match ledger::preview(store, &table, &assets, replace)? {
                Ok(preview) => preview,
                Err(faults) => return Ok(Err(faults)),
            };
            if load && !preview.plan.is_empty() {
                ledger::carry_out(store, &preview.plan, &source, &actor, now)?;
            }
            Ok(Ok((shown(&preview.plan, &assets, lang), preview.file.ignored)))
        })
        .await?;
    match outcome {
        Ok(_) if load => {
            state.learned.forget();
            Ok(Redirect::to("/ledger").into_response())
        }
        Ok((mut preview, ignored)) => {
            preview.ignored = pasted::ignored(&ignored);
            let pasted = Pasted {
                text,
                replace,
                preview: Some(preview),
                faults: Vec::new(),
            };
            render(&build(state, asked, pasted).await?)
        }
        Err(faults) => {
            let faults = pasted::faults(&faults, lang);
            refused(state, asked, text, replace, faults).await
        }
    }
}

async fn refused(
    state: &WebState,
    asked: &Asked,
    text: String,
    replace: bool,
    faults: Vec<Agent>,
) -> Result<Response, WebError> {
    let pasted = Pasted {
        text,
        replace,
        preview: None,
        faults,
    };
    let page = build(state, asked, pasted).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

async fn build(state: &WebState, asked: &Asked, pasted: Pasted) -> Result<LedgerPage, WebError> {
    let p = asked.page(state, "/ledger");
    let number = asked.query.page();
    let learned = state.learned().await?;
    let proposed = Arc::clone(&learned);
    let (found, ranges, assets) = state
        .ask(move |store| {
            let found = store.ledger(window(number, ROWS))?;
            let proposed = proposed.iter().take(PROPOSALS).map(|one| &one.entry);
            let assets = Assets::of(store, found.rows.iter().chain(proposed))?;
            Ok((found, store.dhcp_ranges()?, assets))
        })
        .await?;
    let lang = p.lang();
    let cells = |entry: &LedgerEntry| cells(entry, &assets, lang);
    Ok(LedgerPage {
        headings: headings(lang),
        rows: found.rows.iter().map(cells).collect(),
        nets: nets(&found.rows),
        pager: Pager::new("/ledger", &[], number, ROWS, found.rows.len(), found.total),
        ranges: ranges
            .iter()
            .map(|range| [&range.first, &range.last, &range.name].map(|text| agent_text(text)))
            .collect(),
        proposed: u64::try_from(learned.len()).unwrap_or(u64::MAX),
        proposals: learned
            .iter()
            .take(PROPOSALS)
            .map(|one| Proposal {
                address: agent_text(&one.entry.address),
                cells: cells(&one.entry),
                disputed: one.disputed,
                breach: one.breach,
            })
            .collect(),
        pasted: pasted.text,
        replace: pasted.replace,
        preview: pasted.preview,
        faults: pasted.faults,
        exports: Exports::of("/ledger/export", asked),
        p,
    })
}

/// The subnets that entries are in, each once.
fn nets(entries: &[LedgerEntry]) -> Vec<(String, String)> {
    let of = |entry: &LedgerEntry| {
        let address = entry.address.parse().ok()?;
        Some(Subnet::around(address, entry.prefix.unwrap_or(24)))
    };
    let mut all: Vec<Subnet> = Vec::new();
    for subnet in entries.iter().filter_map(of) {
        if !all.contains(&subnet) {
            all.push(subnet);
        }
    }
    all.iter()
        .map(|subnet| (subnet.to_string(), grid::address_of(subnet)))
        .collect()
}

fn headings(lang: Lang) -> Vec<&'static str> {
    Column::ALL
        .into_iter()
        .map(|column| {
            let (zh, en) = column.heading();
            if lang == Lang::Zh { zh } else { en }
        })
        .collect()
}

fn cells(entry: &LedgerEntry, assets: &Assets, lang: Lang) -> Vec<Agent> {
    let (_, rows) = ledger::table(std::slice::from_ref(entry), assets, lang);
    rows.into_iter().flatten().map(|cell| agent_text(&cell)).collect()
}

fn shown(plan: &Plan, assets: &Assets, lang: Lang) -> Shown {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let line = |what, entry: &LedgerEntry| (what, cells(entry, assets, lang));
    let changed = plan
        .changed
        .iter()
        .flat_map(|(before, after)| [line("was", before), line("becomes", after)]);
    Shown {
        added: count(plan.added.len()),
        changed: count(plan.changed.len()),
        removed: count(plan.removed.len()),
        same: count(plan.same),
        lines: plan
            .added
            .iter()
            .map(|entry| line("add", entry))
            .chain(changed)
            .chain(plan.removed.iter().map(|entry| line("remove", entry)))
            .collect(),
        ignored: Vec::new(),
    }
}

/// The ledger, as a list.
pub(in crate::web) struct LedgerList;

impl List for LedgerList {
    /// An entry, and the number of its asset.
    type Row = (LedgerEntry, String);
    const NAME: &'static str = "ledger";
    const TITLE: &'static str = "nav.ledger";
    const FILTERS: &'static [(&'static str, &'static str)] = &[];

    fn columns() -> Vec<list::Column<Self::Row>> {
        use list::Column;
        vec![
            Column::text("address", "ledger.address", |(entry, _), _| {
                Some(entry.address.clone())
            }),
            Column::number("prefix", "ledger.prefix", |(entry, _)| {
                entry.prefix.map(i64::from)
            }),
            Column::text("gateway", "ledger.gateway", |(entry, _), _| entry.gateway.clone()),
            Column::texts("dns", "ledger.dns", |(entry, _)| entry.dns.clone()),
            Column::word("mode", "ledger.mode", "ledger_mode", |(entry, _)| {
                entry.mode.map(LedgerMode::name)
            }),
            Column::text("mac", "ledger.mac", |(entry, _), _| entry.mac.clone()),
            Column::text("asset", "ledger.asset", |(_, number), _| {
                Some(number.clone()).filter(|number| !number.is_empty())
            }),
            Column::number("asset_id", "findings.asset_id", |(entry, _)| {
                entry.asset.map(|asset| asset.0)
            }),
            Column::text("owner", "ledger.owner", |(entry, _), _| entry.owner.clone()),
            Column::text("place", "ledger.place", |(entry, _), _| entry.place.clone()),
        ]
    }

    fn fetch(store: &dyn Store, _: &ListAsk, from: Option<i64>, limit: u32) -> StoreResult<Batch<Self::Row>> {
        let page = store.ledger(list::offset(from, limit))?;
        let assets = Assets::of(store, page.rows.iter())?;
        let numbered = |entry: LedgerEntry| {
            let number = assets.shown(entry.asset).to_owned();
            (entry, number)
        };
        let page = port::Page {
            rows: page.rows.into_iter().map(numbered).collect(),
            total: page.total,
        };
        Ok(Batch::by_offset(page, from))
    }
}
