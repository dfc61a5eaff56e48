//! `GET` and `POST /rules/files/{file}`: a rule file in an editor. It is checked while it is written, shows what it
//! would flag before it is saved, and is saved as a version; `POST /rules/check` is the check alone, for the script.

use askama::Template;
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::rules::Fault;
use serde_json::{Value, json};

use super::render;
use crate::{
    rule_editor::{self, NotSaved, Preview},
    web::{
        asked::Asked,
        error::WebError,
        form::{Fields, OWN_FORM_BYTES},
        page::Page,
        state::WebState,
        text::{Agent, agent_text},
    },
};

/// Faults that are shown.
const FAULTS: usize = 50;
/// What a form holds beside the text, in bytes.
const BESIDE: usize = 2_048;

#[derive(Template)]
#[template(path = "editor.html")]
struct EditorPage {
    p: Page,
    file: String,
    origin: Agent,
    version: i64,
    content: String,
    too_large: bool,
    stale: bool,
    faults: Vec<Agent>,
    checked: bool,
    preview: Option<Shown>,
}

struct Shown {
    rules: Vec<Agent>,
    reached: usize,
    looked: usize,
    counts: Vec<(Agent, u64, u64)>,
    named: Vec<(Agent, Agent, Agent, bool)>,
}

/// What was typed, and what came of it.
#[derive(Default)]
struct Typed {
    content: Option<String>,
    stale: bool,
    checked: bool,
    faults: Vec<Fault>,
    preview: Option<Preview>,
}

/// The editor.
pub(in crate::web) async fn page(
    State(state): State<WebState>,
    asked: Asked,
    Path(file): Path<String>,
) -> Result<Response, WebError> {
    named(&file)?;
    render(&build(&state, &asked, file, Typed::default()).await?)
}

/// Opens a file that there may not be yet.
pub(in crate::web) async fn choose(fields: Fields) -> Result<Response, WebError> {
    let file = fields.text("file");
    let file = if file.ends_with(".toml") {
        file.to_owned()
    } else {
        format!("{file}.toml")
    };
    named(&file)?;
    Ok(Redirect::to(&format!("/rules/files/{file}")).into_response())
}

/// Checks, previews, saves or removes.
pub(in crate::web) async fn edit(
    State(state): State<WebState>,
    asked: Asked,
    Path(file): Path<String>,
    fields: Fields,
) -> Result<Response, WebError> {
    named(&file)?;
    let (actor, now) = (asked.viewer.name.clone(), state.clock.now());
    let content = text(&fields);
    let edited: i64 = fields.text("version").parse().map_err(|_| WebError::Malformed)?;
    let (name, typed) = (file.clone(), content.clone());
    let mut back = Typed {
        content: Some(content),
        ..Typed::default()
    };
    match fields.text("action") {
        "check" => {
            let checked = state
                .ask(move |store| rule_editor::check(store, &name, &typed))
                .await?;
            back.faults = checked.err().unwrap_or_default();
            back.checked = true;
        }
        "preview" => {
            let shown = state
                .ask(move |store| rule_editor::preview(store, &name, &typed, now))
                .await?;
            match shown {
                Ok(preview) => back.preview = Some(preview),
                Err(faults) => back.faults = faults,
            }
        }
        action @ ("save" | "remove") => {
            let remove = action == "remove";
            let done = state
                .ask(move |store| {
                    let done = if remove {
                        rule_editor::remove(store, &name, edited, &actor, now)
                    } else {
                        rule_editor::save(store, &name, &typed, edited, &actor, now)
                    };
                    match done {
                        Ok(()) => Ok(None),
                        Err(NotSaved::Store(error)) => Err(error),
                        Err(other) => Ok(Some(other)),
                    }
                })
                .await?;
            match done {
                None if remove => return Ok(Redirect::to("/rules").into_response()),
                None => return Ok(Redirect::to(&format!("/rules/files/{file}")).into_response()),
                Some(NotSaved::Faults(faults)) => back.faults = faults,
                Some(_) => back.stale = true,
            }
        }
        _ => return Err(WebError::Malformed),
    }
    let refused = !back.faults.is_empty() || back.stale;
    let page = build(&state, &asked, file, back).await?;
    let status = if refused {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    Ok((status, render(&page)?).into_response())
}

/// The faults of a text that is being written.
pub(in crate::web) async fn check(
    State(state): State<WebState>,
    fields: Fields,
) -> Result<Json<Value>, WebError> {
    let file = fields.text("file").to_owned();
    named(&file)?;
    let content = text(&fields);
    let checked = state
        .ask(move |store| rule_editor::check(store, &file, &content))
        .await?;
    let faults = checked.err().unwrap_or_default();
    let faults: Vec<String> = faults.iter().take(FAULTS).map(ToString::to_string).collect();
    Ok(Json(json!({ "faults": faults })))
}

fn named(file: &str) -> Result<(), WebError> {
    if rule_editor::is_name(file) {
        Ok(())
    } else {
        Err(WebError::Malformed)
    }
}

/// The text as files have it: browsers send two characters for the end of a line.
fn text(fields: &Fields) -> String {
    let mut text = fields.raw("content").replace("\r\n", "\n");
    if !text.ends_with('\n') && !text.is_empty() {
        text.push('\n');
    }
    text
}

async fn build(state: &WebState, asked: &Asked, file: String, typed: Typed) -> Result<EditorPage, WebError> {
    let p = asked.page(state, "/rules");
    let name = file.clone();
    let opened = state.ask(move |store| rule_editor::open(store, &name)).await?;
    let content = typed.content.unwrap_or(opened.content);
    let sent: usize = form_urlencoded::byte_serialize(content.as_bytes())
        .map(str::len)
        .sum();
    Ok(EditorPage {
        too_large: sent + BESIDE > OWN_FORM_BYTES,
        origin: agent_text(&opened.origin),
        version: opened.version,
        stale: typed.stale,
        checked: typed.checked && typed.faults.is_empty(),
        faults: typed
            .faults
            .iter()
            .take(FAULTS)
            .map(|fault| agent_text(&fault.to_string()))
            .collect(),
        preview: typed.preview.map(shown),
        content,
        file,
        p,
    })
}

fn shown(preview: Preview) -> Shown {
    Shown {
        rules: preview.rules.iter().map(|rule| agent_text(rule)).collect(),
        reached: preview.reached,
        looked: preview.looked,
        counts: preview
            .counts
            .iter()
            .map(|(rule, (opens, resolves))| (agent_text(rule), *opens, *resolves))
            .collect(),
        named: preview
            .named
            .iter()
            .map(|(asset, rule, subject, opens)| {
                (agent_text(asset), agent_text(rule), agent_text(subject), *opens)
            })
            .collect(),
    }
}
