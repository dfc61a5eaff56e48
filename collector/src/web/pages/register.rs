//! `GET /register/{book}`, `POST /register/{book}`, `GET /register/{book}/export`: the asset register and the books
//! beside it: search, edit one row, paste rows from a spreadsheet and see what they would change, print, files out.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    model::{AssetId, AuditEntry, Lang},
    port::{AssetFilter, Store, StoreError, StoreResult},
    register::{Book, Plan, Row, asset_cells},
    table::{RowFault, Table},
};

use super::{
    Asked,
    pager::{Pager, ROWS, window},
    pasted::{self, Sent},
    register_form::{Field, Typed, entered, fields},
    render,
};
use crate::{
    actions::DecisionError,
    register::{self, Closing, Editor, Shelf},
    sheet,
    web::{
        decisions,
        error::WebError,
        form::{Fields, link},
        locale,
        page::Page,
        state::WebState,
        text::{Agent, agent_text},
        upload::{Upload, Uploaded},
    },
};

/// Rows of a printed register.
const PRINTED: u32 = 500;
/// Proposed departments on one page.
const PROPOSALS: usize = 200;

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterPage {
    p: Page,
    here: String,
    title: &'static str,
    tabs: Vec<(String, &'static str, bool)>,
    headings: Vec<String>,
    lines: Vec<Line>,
    pager: Pager,
    text: String,
    key: String,
    entered: Option<i64>,
    fields: Vec<Field>,
    editing: bool,
    removable: bool,
    orders: bool,
    departments: bool,
    proposals: Vec<Proposal>,
    pasted: Pasted,
}

struct Line {
    key: Agent,
    edit: String,
    asset: Option<i64>,
    closed: bool,
    cells: Vec<Agent>,
}

struct Proposal {
    asset: i64,
    name: Agent,
    known: Agent,
    department: Agent,
    reason: &'static str,
    by: Agent,
}

/// What was typed or pasted, and what came of it.
#[derive(Default)]
struct Pasted {
    text: String,
    replace: bool,
    preview: Option<Shown>,
    faults: Vec<Agent>,
    typed: Option<Typed>,
}

struct Shown {
    counts: [u64; 4],
    lines: Vec<(&'static str, Vec<Agent>)>,
    ignored: Vec<Agent>,
}

fn book_of(name: &str) -> Result<Book, WebError> {
    Book::by_name(name).ok_or(WebError::NotFound)
}

/// The first of the books.
pub(in crate::web) async fn first() -> Redirect {
    Redirect::to("/register/assets")
}

/// The page of a book.
pub(in crate::web) async fn page(
    State(state): State<WebState>,
    asked: Asked,
    Path(book): Path<String>,
) -> Result<Response, WebError> {
    render(&build(&state, &asked, book_of(&book)?, Pasted::default()).await?)
}

/// Edits one row, shows what pasted rows would change, or loads them.
pub(in crate::web) async fn edit(
    State(state): State<WebState>,
    asked: Asked,
    Path(book): Path<String>,
    Uploaded(upload): Uploaded,
    fields: Fields,
) -> Result<Response, WebError> {
    let answer = carry_out(&state, &asked, book_of(&book)?, &fields, upload).await;
    // Departments are proposed from what is edited here.
    state.proposed.forget();
    answer
}

async fn carry_out(
    state: &WebState,
    asked: &Asked,
    book: Book,
    fields: &Fields,
    upload: Option<Upload>,
) -> Result<Response, WebError> {
    let done = || Redirect::to(&format!("/register/{}", book.name())).into_response();
    let faults = match fields.text("action") {
        "set" => set(state, asked, book, fields).await?,
        "remove" if book != Book::Assets => {
            let key = fields.raw("key").to_owned();
            let who = Who::of(state, asked);
            let held = state
                .ask(move |store| {
                    let held = register::held_by(store, book, &key)?;
                    if held.is_none() {
                        register::remove(store, book, &key, who.editor())?;
                    }
                    Ok(held)
                })
                .await?;
            let lang = asked.preferences.lang;
            return match held {
                None => Ok(done()),
                Some(fault) => {
                    let pasted = Pasted {
                        faults: vec![agent_text(&fault.said_of("", lang))],
                        ..Pasted::default()
                    };
                    refused(state, asked, book, pasted).await
                }
            };
        }
        "close" if book == Book::Orders => close(state, asked, fields).await?,
        "accept" | "accept_all" if book == Book::Departments => {
            let one: Option<i64> = fields.text("asset").parse().ok();
            let all = fields.text("action") == "accept_all";
            let who = Who::of(state, asked);
            let only: Vec<AssetId> = one.map(AssetId).into_iter().collect();
            state
                .ask(move |store| {
                    let only = (!all).then_some(only.as_slice());
                    register::accept_departments(store, only, who.editor())
                })
                .await?;
            Vec::new()
        }
        action @ ("preview" | "load") => {
            let Sent {
                text,
                replace,
                source,
                table,
            } = Sent::of(fields, upload, asked.preferences.lang).await?;
            let outcome = match table {
                Ok(table) => {
                    sent(
                        state,
                        asked,
                        book,
                        table,
                        replace,
                        (action == "load").then_some(source),
                    )
                    .await?
                }
                Err(faults) => Err(faults),
            };
            let pasted = |preview, faults| Pasted {
                text,
                replace,
                preview,
                faults,
                typed: None,
            };
            match outcome {
                Ok(None) => Vec::new(),
                Ok(preview) => return render(&build(state, asked, book, pasted(preview, Vec::new())).await?),
                Err(faults) => return refused(state, asked, book, pasted(None, faults)).await,
            }
        }
        _ => return Err(WebError::Malformed),
    };
    if faults.is_empty() {
        return Ok(done());
    }
    let pasted = Pasted {
        faults,
        typed: (fields.text("action") == "set").then(|| Typed::of(book, fields)),
        ..Pasted::default()
    };
    refused(state, asked, book, pasted).await
}

/// The book as a file.
pub(in crate::web) async fn export(
    State(state): State<WebState>,
    asked: Asked,
    Path(book): Path<String>,
) -> Result<Response, WebError> {
    let book = book_of(&book)?;
    let workbook = asked.query.some("format") != Some("csv");
    let lang = asked.preferences.lang;
    let offset = state.config.utc_offset_minutes;
    let who = Who::of(&state, &asked);
    let (headings, rows) = state
        .ask(move |store| {
            let shelf = Shelf::load(store, book)?;
            let rows: Vec<Vec<String>> = shelf
                .rows
                .iter()
                .map(|row| shelf.cells(row, lang, offset))
                .collect();
            store.audit(&AuditEntry {
                at: who.now,
                actor: who.name.clone(),
                action: format!("register.{}.export", book.name()),
                object: book.name().to_owned(),
                detail: rows.len().to_string(),
            })?;
            Ok((shelf.headings(lang), rows))
        })
        .await?;
    let failed = |_| WebError::Internal("the register cannot be written as a file");
    let (bytes, kind, end) = if workbook {
        let bytes = sheet::xlsx(register::title(book, lang), &headings, &rows)
            .map_err(|_| WebError::Internal("the register cannot be written as a workbook"))?;
        (
            bytes,
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "xlsx",
        )
    } else {
        (
            sheet::csv(&headings, &rows).map_err(failed)?,
            "text/csv; charset=utf-8",
            "csv",
        )
    };
    let name = format!("attachment; filename=\"deskwarden-{}.{end}\"", book.name());
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, bytes).into_response())
}

