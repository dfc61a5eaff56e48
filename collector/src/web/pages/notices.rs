//! `/notices`: rectification notices (整改通知书): the list, the form for chosen findings, one notice with what came of
//! it, and the sheet that is printed and signed.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    model::{FindingId, FindingState, Lang, Millis, Notice, NoticeLine, NoticeReply, NoticeState},
    notice::Terms,
    port::{FindingRow, NoticeFilter, Store, StoreResult},
};

use super::{
    Asked, chosen,
    lines::FindingLine,
    pager::{Pager, ROWS, window},
    render,
};
use crate::{
    clock,
    notices::{self, NoticeError, Office},
    web::{
        badge::{self, Badge},
        error::WebError,
        form::{Fields, Query, link},
        list::{self, Batch, Column, Exports, List, ListAsk},
        page::Page,
        state::WebState,
        text::{Agent, agent_text},
    },
};

#[derive(Template)]
#[template(path = "notices.html")]
struct NoticesPage {
    p: Page,
    state: String,
    text: String,
    states: [&'static str; 4],
    lines: Vec<NoticeRow>,
    pager: Pager,
    exports: Exports,
}

struct NoticeRow {
    address: String,
    number: Agent,
    name: Agent,
    state: Badge,
    done: bool,
    overdue: bool,
    issued_at: Millis,
    due_at: Millis,
    total: u64,
    left: u64,
    first: Agent,
}

#[derive(Template)]
#[template(path = "notice_new.html")]
struct NewPage {
    p: Page,
    findings: Vec<FindingLine>,
    ids: String,
    form: Typed,
    refused: Vec<&'static str>,
}

#[derive(Default)]
struct Typed {
    due: String,
    demand: String,
    objection: String,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct NoticePage {
    p: Page,
    sheet: Sheet,
    state: Badge,
    overdue: bool,
    address: String,
    closed: Option<(Millis, Agent, Agent)>,
    rectified_at: Option<Millis>,
    is_open: bool,
    is_filed: bool,
    refused: Vec<&'static str>,
}

/// What is printed.
#[derive(Template)]
#[template(path = "notice_print.html")]
struct PrintPage {
    p: Page,
    sheet: Sheet,
}

/// The notice as a document.
struct Sheet {
    organisation: Agent,
    office: Agent,
    number: Agent,
    to: Agent,
    departments: Agent,
    custodians: Agent,
    issued: String,
    issued_by: Agent,
    due: String,
    regulations: Agent,
    rows: Vec<SheetRow>,
    clauses: Vec<(String, Agent, Agent)>,
    remedies: Vec<Agent>,
    demand: Agent,
    objection: Agent,
    replies: Vec<ReplyLine>,
    rectified: Option<String>,
}

struct SheetRow {
    finding: i64,
    clause: String,
    title: Agent,
    found: Agent,
    asset_number: Agent,
    asset_name: Agent,
    asset: Option<i64>,
    custodian: Agent,
    first_seen: String,
    cleared: Option<(Badge, String)>,
}

struct ReplyLine {
    at: String,
    author: Agent,
    objection: bool,
    text: Agent,
}

/// The list.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let p = asked.page(&state, "/notices");
    let get = |name| asked.query.some(name).unwrap_or_default().to_owned();
    let (name, text) = (get("state"), get("text"));
    let filter = filter(&asked.query, p.now);
    let number = asked.query.page();
    let found = state
        .ask(move |store| store.notices(&filter, window(number, ROWS)))
        .await?;
    let (lang, now) = (p.lang(), p.now);
    let parameters = [("state", name.as_str()), ("text", text.as_str())];
    let pager = Pager::new(
        "/notices",
        &parameters,
        number,
        ROWS,
        found.rows.len(),
        found.total,
    );
    render(&NoticesPage {
        states: ["issued", "overdue", "rectified", "closed"],
        lines: found.rows.iter().map(|notice| row(notice, lang, now)).collect(),
        state: name,
        text,
        pager,
        exports: Exports::of("/notices/export", &asked),
        p,
    })
}

/// The notices, as a list.
pub(in crate::web) struct NoticeList;

impl List for NoticeList {
    type Row = Notice;
    const NAME: &'static str = "notices";
    const TITLE: &'static str = "nav.notices";
    const FILTERS: &'static [(&'static str, &'static str)] = &[
        ("state", "`issued`, `overdue`, `rectified` or `closed`"),
        ("asset", "With a line about the asset with this id"),
        ("text", "Words to find in number, addressee and lines"),
    ];

