//! `GET /software`, `GET /software/{id}`, `POST /software/file`: the titles of the whole fleet, the PCs that have one,
//! and filing what no catalogue entry knows.

use std::time::Duration;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    catalogue::company::{Filing, FilingError},
    model::Lang,
    port::{AssetFilter, Paging, Store, StoreResult},
    rules::RuleSet,
};

use super::{
    Asked,
    lines::AssetLine,
    pager::{Pager, ROWS, window},
    render,
};
use crate::{
    company::{self, CompanyError},
    web::{
        error::WebError,
        form::{Fields, link, local_path},
        list::{Batch, Column, Exports, List, ListAsk},
        page::Page,
        software::{Picture, Sort, TitleRow, UNKNOWN, Wanted, category},
        state::WebState,
        text::{Agent, agent_text},
    },
};

/// How long a page waits until the fleet is counted.
const WAIT: Duration = Duration::from_secs(2);
/// How long an export does.
const LONG: Duration = Duration::from_secs(300);

#[derive(Template)]
#[template(path = "software.html")]
struct SoftwarePage {
    p: Page,
    wanted: Wanted,
    kind: &'static str,
    sorts: Vec<&'static str>,
    categories: Vec<Category>,
    /// `None`: it is being counted.
    shown: Option<Shown>,
    filing: Filed,
    exports: Exports,
}

/// What there is to see.
struct Shown {
    at: deskwarden_domain::model::Millis,
    unknown: u64,
    all: u64,
    lines: Vec<Line>,
    pager: Pager,
}

struct Category {
    id: String,
    name: String,
}

struct Line {
    id: String,
    name: Agent,
    publisher: Agent,
    package: bool,
    unknown: bool,
    categories: Vec<String>,
    known_as: Agent,
    versions: Vec<Agent>,
    devices: u64,
}

impl Line {
    fn new(row: &TitleRow, rules: &RuleSet, lang: Lang) -> Self {
        Self {
            id: row.id.clone(),
            name: agent_text(if row.name.trim().is_empty() {
                "—"
            } else {
                &row.name
            }),
            publisher: agent_text(&row.publisher),
            package: row.package,
            unknown: row.class.is_none(),
            categories: row.categories(rules, lang),
            known_as: agent_text(row.class.as_ref().map_or("", |class| class.name.as_str())),
            versions: row.versions.iter().map(|text| agent_text(text)).collect(),
            devices: row.devices,
        }
    }
}

/// What came of filing a title: faults by field, or what was filed.
#[derive(Default)]
struct Filed {
    category: String,
    title_fault: Option<&'static str>,
    category_fault: Option<&'static str>,
    rules: Vec<Agent>,
    done: Option<(Agent, String)>,
}

impl Filed {
    fn failed(&self) -> bool {
        self.title_fault.is_some() || self.category_fault.is_some() || !self.rules.is_empty()
    }

    /// What an address says was filed.
    fn of(asked: &Asked, picture: Option<&Picture>, rules: &RuleSet) -> Self {
        let title = asked.query.some("filed").and_then(|id| {
            let title = picture?.title(id, &asked.viewer.sight)?;
            Some(agent_text(&title.name))
        });
        let id = asked.query.some("as").unwrap_or_default();
        let known = rules.catalogue().categories().iter().any(|one| one.id == id);
        let name = category(rules, id, asked.preferences.lang);
        Self {
            category: if known { id.to_owned() } else { String::new() },
            done: title.filter(|_| known).map(|title| (title, name)),
            ..Self::default()
        }
    }
}

/// The titles.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    render(&build(&state, &asked, None).await?)
}

/// The fleet as it was counted last.
async fn picture(state: &WebState, wait: Duration) -> Result<Option<Picture>, WebError> {
    let (software, rules, now) = (state.software.clone(), state.rules_now(), state.clock.now());
    state.ask(move |_| software.picture(&rules, now, wait)).await
}