/// Who edits, to be taken to another thread.
struct Who {
    name: String,
    now: deskwarden_domain::model::Millis,
    offset_minutes: i16,
}

impl Who {
    fn of(state: &WebState, asked: &Asked) -> Self {
        Self {
            name: asked.viewer.name.clone(),
            now: state.clock.now(),
            offset_minutes: state.config.utc_offset_minutes,
        }
    }

    fn editor(&self) -> Editor<'_> {
        Editor {
            name: &self.name,
            now: self.now,
            offset_minutes: self.offset_minutes,
        }
    }
}

async fn set(state: &WebState, asked: &Asked, book: Book, fields: &Fields) -> Result<Vec<Agent>, WebError> {
    let typed = Typed::of(book, fields);
    let (cells, entered) = (typed.cells(), typed.entered);
    let (who, rules) = (Who::of(state, asked), state.rules_now());
    let outcome = state
        .ask(move |store| match entered {
            Some(id) => register::enter(store, &rules, id, cells, who.editor()),
            None => register::set(store, &rules, book, &cells, who.editor()),
        })
        .await?;
    let lang = asked.preferences.lang;
    Ok(outcome
        .err()
        .map(|faults| told(book, &faults, lang))
        .unwrap_or_default())
}

/// Faults of one row's fields, which have the names of columns.
fn told(book: Book, faults: &[RowFault], lang: Lang) -> Vec<Agent> {
    let faults = faults.iter().map(|fault| {
        let column = book.column(&fault.column).map_or("", |column| column.title(lang));
        agent_text(&fault.said_of(column, lang))
    });
    faults.collect()
}

