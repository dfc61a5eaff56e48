//! `GET /subjects`, `GET /subjects/file`, `POST /subjects/delete`: what is held of a person, for the administrator
//! and the auditor. Looking is a line of the audit log too.

use askama::Template;
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    model::person,
    port::{Rows, StoreError, Subject},
};

use super::{Asked, render};
use crate::{
    subject,
    web::{
        error::WebError,
        form::{Fields, link},
        page::Page,
        state::WebState,
        text::{Agent, agent_text, stamp},
    },
};

/// Rows of one kind that the page shows; the file has all.
const SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "subjects.html")]
struct SubjectsPage {
    p: Page,
    who: String,
    asked: bool,
    accounts: Vec<(Agent, Agent)>,
    groups: Vec<Group>,
    export: String,
    erased: Option<u64>,
    /// Name of the refusal in the locales.
    fault: Option<&'static str>,
}

struct Group {
    title: String,
    count: u64,
    rows: Vec<Agent>,
}

/// The page: a field for the name, and what is held.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let who = name(asked.query.some("who").unwrap_or_default());
    let found = match &who {
        Some(who) => Some(gather(&state, &asked, who, "subject.view").await?),
        None => None,
    };
    let erased = asked.query.some("erased").and_then(|count| count.parse().ok());
    render(&build(&state, &asked, found, erased, None))
}

/// Everything as one JSON file.
pub(in crate::web) async fn export(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Response, WebError> {
    let who = name(asked.query.some("who").unwrap_or_default()).ok_or(WebError::Malformed)?;
    let (found, rows) = gather(&state, &asked, &who, "subject.export").await?;
    let mut response = Json(subject::document(&found, &rows)).into_response();
    let file = format!(
        "attachment; filename=\"subject-{}.json\"",
        stamp(state.clock.now(), state.config.utc_offset_minutes)
    );
    let file = HeaderValue::from_str(&file).map_err(|_| WebError::Internal("a file has no name"))?;
    response.headers_mut().insert(header::CONTENT_DISPOSITION, file);
    Ok(response)
}

/// Erases it; the name is typed once more.
pub(in crate::web) async fn delete(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let who = name(fields.text("who")).ok_or(WebError::Malformed)?;
    let fault = if fields.text("again") == who {
        let (actor, now, of) = (asked.viewer.name.clone(), state.clock.now(), who.clone());
        let erased = state
            .ask(move |store| {
                let found = subject::find(store, &of)?;
                match subject::erase(store, &found, &actor, now) {
                    Ok(erased) => Ok(Some(erased.values().sum::<u64>())),
                    Err(StoreError::Conflict(_)) => Ok(None),
                    Err(error) => Err(error),
                }
            })
            .await?;
        match erased {
            Some(count) => {
                let to = link("/subjects", &[("erased", &count.to_string())]);
                return Ok(Redirect::to(&to).into_response());
            }
            None => "may_sign_in",
        }
    } else {
        "again"
    };
    let found = gather(&state, &asked, &who, "subject.view").await?;
    let page = build(&state, &asked, Some(found), None, Some(fault));
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

fn name(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.chars().count() <= subject::LONGEST).then(|| text.to_owned())
}

async fn gather(
    state: &WebState,
    asked: &Asked,
    who: &str,
    action: &str,
) -> Result<(Subject, Rows), WebError> {
    let audit = asked.audit(state, action, format!("subject:{}", person(who)), "");
    let who = who.to_owned();
    state
        .ask(move |store| {
            let found = subject::find(store, &who)?;
            let rows = subject::gather(store, &found)?;
            store.audit(&audit)?;
            Ok((found, rows))
        })
        .await
}

fn build(
    state: &WebState,
    asked: &Asked,
    found: Option<(Subject, Rows)>,
    erased: Option<u64>,
    fault: Option<&'static str>,
) -> SubjectsPage {
    let p = asked.page(state, "/subjects");
    let (subject, rows) = found.unwrap_or_default();
    let lang = p.lang();
    SubjectsPage {
        asked: !subject.name.is_empty(),
        export: link("/subjects/file", &[("who", &subject.name)]),
        accounts: subject
            .accounts
            .iter()
            .map(|(device, principal)| (agent_text(&device.to_string()), agent_text(principal)))
            .collect(),
        groups: rows
            .iter()
            .map(|(kind, rows)| Group {
                title: crate::subject::kind(kind, lang).to_owned(),
                count: u64::try_from(rows.len()).unwrap_or(u64::MAX),
                rows: rows
                    .iter()
                    .take(SHOWN)
                    .map(|row| agent_text(&crate::subject::line(row)))
                    .collect(),
            })
            .collect(),
        who: subject.name,
        erased,
        fault,
        p,
    }
}