async fn build(state: &WebState, asked: &Asked, filing: Option<Filed>) -> Result<SoftwarePage, WebError> {
    let p = asked.page(state, "/software");
    let picture = picture(state, WAIT).await?;
    let rules = state.rules_now();
    let wanted = Wanted::of(&asked.query);
    let kind = match wanted.packages {
        Some(true) => "package",
        Some(false) => "title",
        None => "",
    };
    let number = asked.query.page();
    let sight = asked.sight();
    let shown = picture.as_ref().map(|picture| {
        let skip = usize::try_from(window(number, ROWS).offset).unwrap_or(usize::MAX);
        let (rows, total) = picture.list(&wanted, &sight, skip, ROWS as usize);
        let (unknown, all) = picture.unknown(&sight);
        let parameters = [
            ("text", wanted.text.as_str()),
            ("category", wanted.category.as_str()),
            ("kind", kind),
            (
                "sort",
                if wanted.sort == Sort::default() {
                    ""
                } else {
                    wanted.sort.name()
                },
            ),
        ];
        Shown {
            at: picture.at,
            unknown,
            all,
            pager: Pager::new("/software", &parameters, number, ROWS, rows.len(), total as u64),
            lines: rows.iter().map(|row| Line::new(row, &rules, p.lang())).collect(),
        }
    });
    Ok(SoftwarePage {
        categories: categories(&rules, p.lang()),
        sorts: Sort::ALL.map(Sort::name).to_vec(),
        filing: filing.unwrap_or_else(|| Filed::of(asked, picture.as_ref(), &rules)),
        exports: Exports::of("/software/export", asked),
        kind,
        shown,
        wanted,
        p,
    })
}

fn categories(rules: &RuleSet, lang: Lang) -> Vec<Category> {
    let all = rules.catalogue().categories().iter();
    all.map(|one| Category {
        id: one.id.clone(),
        name: one.name.get(lang).to_owned(),
    })
    .collect()
}

#[derive(Template)]
#[template(path = "software_title.html")]
struct TitlePage {
    p: Page,
    line: Line,
    why: Agent,
    at: deskwarden_domain::model::Millis,
    categories: Vec<Category>,
    filing: Filed,
    lines: Vec<AssetLine>,
    pager: Pager,
}

/// One title and the PCs that have it.
pub(in crate::web) async fn title(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let p = asked.page(&state, "/software");
    let picture = picture(&state, LONG).await?.ok_or(WebError::Busy)?;
    let sight = asked.sight();
    let row = picture.title(&id, &sight).ok_or(WebError::NotFound)?;
    let number = asked.query.page();
    let skip = usize::try_from(window(number, ROWS).offset).unwrap_or(usize::MAX);
    let filter = AssetFilter {
        among: Some(picture.holders(&id, &sight, skip, ROWS as usize)),
        sight,
        ..AssetFilter::default()
    };
    let all = Paging {
        offset: 0,
        limit: ROWS,
    };
    let found = state.ask(move |store| store.assets(&filter, all)).await?;
    let (rules, lang) = (state.rules_now(), p.lang());
    let path = format!("/software/{id}");
    render(&TitlePage {
        line: Line::new(&row, &rules, lang),
        why: agent_text(row.class.as_ref().map_or("", |class| class.why.as_str())),
        at: picture.at,
        categories: categories(&rules, lang),
        filing: Filed::of(&asked, Some(&picture), &rules),
        lines: found.rows.iter().map(|row| AssetLine::new(row, lang)).collect(),
        pager: Pager::new(&path, &[], number, ROWS, found.rows.len(), row.devices),
        p,
    })
}