    fn columns() -> Vec<Column<Notice>> {
        vec![
            Column::text("number", "notices.number", |row, _| Some(row.number.clone())),
            Column::word("state", "notices.state", "notice_state", |row| {
                Some(row.state.name())
            }),
            Column::text("addressee", "notices.to", |row, _| Some(row.name.clone())),
            Column::when("issued_at", "notices.issued", |row| Some(row.issued_at)),
            Column::text("issued_by", "sheet.issuer", |row, _| Some(row.issued_by.clone())),
            Column::when("due_at", "notices.due", |row| Some(row.due_at)),
            Column::number("lines", "notices.lines", |row| {
                i64::try_from(row.lines.len()).ok()
            }),
            Column::number("left", "notices.left", |row| i64::try_from(left(row)).ok()),
            Column::text("found", "notices.found", |row, context| {
                let found = row.lines.iter().map(|line| line.words.found.get(context.lang));
                Some(found.collect::<Vec<_>>().join("; "))
            }),
            Column::when("rectified_at", "notices.rectified", |row| row.rectified_at),
            Column::when("closed_at", "notices.closed", |row| {
                row.closed.as_ref().map(|(at, ..)| *at)
            }),
        ]
    }

    fn fetch(store: &dyn Store, ask: &ListAsk, from: Option<i64>, limit: u32) -> StoreResult<Batch<Notice>> {
        let page = store.notices(&filter(&ask.query, ask.context.now), list::offset(from, limit))?;
        Ok(Batch::by_offset(page, from))
    }
}

/// The filter that an address asks for.
fn filter(query: &Query, now: Millis) -> NoticeFilter {
    let name = query.some("state").unwrap_or_default();
    NoticeFilter {
        state: NoticeState::by_name(name),
        overdue_at: (name == "overdue").then_some(now),
        asset: query
            .some("asset")
            .and_then(|text| text.parse().ok())
            .map(deskwarden_domain::model::AssetId),
        text: query.some("text").map(|text| text.chars().take(200).collect()),
    }
}

fn row(notice: &Notice, lang: Lang, now: Millis) -> NoticeRow {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let first = notice.lines.first().map_or("", |line| line.words.found.get(lang));
    NoticeRow {
        address: address(&notice.number),
        number: agent_text(&notice.number),
        name: agent_text(&notice.name),
        state: badge::notice(notice.state, notice.is_overdue(now), lang),
        done: notice.state == NoticeState::Closed,
        overdue: notice.is_overdue(now),
        issued_at: notice.issued_at,
        due_at: notice.due_at,
        total: count(notice.lines.len()),
        left: count(left(notice)),
        first: agent_text(first),
    }
}

/// How many of its lines are not cleared.
fn left(notice: &Notice) -> usize {
    notice.lines.iter().filter(|line| line.cleared.is_none()).count()
}

/// Address of a notice: its number has signs that addresses must escape.
pub(super) fn address(number: &str) -> String {
    let escaped: String = form_urlencoded::byte_serialize(number.as_bytes()).collect();
    format!("/notices/{}", escaped.replace('+', "%20"))
}

/// Where the form for these findings is.
pub(super) fn new_address(ids: &[FindingId]) -> String {
    link("/notices/new", &[("findings", &chosen::write(ids))])
}

/// The form for chosen findings.
pub(in crate::web) async fn new(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let office = &state.config.office;
    let form = Typed {
        due: clock::date(office.proposed(state.clock.now()) - 1, office.zone),
        demand: String::new(),
        objection: office.objection(asked.preferences.lang),
    };
    let ids = chosen::read(asked.query.some("findings").unwrap_or_default());
    render(&form_page(&state, &asked, ids, form, Vec::new()).await?)
}

