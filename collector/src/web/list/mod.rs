//! Lists: what a page shows in rows is declared once, and gets its exports (CSV, XLSX) and its place in the
//! API from that. Knows no list.
//!
//! To give a list its exports, beside its page:
//!
//! ```ignore
//! pub(in crate::web) struct WorkOrders;
//!
//! impl List for WorkOrders {
//!     type Row = WorkOrder;
//!     const NAME: &'static str = "work_orders";          // in file names, the audit log and the API
//!     const TITLE: &'static str = "nav.tokens";        // key of its words: name of the sheet
//!     const FILTERS: &'static [Filter] = &[("text", "Words to find in number and reason")];
//!
//!     fn columns() -> Vec<Column<WorkOrder>> {
//!         vec![
//!             Column::number("id", "tokens.id", |order| Some(order.id)),
//!             Column::text("reason", "tokens.label", |order, _| Some(order.reason.clone())),
//!             Column::word("state", "tokens.state", "order_state", |order| Some(order.state.name())),
//!             Column::when("ends_at", "tokens.ends", |order| order.ends_at),
//!         ]
//!     }
//!
//!     fn fetch(store: &dyn Store, ask: &ListAsk, from: Option<i64>, limit: u32) -> StoreResult<Batch<WorkOrder>> {
//!         // `ask.sight` goes into the question: whoever is limited to departments exports no others.
//!         store.work_orders(&filter(&ask.query, &ask.sight), offset(from, limit)).map(|page| Batch::by_offset(page, from))
//!     }
//! }
//! ```
//!
//! then `.get("/orders/export", list::export::<WorkOrders>)` in `web/mod.rs`, its line in `web/access.rs` (with the
//! roles and the reach of the page), and in the page's template `{% include "_export.html" %}` with
//! `exports: Exports::of("/orders/export", &asked)`. For the API: `api_list::<WorkOrders>()`, see `web/api`.
//!
//! Large lists go on by id (`Batch::by_id`, the filter's `before`), which stays fast and repeats nothing while
//! rows come and go; small ones by offset. Every export is a line of the audit log, streamed (CSV) or bounded (XLSX).

mod export;

pub(in crate::web) use export::{Exports, export};

use std::sync::Arc;

use deskwarden_domain::{
    model::{Lang, Millis, Sight},
    port::{Page, Paging, Store, StoreResult},
    rules::RuleSet,
};

use super::{form::Query, locale, software::Software, state::WebState, text};

/// A parameter that limits a list, and what it does, for the document of the API.
pub(in crate::web) type Filter = (&'static str, &'static str);

/// A list that pages show; see the module.
pub(in crate::web) trait List: 'static {
    /// One row, as the store gives it.
    type Row: Send;
    /// Name in file names, the audit log and the API.
    const NAME: &'static str;
    /// Key of the words for it.
    const TITLE: &'static str;
    /// Parameters that it knows. One whose description begins with a word between back quotes takes such words only; one of
    /// something "with this id", numbers.
    const FILTERS: &'static [Filter];

    /// Its columns, in their order. Names are part of the API: they stay.
    fn columns() -> Vec<Column<Self::Row>>;

    /// The next rows: from the beginning, or from where the last batch ended.
    fn fetch(
        store: &dyn Store,
        ask: &ListAsk,
        from: Option<i64>,
        limit: u32,
    ) -> StoreResult<Batch<Self::Row>>;
}

/// What is asked of a list.
#[derive(Clone)]
pub(in crate::web) struct ListAsk {
    /// Parameters of the address.
    pub(in crate::web) query: Query,
    /// Whose assets the reader sees.
    pub(in crate::web) sight: Sight,
    /// The place `id` of the pattern, where it has one.
    pub(in crate::web) id: String,
    /// Words and time.
    pub(in crate::web) context: Context,
}

/// What cells need beside their row.
#[derive(Clone)]
pub(in crate::web) struct Context {
    /// Language of the reader.
    pub(in crate::web) lang: Lang,
    /// Rules in force, for their titles.
    pub(in crate::web) rules: Arc<RuleSet>,
    /// Titles of the fleet.
    pub(in crate::web) software: Arc<Software>,
    /// Offset of shown times from UTC, in minutes.
    pub(in crate::web) offset_minutes: i16,
    /// Since when a device must have reported to count as reporting.
    pub(in crate::web) reporting_since: Millis,
    /// Now.
    pub(in crate::web) now: Millis,
}

impl Context {
    /// For a reader of this language.
    pub(in crate::web) fn of(state: &WebState, lang: Lang) -> Self {
        Self {
            lang,
            rules: state.rules_now(),
            software: Arc::clone(&state.software),
            offset_minutes: state.config.utc_offset_minutes,
            reporting_since: state.reporting_since(),
            now: state.clock.now(),
        }
    }
}

/// Some rows of a list, and where to go on.
pub(in crate::web) struct Batch<R> {
    /// The rows.
    pub(in crate::web) rows: Vec<R>,
    /// What to ask for next; `None` at the end.
    pub(in crate::web) next: Option<i64>,
}

