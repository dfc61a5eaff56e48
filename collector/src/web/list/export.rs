//! Lists as files. CSV is streamed as it is read; a workbook is made whole, so it is bounded.

use std::io;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::Response,
};
use deskwarden_domain::{model::person, port::Store};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    sheet::{self, Book, Field},
    web::{asked::Asked, error::WebError, form::link, locale, state::WebState, text},
};

use super::{Column, Context, List, ListAsk};

/// Rows that are read at a time.
const ROWS: u32 = 500;
/// Most rows of a workbook, which is made in memory.
const MOST_ROWS: usize = 50_000;
/// Parts that wait for a slow reader.
const WAITING: usize = 4;

/// Addresses of a list's exports, for `_export.html`.
pub(in crate::web) struct Exports {
    pub(in crate::web) csv: String,
    pub(in crate::web) xlsx: String,
}

impl Exports {
    /// The exports of what the reader sees: the address's filter goes along.
    pub(in crate::web) fn of(path: &str, asked: &Asked) -> Self {
        let of = |format: &str| {
            let mut parameters = vec![("format", format)];
            parameters.extend(
                asked
                    .query
                    .pairs()
                    .filter(|(name, _)| !matches!(*name, "page" | "format")),
            );
            link(path, &parameters)
        };
        Self {
            csv: of("csv"),
            xlsx: of("xlsx"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Xlsx,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// `GET .../export?format=csv|xlsx`: the list of the page beside it, with its filter.
pub(in crate::web) async fn export<L: List>(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Response, WebError> {
    let format = match asked.query.some("format") {
        None | Some("csv") => Format::Csv,
        Some("xlsx") => Format::Xlsx,
        Some(_) => return Err(WebError::Malformed),
    };
    let turn = std::sync::Arc::clone(&state.exports)
        .try_acquire_owned()
        .map_err(|_| WebError::Busy)?;
    let ask = ListAsk {
        query: asked.query.clone(),
        sight: asked.sight(),
        id: asked.places.get("id").cloned().unwrap_or_default(),
        context: Context::of(&state, asked.preferences.lang),
    };
    // What was looked for may be a person's name.
    let looked_for = asked.uri.query().unwrap_or_default();
    let detail = serde_json::json!({"format": format.name(), "id": ask.id, "query": person(looked_for)});
    let entry = asked.audit(&state, "export", format!("list:{}", L::NAME), detail.to_string());
    state.ask(move |store| store.audit(&entry)).await?;
    let name = format!(
        "{}-{}.{}",
        L::NAME,
        text::stamp(ask.context.now, ask.context.offset_minutes),
        format.name()
    );
    let body = match format {
        Format::Csv => stream::<L>(&state, ask, turn),
        Format::Xlsx => Body::from(book::<L>(&state, ask, turn).await?),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.kind()));
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .map_err(|_| WebError::Internal("an export has no name"))?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}

/// Writes while it reads, a few parts ahead of the reader. A fault cuts the file off, which browsers show.
fn stream<L: List>(state: &WebState, ask: ListAsk, turn: OwnedSemaphorePermit) -> Body {
    let store = std::sync::Arc::clone(&state.store);
    let (sender, receiver) = mpsc::channel::<io::Result<Vec<u8>>>(WAITING);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let columns = L::columns();
        let headings = columns
            .iter()
            .map(|column| Field::Text(column.heading(ask.context.lang).to_owned()))
            .collect();
        let head = sheet::csv_rows(&[headings]).map(|rows| [sheet::MARK.as_slice(), &rows].concat());
        if sender.blocking_send(head.map_err(io::Error::other)).is_err() {
            return;
        }
        let read = each::<L>(store.as_ref(), &ask, &columns, |rows| {
            let part = sheet::csv_rows(&rows).map_err(io::Error::other);
            // Nobody reads on: nothing is read on.
            Ok(sender.blocking_send(part).is_ok())
        });
        if let Err(error) = read {
            tracing::error!(list = L::NAME, %error, "an export was cut off");
            sender.blocking_send(Err(io::Error::other("cut off"))).ok();
        }
    });
    Body::from_stream(ReceiverStream::new(receiver))
}

async fn book<L: List>(
    state: &WebState,
    ask: ListAsk,
    turn: OwnedSemaphorePermit,
) -> Result<Vec<u8>, WebError> {
    let store = std::sync::Arc::clone(&state.store);
    let made = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let columns = L::columns();
        let lang = ask.context.lang;
        let headings: Vec<String> = columns
            .iter()
            .map(|column| column.heading(lang).to_owned())
            .collect();
        let title = locale::find(lang, L::TITLE).unwrap_or(L::NAME);
        let mut book = Book::new(title, &headings).map_err(unwritable)?;
        let mut count = 0;
        each::<L>(store.as_ref(), &ask, &columns, |rows| {
            count += rows.len();
            if count > MOST_ROWS {
                return Err(WebError::TooMany);
            }
            for row in &rows {
                book.row(row).map_err(unwritable)?;
            }
            Ok(true)
        })?;
        book.finish().map_err(unwritable)
    });
    made.await
        .map_err(|_| WebError::Internal("an export was cut off"))?
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unwritable(error: sheet::XlsxError) -> WebError {
    tracing::error!(%error, "a workbook could not be written");
    WebError::Internal("a workbook could not be written")
}

/// Hands over all rows, some at a time, until the end or until they are no longer wanted.
fn each<L: List>(
    store: &dyn Store,
    ask: &ListAsk,
    columns: &[Column<L::Row>],
    mut take: impl FnMut(Vec<Vec<Field>>) -> Result<bool, WebError>,
) -> Result<(), WebError> {
    let mut from = None;
    loop {
        let batch = L::fetch(store, ask, from, ROWS)?;
        let rows = batch
            .rows
            .iter()
            .map(|row| {
                columns
                    .iter()
                    .map(|column| column.shown(row, &ask.context))
                    .collect()
            })
            .collect();
        if !take(rows)? {
            return Ok(());
        }
        match batch.next {
            Some(next) => from = Some(next),
            None => return Ok(()),
        }
    }
}