/// Issues a notice. What is refused comes back with what was typed.
pub(in crate::web) async fn issue(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let (now, actor) = (state.clock.now(), asked.viewer.name.clone());
    let form = Typed {
        due: fields.text("due").to_owned(),
        demand: fields.text("demand").to_owned(),
        objection: fields.text("objection").to_owned(),
    };
    let ids = chosen::read(fields.text("findings"));
    let Some((_, due_at)) = clock::day(&form.due, state.config.office.zone) else {
        let page = form_page(&state, &asked, ids, form, vec!["day"]).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
    };
    let terms = Terms {
        due_at,
        demand: form.demand.clone(),
        objection: form.objection.clone(),
    };
    let (rules, config, wanted) = (
        state.rules_now(),
        std::sync::Arc::clone(&state.config),
        ids.clone(),
    );
    let done = state
        .ask(move |store| {
            Ok(notices::issue(
                store,
                &rules,
                &config.office,
                &wanted,
                &terms,
                &actor,
                now,
            ))
        })
        .await?;
    match done {
        Ok(number) => Ok(Redirect::to(&address(&number)).into_response()),
        Err(NoticeError::Refused(refused)) => {
            let names = refused.iter().map(|one| one.name()).collect();
            let page = form_page(&state, &asked, ids, form, names).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
        }
        Err(error) => Err(failed(error)),
    }
}

async fn form_page(
    state: &WebState,
    asked: &Asked,
    ids: Vec<FindingId>,
    form: Typed,
    mut refused: Vec<&'static str>,
) -> Result<NewPage, WebError> {
    let p = asked.page(state, "/notices");
    let wanted = ids.clone();
    let rows: Vec<FindingRow> = state
        .ask(move |store| -> StoreResult<_> {
            let mut rows = Vec::new();
            for id in wanted {
                rows.extend(store.finding(id)?.map(|detail| detail.row));
            }
            Ok(rows)
        })
        .await?;
    refused.dedup();
    let rules = state.rules_now();
    Ok(NewPage {
        ids: chosen::write(&ids),
        findings: rows
            .iter()
            .map(|row| FindingLine::new(row, &rules, p.lang()))
            .collect(),
        form,
        refused,
        p,
    })
}

/// One notice.
pub(in crate::web) async fn notice(
    State(state): State<WebState>,
    asked: Asked,
    Path(number): Path<String>,
) -> Result<Response, WebError> {
    render(&build(&state, &asked, number, Vec::new()).await?)
}

/// The sheet to print.
pub(in crate::web) async fn print(
    State(state): State<WebState>,
    asked: Asked,
    Path(number): Path<String>,
) -> Result<Response, WebError> {
    let p = asked.page(&state, "/notices");
    let (notice, replies) = load(&state, number).await?;
    let sheet = Sheet::new(&notice, &replies, &state.config.office, p.lang());
    render(&PrintPage { p, sheet })
}

/// Records what the addressee said.
pub(in crate::web) async fn reply(
    State(state): State<WebState>,
    asked: Asked,
    Path(number): Path<String>,
    fields: Fields,
) -> Result<Response, WebError> {
    let reply = NoticeReply {
        at: state.clock.now(),
        recorded_by: asked.viewer.name.clone(),
        author: fields.text("author").to_owned(),
        objection: fields.some("objection").is_some(),
        text: fields.text("text").to_owned(),
    };
    let asked_for = number.clone();
    let done = state
        .ask(move |store| Ok(notices::reply(store, &asked_for, &reply)))
        .await?;
    answer(&state, &asked, number, done).await
}

/// Files a notice.
pub(in crate::web) async fn close(
    State(state): State<WebState>,
    asked: Asked,
    Path(number): Path<String>,
    fields: Fields,
) -> Result<Response, WebError> {
    let (now, actor, note) = (
        state.clock.now(),
        asked.viewer.name.clone(),
        fields.text("note").to_owned(),
    );
    let asked_for = number.clone();
    let done = state
        .ask(move |store| Ok(notices::close(store, &asked_for, &actor, &note, now)))
        .await?;
    answer(&state, &asked, number, done).await
}

async fn answer(
    state: &WebState,
    asked: &Asked,
    number: String,
    done: Result<(), NoticeError>,
) -> Result<Response, WebError> {
    match done {
        Ok(()) => Ok(Redirect::to(&address(&number)).into_response()),
        Err(NoticeError::Refused(refused)) => {
            let names = refused.iter().map(|one| one.name()).collect();
            let page = build(state, asked, number, names).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
        }
        Err(error) => Err(failed(error)),
    }
}