impl<R> Batch<R> {
    /// Rows that go down by an id.
    pub(in crate::web) fn by_id(rows: Vec<R>, limit: u32, id: impl Fn(&R) -> i64) -> Self {
        let full = rows.len() >= limit as usize;
        Self {
            next: rows.last().filter(|_| full).map(id),
            rows,
        }
    }

    /// A window of a list, in the list's own order.
    pub(in crate::web) fn by_offset(page: Page<R>, from: Option<i64>) -> Self {
        let at = from.unwrap_or(0).max(0) + i64::try_from(page.rows.len()).unwrap_or(i64::MAX);
        let more = !page.rows.is_empty() && u64::try_from(at).is_ok_and(|at| at < page.total);
        Self {
            rows: page.rows,
            next: more.then_some(at),
        }
    }

    /// A part of a list that the store gives whole.
    pub(in crate::web) fn of_whole(rows: Vec<R>, from: Option<i64>, limit: u32) -> Self {
        let total = rows.len() as u64;
        let skip = usize::try_from(from.unwrap_or(0)).unwrap_or(0);
        let rows = rows.into_iter().skip(skip).take(limit as usize).collect();
        Self::by_offset(Page { rows, total }, from)
    }
}

/// The window that begins at an offset.
pub(in crate::web) fn offset(from: Option<i64>, limit: u32) -> Paging {
    Paging {
        offset: u64::try_from(from.unwrap_or(0)).unwrap_or(0),
        limit,
    }
}

/// How a column gets its value; says what type it has in the API.
pub(in crate::web) enum Get<R> {
    /// Words that somebody wrote.
    Text(fn(&R, &Context) -> Option<String>),
    /// A number.
    Number(fn(&R) -> Option<i64>),
    /// A moment.
    When(fn(&R) -> Option<Millis>),
    /// Yes or no.
    Flag(fn(&R) -> bool),
    /// One of the product's own names: a member of a family of words.
    Word(&'static str, fn(&R) -> Option<&'static str>),
    /// Several texts.
    Texts(fn(&R) -> Vec<String>),
}

/// A column of a list.
pub(in crate::web) struct Column<R> {
    /// Name in the API.
    pub(in crate::web) name: &'static str,
    /// Key of its heading.
    pub(in crate::web) label: &'static str,
    /// Its value.
    pub(in crate::web) get: Get<R>,
}

impl<R> Column<R> {
    /// Words that somebody wrote.
    pub(in crate::web) const fn text(
        name: &'static str,
        label: &'static str,
        get: fn(&R, &Context) -> Option<String>,
    ) -> Self {
        Self {
            name,
            label,
            get: Get::Text(get),
        }
    }

    /// A number.
    pub(in crate::web) const fn number(
        name: &'static str,
        label: &'static str,
        get: fn(&R) -> Option<i64>,
    ) -> Self {
        Self {
            name,
            label,
            get: Get::Number(get),
        }
    }

    /// A moment.
    pub(in crate::web) const fn when(
        name: &'static str,
        label: &'static str,
        get: fn(&R) -> Option<Millis>,
    ) -> Self {
        Self {
            name,
            label,
            get: Get::When(get),
        }
    }

    /// Yes or no.
    pub(in crate::web) const fn flag(name: &'static str, label: &'static str, get: fn(&R) -> bool) -> Self {
        Self {
            name,
            label,
            get: Get::Flag(get),
        }
    }

    /// One of the product's own names, with words in the family `family`.
    pub(in crate::web) const fn word(
        name: &'static str,
        label: &'static str,
        family: &'static str,
        get: fn(&R) -> Option<&'static str>,
    ) -> Self {
        Self {
            name,
            label,
            get: Get::Word(family, get),
        }
    }

    /// Several texts.
    pub(in crate::web) const fn texts(
        name: &'static str,
        label: &'static str,
        get: fn(&R) -> Vec<String>,
    ) -> Self {
        Self {
            name,
            label,
            get: Get::Texts(get),
        }
    }

    /// The heading in the reader's language.
    pub(in crate::web) fn heading(&self, lang: Lang) -> &'static str {
        locale::find(lang, self.label).unwrap_or(self.name)
    }

    /// The value as people read it.
    pub(in crate::web) fn shown(&self, row: &R, context: &Context) -> crate::sheet::Field {
        use crate::sheet::Field;
        let words = |family: &str, name: &str| {
            locale::find(context.lang, &format!("{family}.{name}"))
                .unwrap_or(name)
                .to_owned()
        };
        match &self.get {
            Get::Text(get) => Field::Text(get(row, context).unwrap_or_default()),
            Get::Number(get) => get(row).map_or_else(|| Field::Text(String::new()), Field::Number),
            Get::When(get) => Field::Text(
                get(row)
                    .map(|at| text::local(at, context.offset_minutes))
                    .unwrap_or_default(),
            ),
            Get::Flag(get) => Field::Text(words("flag", if get(row) { "yes" } else { "no" })),
            Get::Word(family, get) => {
                Field::Text(get(row).map(|name| words(family, name)).unwrap_or_default())
            }
            Get::Texts(get) => Field::Text(get(row).join("\n")),
        }
    }
}
