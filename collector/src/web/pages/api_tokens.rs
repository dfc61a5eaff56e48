//! `GET /api-tokens`, `POST /api-tokens`, `POST /api-tokens/{id}/revoke`: tokens of the API. A new one is shown once,
//! in the answer to the form that made it.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    model::{ApiScope, ApiToken, Millis, Sight},
    port::{Store, StoreResult},
};

use super::{
    Asked, render,
    token_form::{self, Basics, is_short},
};
use crate::web::{
    bearer,
    error::WebError,
    form::Fields,
    list::{Batch, Column, Exports, List, ListAsk},
    page::Page,
    session::Secret,
    state::WebState,
    text::{Agent, agent_text},
};

const DAY_MS: Millis = 86_400_000;
const UNIT: &str = "days";
const LONGEST_DAYS: Millis = 366;

#[derive(Template)]
#[template(path = "api_tokens.html")]
struct ApiTokensPage {
    p: Page,
    tokens: Vec<TokenLine>,
    form: Typed,
    made: Option<Made>,
    example: String,
    exports: Exports,
}

struct TokenLine {
    id: i64,
    label: Agent,
    scopes: Vec<&'static str>,
    departments: Vec<Agent>,
    created_at: Millis,
    created_by: Agent,
    expires_at: Millis,
    last_used_at: Option<Millis>,
    /// `usable`, `expired` or `revoked`.
    state: &'static str,
}

struct Made {
    label: Agent,
    secret: String,
}

/// What was typed, to come back with its faults.
#[derive(Debug)]
struct Typed {
    basics: Basics,
    departments: String,
    scopes: Vec<ApiScope>,
}

impl Default for Typed {
    fn default() -> Self {
        Self {
            basics: Basics::new(UNIT, "90"),
            departments: String::new(),
            scopes: vec![ApiScope::Read],
        }
    }
}

impl Typed {
    /// Every scope, and whether it is ticked.
    fn choices(&self) -> Vec<(&'static str, bool)> {
        ApiScope::ALL
            .into_iter()
            .map(|scope| (scope.name(), self.scopes.contains(&scope)))
            .collect()
    }
}

/// The list.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    render(&build(&state, &asked, Typed::default(), None).await?)
}

/// Makes a token.
pub(in crate::web) async fn create(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let now = state.clock.now();
    let token = match read(&fields, &asked.viewer.name, now) {
        Ok(token) => token,
        Err(typed) => {
            let page = build(&state, &asked, *typed, None).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
        }
    };
    let secret = bearer::written(&Secret::random()?);
    let token = ApiToken {
        hash: bearer::hash(&secret),
        ..token
    };
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.name()).collect();
    let detail = serde_json::json!({
        "label": token.label, "scopes": scopes, "departments": token.sight.departments(),
        "expires_at": token.expires_at,
    });
    let audit = asked.audit(&state, "api_token.create", "api_token", detail.to_string());
    let made = Made {
        label: agent_text(&token.label),
        secret,
    };
    state
        .ask(move |store| store.create_api_token(&token, &audit))
        .await?;
    let page = build(&state, &asked, Typed::default(), Some(made)).await?;
    Ok((StatusCode::CREATED, render(&page)?).into_response())
}