async fn close(state: &WebState, asked: &Asked, fields: &Fields) -> Result<Vec<Agent>, WebError> {
    let closing = match fields.text("closing") {
        "accept" => Closing::Accept,
        "reject" => Closing::Reject,
        "review" => Closing::Review,
        _ => return Err(WebError::Malformed),
    };
    let (number, result) = (fields.raw("key").to_owned(), fields.text("result").to_owned());
    let who = Who::of(state, asked);
    let outcome = state
        .ask(
            move |store| match register::close_order(store, &number, closing, &result, who.editor()) {
                Ok(_) => Ok(None),
                Err(DecisionError::Store(error)) => Err(error),
                Err(DecisionError::Refused(refused)) => Ok(Some(decisions::refusal(&refused))),
                Err(DecisionError::Unknown(id)) => Err(StoreError::NotFound(format!("finding {id}"))),
            },
        )
        .await?;
    let lang = asked.preferences.lang;
    let words = |refusal| agent_text(locale::word(lang, &format!("refused.{refusal}")));
    Ok(outcome.map(words).into_iter().collect())
}

/// What rows would change, or, with where they come from, that they were loaded; else what is wrong with them.
async fn sent(
    state: &WebState,
    asked: &Asked,
    book: Book,
    table: Table,
    replace: bool,
    load: Option<String>,
) -> Result<Result<Option<Shown>, Vec<Agent>>, WebError> {
    let lang = asked.preferences.lang;
    let (who, rules) = (Who::of(state, asked), state.rules_now());
    let outcome = state
        .ask(move |store| {
            let shelf = Shelf::load(store, book)?;
            let preview = match shelf.preview(&rules, &table, replace, who.offset_minutes) {
                Ok(preview) => preview,
                Err(faults) => return Ok(Err(faults)),
            };
            let held = shelf.held(store, &preview.plan, &table.file)?;
            if !held.is_empty() {
                return Ok(Err(held));
            }
            if let Some(source) = load {
                shelf.carry_out(store, &preview.plan, &source, who.editor())?;
                return Ok(Ok(None));
            }
            let mut shown = shown(&shelf, &preview.plan, lang, who.offset_minutes);
            shown.ignored = pasted::ignored(&preview.file.ignored);
            Ok(Ok(Some(shown)))
        })
        .await?;
    Ok(outcome.map_err(|faults| pasted::faults(&faults, lang)))
}

fn shown(shelf: &Shelf, plan: &Plan, lang: Lang, offset: i16) -> Shown {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let line = |what, row: &Row| (what, agents(shelf.cells(row, lang, offset)));
    let changed = plan
        .changed
        .iter()
        .flat_map(|(before, after)| [line("was", before), line("becomes", after)]);
    let lines = plan
        .added
        .iter()
        .map(|row| line("add", row))
        .chain(changed)
        .chain(plan.removed.iter().map(|row| line("remove", row)));
    Shown {
        counts: [
            count(plan.added.len()),
            count(plan.changed.len()),
            count(plan.removed.len()),
            count(plan.same),
        ],
        lines: lines.take(usize::try_from(PRINTED).unwrap_or_default()).collect(),
        ignored: Vec::new(),
    }
}

fn agents(cells: Vec<String>) -> Vec<Agent> {
    cells.iter().map(|cell| agent_text(cell)).collect()
}