/// Files a title under a category, for all PCs.
pub(in crate::web) async fn file(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let picture = picture(&state, LONG).await?.ok_or(WebError::Busy)?;
    let rules = state.rules_now();
    let wanted = fields.text("category").to_owned();
    let known = rules.catalogue().categories().iter().any(|one| one.id == wanted);
    let title = picture.title(fields.text("title"), &asked.viewer.sight);
    let mut filed = Filed {
        title_fault: title.is_none().then_some("gone"),
        category_fault: (!known).then_some("category"),
        category: wanted.clone(),
        ..Filed::default()
    };
    if let Some(title) = title.filter(|_| known) {
        let id = title.id.clone();
        let entry = asked.audit(&state, "", "", title.name.as_str());
        let done = state
            .ask(move |store| {
                let filing = Filing {
                    title: &title.name,
                    package: title.package,
                    category: &wanted,
                };
                match company::file_title(store, &filing, entry) {
                    Err(CompanyError::Store(error)) => Err(error),
                    other => Ok(other),
                }
            })
            .await?;
        match done {
            Ok(()) => {
                return Ok(Redirect::to(&back(fields.raw("back"), &id, &filed.category)).into_response());
            }
            Err(CompanyError::Filing(FilingError::Filed)) => filed.title_fault = Some("filed"),
            Err(CompanyError::Filing(FilingError::Title)) => filed.title_fault = Some("title"),
            Err(refused) => filed.rules = refused.to_string().lines().map(agent_text).collect(),
        }
    }
    let page = build(&state, &asked, Some(filed)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

/// The page that the form was on, with what was filed.
fn back(address: &str, title: &str, category: &str) -> String {
    let address = local_path(address)
        .filter(|path| {
            *path == "/software" || path.starts_with("/software?") || path.starts_with("/software/")
        })
        .unwrap_or("/software");
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let before = Fields::parse(query.as_bytes());
    let mut parameters: Vec<(&str, &str)> = before
        .pairs()
        .filter(|(name, _)| !matches!(*name, "filed" | "as"))
        .collect();
    parameters.extend([("filed", title), ("as", category)]);
    link(path, &parameters)
}

/// The titles, as a list.
pub(in crate::web) struct SoftwareList;

impl List for SoftwareList {
    type Row = TitleRow;
    const NAME: &'static str = "software";
    const TITLE: &'static str = "nav.software";
    const FILTERS: &'static [(&'static str, &'static str)] = &[
        ("text", "Words to find in name and publisher"),
        (
            "category",
            "Id of a category, or `unknown`: what no catalogue entry knows",
        ),
        ("kind", "`title` or `package`"),
        (
            "sort",
            "`unknown` (first, the default), `devices`, `name` or `publisher`",
        ),
    ];

    fn columns() -> Vec<Column<TitleRow>> {
        vec![
            Column::text("id", "software.id", |row, _| Some(row.id.clone())),
            Column::text("name", "software.name", |row, _| Some(row.name.clone())),
            Column::text("publisher", "software.publisher", |row, _| {
                Some(row.publisher.clone())
            }),
            Column::flag("package", "software.package", |row| row.package),
            Column::texts("categories", "software.category_ids", |row| {
                let class = row.class.as_ref();
                class.map_or_else(|| vec![UNKNOWN.to_owned()], |class| class.categories.clone())
            }),
            Column::text("category_names", "software.category", |row, context| {
                Some(row.categories(&context.rules, context.lang).join("\n"))
            }),
            Column::text("known_as", "software.known_as", |row, _| {
                row.class.as_ref().map(|class| class.name.clone())
            }),
            Column::texts("versions", "software.versions", |row| row.versions.clone()),
            Column::number("devices", "software.devices", |row| {
                i64::try_from(row.devices).ok()
            }),
        ]
    }

    fn fetch(_: &dyn Store, ask: &ListAsk, from: Option<i64>, limit: u32) -> StoreResult<Batch<TitleRow>> {
        let context = &ask.context;
        let Some(picture) = context.software.picture(&context.rules, context.now, LONG)? else {
            return Err(deskwarden_domain::port::StoreError::Conflict(
                "the titles of the fleet are still being counted; ask again in some minutes".to_owned(),
            ));
        };
        let skip = usize::try_from(from.unwrap_or(0)).unwrap_or(0);
        let (rows, total) = picture.list(&Wanted::of(&ask.query), &ask.sight, skip, limit as usize);
        let page = deskwarden_domain::port::Page {
            rows,
            total: total as u64,
        };
        Ok(Batch::by_offset(page, from))
    }
}