/// Withdraws a token.
pub(in crate::web) async fn revoke(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Response, WebError> {
    let id: i64 = asked
        .places
        .get("id")
        .and_then(|id| id.parse().ok())
        .ok_or(WebError::NotFound)?;
    let audit = asked.audit(&state, "api_token.revoke", format!("api_token:{id}"), "");
    state.ask(move |store| store.revoke_api_token(id, &audit)).await?;
    Ok(Redirect::to("/api-tokens").into_response())
}

/// The token that a form asks for, or the form with its faults.
fn read(fields: &Fields, actor: &str, now: Millis) -> Result<ApiToken, Box<Typed>> {
    let mut typed = Typed {
        basics: Basics::read(UNIT, fields),
        departments: fields.text("departments").to_owned(),
        scopes: ApiScope::ALL
            .into_iter()
            .filter(|scope| fields.all("scope").any(|name| name == scope.name()))
            .collect(),
    };
    let sight = Sight::of(&typed.departments);
    let departments = sight.departments();
    let rest = [
        ("scopes", !typed.scopes.is_empty()),
        (
            "departments",
            departments.len() <= 50
                && departments.iter().all(|name| is_short(name))
                // The log and the people belong to no department.
                && !(sight.is_limited() && typed.scopes.contains(&ApiScope::Audit)),
        ),
    ];
    let Some(days) = typed.basics.check(LONGEST_DAYS, &rest) else {
        return Err(Box::new(typed));
    };
    Ok(ApiToken {
        id: 0,
        label: typed.basics.label,
        hash: [0; 32],
        scopes: typed.scopes,
        sight,
        created_at: now,
        created_by: actor.to_owned(),
        expires_at: now + days * DAY_MS,
        last_used_at: None,
        revoked_at: None,
    })
}

async fn build(
    state: &WebState,
    asked: &Asked,
    form: Typed,
    made: Option<Made>,
) -> Result<ApiTokensPage, WebError> {
    let p = asked.page(state, "/api-tokens");
    let tokens = state.ask(|store| store.api_tokens()).await?;
    Ok(ApiTokensPage {
        tokens: tokens.iter().map(|token| line(token, p.now)).collect(),
        example: format!(
            "curl -H \"Authorization: Bearer $TOKEN\" {}/api/v1/findings",
            state.config.public_url
        ),
        exports: Exports::of("/api-tokens/export", asked),
        form,
        made,
        p,
    })
}

fn line(token: &ApiToken, now: Millis) -> TokenLine {
    TokenLine {
        id: token.id,
        label: agent_text(&token.label),
        scopes: token.scopes.iter().map(|scope| scope.name()).collect(),
        departments: token
            .sight
            .departments()
            .iter()
            .map(|name| agent_text(name))
            .collect(),
        created_at: token.created_at,
        created_by: agent_text(&token.created_by),
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
        state: token_form::state(token.revoked_at.is_some(), false, token.expires_at <= now),
    }
}

/// The tokens of the API, as a list. Their secrets are in no list.
pub(in crate::web) struct ApiTokenList;

impl List for ApiTokenList {
    type Row = ApiToken;
    const NAME: &'static str = "api_tokens";
    const TITLE: &'static str = "nav.api_tokens";
    const FILTERS: &'static [(&'static str, &'static str)] = &[];

    fn columns() -> Vec<Column<ApiToken>> {
        vec![
            Column::number("id", "tokens.id", |token| Some(token.id)),
            Column::text("label", "tokens.label", |token, _| Some(token.label.clone())),
            Column::texts("scopes", "api_tokens.scopes", |token| {
                token.scopes.iter().map(|scope| scope.name().to_owned()).collect()
            }),
            Column::texts("departments", "users.departments", |token| {
                token.sight.departments().to_vec()
            }),
            Column::when("created_at", "asset.created", |token| Some(token.created_at)),
            Column::text("created_by", "tokens.by", |token, _| {
                Some(token.created_by.clone())
            }),
            Column::when("expires_at", "tokens.ends", |token| Some(token.expires_at)),
            Column::when("last_used_at", "api_tokens.last_used", |token| token.last_used_at),
            Column::when("revoked_at", "tokens.revoked", |token| token.revoked_at),
        ]
    }

    fn fetch(store: &dyn Store, _: &ListAsk, from: Option<i64>, limit: u32) -> StoreResult<Batch<ApiToken>> {
        Ok(Batch::of_whole(store.api_tokens()?, from, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Result<ApiToken, Box<Typed>> {
        read(&Fields::parse(text.as_bytes()), "admin", 0)
    }

    #[test]
    fn every_fault_of_the_form_is_named_at_once() {
        let typed = form("label=&days=400&departments=x").err().unwrap();
        assert_eq!(typed.basics.faults, ["label", "days", "scopes"]);
        let typed = form("label=x&days=1&scope=audit&departments=x").err().unwrap();
        assert_eq!(typed.basics.faults, ["departments"]);
    }

    #[test]
    fn a_good_form_makes_a_token() {
        let token = form("label=reports&days=30&scope=read&scope=act&departments=A%0AB").unwrap();
        assert_eq!(token.scopes, [ApiScope::Read, ApiScope::Act]);
        assert_eq!(token.expires_at, 30 * DAY_MS);
        assert_eq!(token.sight.departments(), ["A", "B"]);
    }
}