async fn refused(state: &WebState, asked: &Asked, book: Book, pasted: Pasted) -> Result<Response, WebError> {
    let page = build(state, asked, book, pasted).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

/// One window of a book's rows, and how many there are.
fn rows(store: &dyn Store, book: Book, text: &str, page: u64, size: u32) -> StoreResult<(Vec<Row>, u64)> {
    let window = window(page, size);
    if book == Book::Assets {
        let filter = AssetFilter {
            text: Some(text.to_owned()).filter(|text| !text.is_empty()),
            ..AssetFilter::default()
        };
        let found = store.assets(&filter, window)?;
        let rows = found.rows.iter().map(|row| {
            let serials = store.asset_serials(row.asset.id)?;
            Ok(asset_cells(&row.asset, &serials))
        });
        return Ok((rows.collect::<StoreResult<_>>()?, found.total));
    }
    if text.is_empty() {
        let page = store.book_page(book, window)?;
        return Ok((page.rows, page.total));
    }
    let text = text.to_lowercase();
    let matches = |row: &Row| row.cells.values().any(|cell| cell.to_lowercase().contains(&text));
    let found: Vec<Row> = store.book(book)?.into_iter().filter(matches).collect();
    let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
    let skip = usize::try_from(window.offset).unwrap_or(usize::MAX);
    let take = usize::try_from(size).unwrap_or_default();
    Ok((found.into_iter().skip(skip).take(take).collect(), total))
}

async fn build(
    state: &WebState,
    asked: &Asked,
    book: Book,
    pasted: Pasted,
) -> Result<RegisterPage, WebError> {
    let p = asked.page(state, "/register");
    let (lang, offset) = (p.lang(), state.config.utc_offset_minutes);
    let here = format!("/register/{}", book.name());
    let number = asked.query.page();
    let given = |name: &str| -> String {
        asked
            .query
            .some(name)
            .unwrap_or_default()
            .chars()
            .take(300)
            .collect()
    };
    let (text, key) = (given("text"), given("key"));
    let size = if asked.query.some("print").is_some() {
        PRINTED
    } else {
        ROWS
    };
    let typed = pasted.typed.as_ref();
    let entered = typed
        .and_then(|typed| typed.entered)
        .or_else(|| entered(book, &given("asset")));
    let (wanted, edited) = (text.clone(), key.clone());
    let proposals = if book == Book::Departments {
        state.proposed().await?
    } else {
        Arc::default()
    };
    let (shelf, total, row) = state
        .ask(move |store| {
            let (rows, total) = rows(store, book, &wanted, number, size)?;
            let row = match (entered, edited.as_str()) {
                (Some(id), _) => match store.asset(id)? {
                    Some((found, _)) => Some(asset_cells(&found.asset, &store.asset_serials(id)?)),
                    None => None,
                },
                (None, "") => None,
                (None, key) => Shelf::find(store, book, key)?,
            };
            let shelf = Shelf::of(store, book, rows.into_iter().chain(row.clone()).collect())?;
            Ok((shelf, total, row))
        })
        .await?;
    let listed = shelf.rows.len().saturating_sub(usize::from(row.is_some()));
    let lines: Vec<Line> = shelf
        .rows
        .iter()
        .take(listed)
        .map(|line| Line {
            key: agent_text(&line.key),
            edit: link(&here, &[("key", &line.key), ("text", &text)]),
            asset: line.asset.map(|asset| asset.0),
            closed: !line.text("closed").is_empty(),
            cells: agents(shelf.cells(&line.listed(book), lang, offset)),
        })
        .collect();
    Ok(RegisterPage {
        title: register::title(book, lang),
        tabs: Book::ALL
            .into_iter()
            .map(|one| {
                (
                    format!("/register/{}", one.name()),
                    register::title(one, lang),
                    one == book,
                )
            })
            .collect(),
        headings: shelf.headings(lang),
        pager: Pager::new(&here, &[("text", &text)], number, size, lines.len(), total),
        lines,
        fields: fields(&shelf, row.as_ref(), pasted.typed.as_ref(), lang, offset),
        editing: row.is_some(),
        removable: book != Book::Assets,
        orders: book == Book::Orders,
        departments: book == Book::Departments,
        proposals: proposals
            .iter()
            .take(PROPOSALS)
            .map(|(name, known, proposed)| Proposal {
                asset: proposed.asset.0,
                name: agent_text(name),
                known: agent_text(known.as_deref().unwrap_or_default()),
                department: agent_text(&proposed.department),
                reason: proposed.reason.name(),
                by: agent_text(&proposed.by),
            })
            .collect(),
        text,
        key,
        entered: entered.map(|id| id.0),
        here,
        pasted,
        p,
    })
}
