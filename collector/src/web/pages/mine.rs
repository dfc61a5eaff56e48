//! `GET /mine/{secret}`, `POST /mine/{secret}`: what is collected about the PC in front of somebody, why, and who
//! looked at it. The secret is a link that only that PC was handed, for an hour; nobody signs in here. Nothing of
//! another PC, and nothing that a person did on this one, is shown.

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    model::{AuditEntry, AuditFilter, Lang, Millis, person},
    port::{AssetRow, Paging},
};
use deskwarden_proto::{
    describe::{self, FieldDoc, FieldSensitivity},
    ids::DeviceId,
};

use super::render;
use crate::staff_notice::version;
use crate::web::{
    error::WebError,
    form::Fields,
    page::Page,
    session::{self, Preferences},
    state::WebState,
    text::{Agent, agent_text},
};

/// Looks that the page shows.
const LOOKS: u32 = 50;
const LONGEST_NAME: usize = 100;

#[derive(Template)]
#[template(path = "mine.html")]
struct MinePage {
    p: Page,
    address: String,
    pc: Agent,
    number: Agent,
    sections: Vec<SectionLine>,
    looks: Vec<(Millis, Agent)>,
    version: String,
    acknowledged: Vec<(Millis, Agent)>,
    name: String,
    thanks: bool,
    fault: bool,
}

struct SectionLine {
    label: &'static str,
    purpose: &'static str,
    fields: Vec<FieldLine>,
}

struct FieldLine {
    label: &'static str,
    purpose: &'static str,
    sensitivity: &'static str,
}

/// The page.
pub(in crate::web) async fn page(
    State(state): State<WebState>,
    Extension(preferences): Extension<Preferences>,
    Path(secret): Path<String>,
    query: crate::web::form::Query,
) -> Result<Response, WebError> {
    let thanks = query.some("thanks").is_some();
    let page = build(&state, preferences, &secret, String::new(), thanks, false).await?;
    render(&page)
}

/// Somebody read it.
pub(in crate::web) async fn acknowledge(
    State(state): State<WebState>,
    Extension(preferences): Extension<Preferences>,
    Path(secret): Path<String>,
    fields: Fields,
) -> Result<Response, WebError> {
    let name = fields.text("name").to_owned();
    let good =
        !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control);
    if !good {
        let page = build(&state, preferences, &secret, name, false, true).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
    }
    let (device, _) = find(&state, &secret).await?;
    let audit = AuditEntry {
        at: state.clock.now(),
        actor: name.clone(),
        action: "notice.acknowledge".into(),
        object: format!("device:{device}"),
        detail: serde_json::json!({"version": version(), "name": person(&name)}).to_string(),
    };
    state
        .ask(move |store| store.acknowledge(device, &version(), &name, &audit))
        .await?;
    Ok(Redirect::to(&format!("/mine/{secret}?thanks=yes")).into_response())
}

/// The PC that a link was handed to. One that does not hold is as one that never was.
async fn find(state: &WebState, secret: &str) -> Result<(DeviceId, AssetRow), WebError> {
    if secret.len() != 43
        || !secret
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    {
        return Err(WebError::NotFound);
    }
    let (hash, now) = (session::hash(secret), state.clock.now());
    let found = state
        .ask(move |store| {
            let Some(id) = store.staff_link(&hash, now)? else {
                return Ok(None);
            };
            let Some(device) = store.device(id)? else {
                return Ok(None);
            };
            Ok(store.asset(device.asset)?.map(|(asset, _)| (id, asset)))
        })
        .await?;
    found.ok_or(WebError::NotFound)
}

async fn build(
    state: &WebState,
    preferences: Preferences,
    secret: &str,
    name: String,
    thanks: bool,
    fault: bool,
) -> Result<MinePage, WebError> {
    let (device, row) = find(state, secret).await?;
    let asset = row.asset.id;
    let (looks, read) = state
        .ask(move |store| {
            let newest = Paging {
                offset: 0,
                limit: LOOKS,
            };
            let mut looks = Vec::new();
            for object in [format!("asset:{}", asset.0), format!("device:{device}")] {
                let filter = AuditFilter {
                    action: Some("view".into()),
                    object: Some(object),
                    ..AuditFilter::default()
                };
                looks.extend(store.audit_page(&filter, newest)?.rows);
            }
            Ok((looks, store.acknowledgements(Some(asset), newest)?.rows))
        })
        .await?;
    let mut looks: Vec<(Millis, Agent)> = looks
        .iter()
        .map(|record| (record.entry.at, agent_text(&record.entry.actor)))
        .collect();
    looks.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    looks.truncate(LOOKS as usize);
    let address = format!("/mine/{secret}");
    let lang = preferences.lang;
    Ok(MinePage {
        p: Page::notice(state, preferences, &address),
        pc: agent_text(&row.asset.name),
        number: agent_text(row.asset.number.as_deref().unwrap_or_default()),
        sections: sections(lang),
        looks,
        acknowledged: read
            .iter()
            .filter(|one| one.version == version())
            .map(|one| (one.at, agent_text(&one.name)))
            .collect(),
        version: version(),
        address,
        name,
        thanks,
        fault,
    })
}

fn sections(lang: Lang) -> Vec<SectionLine> {
    let zh = lang == Lang::Zh;
    let line = |field: &'static FieldDoc| FieldLine {
        label: if zh { field.zh } else { field.en },
        purpose: if zh { field.purpose_zh } else { field.purpose_en },
        sensitivity: match field.sensitivity {
            FieldSensitivity::Technical => "technical",
            FieldSensitivity::Device => "device",
            FieldSensitivity::Personal => "personal",
        },
    };
    describe::SECTIONS
        .iter()
        .map(|section| SectionLine {
            label: if zh { section.zh } else { section.en },
            purpose: if zh {
                section.purpose_zh
            } else {
                section.purpose_en
            },
            fields: section.fields.iter().map(line).collect(),
        })
        .collect()
}