fn failed(error: NoticeError) -> WebError {
    match error {
        NoticeError::Store(error) => error.into(),
        _ => WebError::NotFound,
    }
}

async fn load(state: &WebState, number: String) -> Result<(Notice, Vec<NoticeReply>), WebError> {
    let found = state.ask(move |store| store.notice(&number)).await?;
    found.ok_or(WebError::NotFound)
}

async fn build(
    state: &WebState,
    asked: &Asked,
    number: String,
    refused: Vec<&'static str>,
) -> Result<NoticePage, WebError> {
    let p = asked.page(state, "/notices");
    let (notice, replies) = load(state, number).await?;
    let overdue = notice.is_overdue(p.now);
    Ok(NoticePage {
        sheet: Sheet::new(&notice, &replies, &state.config.office, p.lang()),
        state: badge::notice(notice.state, overdue, p.lang()),
        overdue,
        address: address(&notice.number),
        closed: notice
            .closed
            .as_ref()
            .map(|(at, by, note)| (*at, agent_text(by), agent_text(note))),
        rectified_at: notice.rectified_at,
        is_open: notice.state == NoticeState::Issued,
        is_filed: notice.state == NoticeState::Closed,
        refused,
        p,
    })
}

impl Sheet {
    fn new(notice: &Notice, replies: &[NoticeReply], office: &Office, lang: Lang) -> Self {
        let date = |at: Millis| clock::written(at, office.zone, lang);
        let words = || notice.lines.iter().map(|line| &line.words);
        let comma = if lang == Lang::Zh { "、" } else { ", " };
        let listed = |texts: Vec<&str>| {
            let mut seen: Vec<&str> = Vec::new();
            for text in texts {
                if !text.is_empty() && !seen.contains(&text) {
                    seen.push(text);
                }
            }
            seen.join(comma)
        };
        let mut clauses: Vec<(String, Agent, Agent)> = Vec::new();
        let mut remedies: Vec<Agent> = Vec::new();
        for words in words() {
            if !clauses.iter().any(|(clause, ..)| *clause == words.clause) {
                clauses.push((
                    words.clause.clone(),
                    agent_text(words.regulation.get(lang)),
                    agent_text(words.wording.get(lang)),
                ));
            }
            let remedy = agent_text(words.remedy.get(lang));
            if !remedy.is_empty() && !remedies.contains(&remedy) {
                remedies.push(remedy);
            }
        }
        Self {
            organisation: agent_text(&office.organisation),
            office: agent_text(office.name(lang)),
            number: agent_text(&notice.number),
            to: agent_text(&notice.name),
            departments: agent_text(&listed(words().map(|w| w.department.as_str()).collect())),
            custodians: agent_text(&listed(words().map(|w| w.custodian.as_str()).collect())),
            issued: date(notice.issued_at),
            issued_by: agent_text(&notice.issued_by),
            // The last moment belongs to the day before.
            due: date(notice.due_at - 1),
            regulations: agent_text(&listed(words().map(|w| w.regulation.get(lang)).collect())),
            rows: notice
                .lines
                .iter()
                .map(|line| SheetRow::new(line, lang, &date))
                .collect(),
            clauses,
            remedies,
            demand: agent_text(&notice.demand),
            objection: agent_text(&office.objection_of(&notice.objection, lang)),
            replies: replies
                .iter()
                .map(|reply| ReplyLine {
                    at: date(reply.at),
                    author: agent_text(&reply.author),
                    objection: reply.objection,
                    text: agent_text(&reply.text),
                })
                .collect(),
            rectified: notice.rectified_at.map(date),
        }
    }
}

impl SheetRow {
    fn new(line: &NoticeLine, lang: Lang, date: &dyn Fn(Millis) -> String) -> Self {
        let words = &line.words;
        Self {
            finding: line.finding.0,
            clause: words.clause.clone(),
            title: agent_text(words.title.get(lang)),
            found: agent_text(words.found.get(lang)),
            asset_number: agent_text(&words.asset_number),
            asset_name: agent_text(&words.asset_name),
            asset: line.asset.map(|asset| asset.0),
            custodian: agent_text(&words.custodian),
            first_seen: date(words.first_seen),
            cleared: line
                .cleared
                .map(|(at, state): (Millis, FindingState)| (badge::state(state, lang), date(at))),
        }
    }
}
