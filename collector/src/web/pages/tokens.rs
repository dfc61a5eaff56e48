//! `GET /tokens`, `POST /tokens`, `POST /tokens/{id}/revoke`: enrolment tokens. A new one is shown once, in
//! the answer to the form that made it, with the commands of [`rollout`].

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    model::{AuditEntry, Millis, TokenId, TokenRow},
    port::{Store, StoreResult},
    token::Token,
};

use super::{
    Asked, render,
    rollout::{self, Bundle, Way},
    token_form::{self, Basics, is_short},
};
use crate::web::{
    error::WebError,
    form::Fields,
    list::{Batch, Column, Exports, List, ListAsk},
    page::Page,
    session,
    state::WebState,
    text::{Agent, agent_text},
};

const HOUR_MS: Millis = 60 * 60 * 1000;
const MOST_USES: u32 = 10_000;
const UNIT: &str = "hours";
const LONGEST_HOURS: Millis = 24 * 90;

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    p: Page,
    tokens: Vec<TokenLine>,
    made: Option<Made>,
    form: Typed,
    collector: String,
    pin: String,
    exports: Exports,
}

struct TokenLine {
    id: i64,
    label: Agent,
    uses: u32,
    max_uses: u32,
    expires_at: Millis,
    cidr: Agent,
    department: Agent,
    needs_approval: bool,
    created_at: Millis,
    created_by: Agent,
    /// `usable`, `expired`, `used` or `revoked`.
    state: &'static str,
}

struct Made {
    label: Agent,
    secret: String,
    ways: Vec<Way>,
}

/// What was typed, to come back with its faults.
#[derive(Debug)]
struct Typed {
    basics: Basics,
    uses: String,
    cidr: String,
    department: String,
    approval: bool,
}

impl Default for Typed {
    fn default() -> Self {
        Self {
            basics: Basics::new(UNIT, "24"),
            uses: "1".into(),
            cidr: String::new(),
            department: String::new(),
            approval: false,
        }
    }
}

/// The list.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    render(&build(&state, &asked, None, Typed::default()).await?)
}

/// Makes a token.
pub(in crate::web) async fn create(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let now = state.clock.now();
    let row = match read(&fields, &asked.viewer.name, now) {
        Ok(row) => row,
        Err(typed) => {
            let page = build(&state, &asked, None, *typed).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
        }
    };
    let token = Token::from_random(session::random()?);
    let row = TokenRow {
        hash: token.hash(),
        ..row
    };
    let made = Made {
        label: agent_text(&row.label),
        ways: rollout::ways(Bundle {
            address: &state.config.agent_address,
            pin: &state.config.ca_pin,
            secret: token.reveal(),
        }),
        secret: token.reveal().to_owned(),
    };
    let detail = serde_json::json!({
        "label": row.label, "max_uses": row.max_uses, "expires_at": row.expires_at, "cidr": row.cidr,
        "needs_approval": row.needs_approval, "department": row.department,
    });
    let audit = AuditEntry {
        at: now,
        actor: asked.viewer.name.clone(),
        action: "token.create".into(),
        object: "token".into(),
        detail: detail.to_string(),
    };
    state.ask(move |store| store.create_token(&row, &audit)).await?;
    let page = build(&state, &asked, Some(made), Typed::default()).await?;
    Ok((StatusCode::CREATED, render(&page)?).into_response())
}

/// Withdraws a token.
pub(in crate::web) async fn revoke(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let id = id.parse().map(TokenId).map_err(|_| WebError::NotFound)?;
    let audit = AuditEntry {
        at: state.clock.now(),
        actor: asked.viewer.name,
        action: "token.revoke".into(),
        object: format!("token:{}", id.0),
        detail: String::new(),
    };
    state.ask(move |store| store.revoke_token(id, &audit)).await?;
    Ok(Redirect::to("/tokens").into_response())
}

async fn build(
    state: &WebState,
    asked: &Asked,
    made: Option<Made>,
    form: Typed,
) -> Result<TokensPage, WebError> {
    let p = asked.page(state, "/tokens");
    let now = p.now;
    let tokens = state.ask(|store| store.tokens()).await?;
    Ok(TokensPage {
        tokens: tokens.iter().map(|token| line(token, now)).collect(),
        made,
        form,
        collector: state.config.agent_address.clone(),
        pin: state.config.ca_pin.clone(),
        exports: Exports::of("/tokens/export", asked),
        p,
    })
}

fn line(token: &TokenRow, now: Millis) -> TokenLine {
    let text = |value: &Option<String>| agent_text(value.as_deref().unwrap_or_default());
    TokenLine {
        id: token.id.0,
        label: agent_text(&token.label),
        uses: token.uses,
        max_uses: token.max_uses,
        expires_at: token.expires_at,
        cidr: text(&token.cidr),
        department: text(&token.department),
        needs_approval: token.needs_approval,
        created_at: token.created_at,
        created_by: agent_text(&token.created_by),
        state: token_form::state(
            token.revoked_at.is_some(),
            token.uses >= token.max_uses,
            token.expires_at <= now,
        ),
    }
}

/// The token that a form asks for, or the form with its faults.
fn read(fields: &Fields, actor: &str, now: Millis) -> Result<TokenRow, Box<Typed>> {
    let mut typed = Typed {
        basics: Basics::read(UNIT, fields),
        uses: fields.text("uses").to_owned(),
        cidr: fields.text("cidr").to_owned(),
        department: fields.text("department").to_owned(),
        approval: fields.some("approval").is_some(),
    };
    let uses = typed
        .uses
        .parse()
        .ok()
        .filter(|uses| (1..=MOST_USES).contains(uses));
    let rest = [
        ("uses", uses.is_some()),
        ("cidr", typed.cidr.is_empty() || is_network(&typed.cidr)),
        ("department", is_short(&typed.department)),
    ];
    let (Some(hours), Some(uses)) = (typed.basics.check(LONGEST_HOURS, &rest), uses) else {
        return Err(Box::new(typed));
    };
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(TokenRow {
        id: TokenId(0),
        label: typed.basics.label,
        hash: [0; 32],
        max_uses: uses,
        uses: 0,
        expires_at: now + hours * HOUR_MS,
        cidr: some(typed.cidr),
        needs_approval: typed.approval,
        department: some(typed.department),
        created_at: now,
        created_by: actor.to_owned(),
        revoked_at: None,
    })
}

/// Whether a text is a network in CIDR notation.
fn is_network(text: &str) -> bool {
    let Some((address, prefix)) = text.split_once('/') else {
        return false;
    };
    let most = match address.parse() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    prefix.parse::<u8>().is_ok_and(|prefix| prefix <= most)
}

/// The tokens, as a list. Their secrets are in no list.
pub(in crate::web) struct TokenList;

impl List for TokenList {
    type Row = TokenRow;
    const NAME: &'static str = "tokens";
    const TITLE: &'static str = "nav.tokens";
    const FILTERS: &'static [(&'static str, &'static str)] = &[];

    fn columns() -> Vec<Column<TokenRow>> {
        vec![
            Column::number("id", "tokens.id", |token| Some(token.id.0)),
            Column::text("label", "tokens.label", |token, _| Some(token.label.clone())),
            Column::number("uses", "tokens.uses", |token| Some(i64::from(token.uses))),
            Column::number("max_uses", "tokens.max_uses", |token| {
                Some(i64::from(token.max_uses))
            }),
            Column::text("cidr", "tokens.cidr", |token, _| token.cidr.clone()),
            Column::text("department", "asset.department", |token, _| {
                token.department.clone()
            }),
            Column::flag("needs_approval", "tokens.approval", |token| token.needs_approval),
            Column::when("created_at", "asset.created", |token| Some(token.created_at)),
            Column::text("created_by", "tokens.by", |token, _| {
                Some(token.created_by.clone())
            }),
            Column::when("expires_at", "tokens.ends", |token| Some(token.expires_at)),
            Column::when("revoked_at", "tokens.revoked", |token| token.revoked_at),
        ]
    }

    fn fetch(store: &dyn Store, _: &ListAsk, from: Option<i64>, limit: u32) -> StoreResult<Batch<TokenRow>> {
        Ok(Batch::of_whole(store.tokens()?, from, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Result<TokenRow, Box<Typed>> {
        read(&Fields::parse(text.as_bytes()), "admin", 0)
    }

    #[test]
    fn every_fault_of_the_form_is_named_at_once() {
        let typed = form("label=&uses=0&hours=x&cidr=10.0.0.0/33&department=ok")
            .err()
            .unwrap();
        assert_eq!(typed.basics.faults, ["label", "hours", "uses", "cidr"]);
        assert_eq!(typed.cidr, "10.0.0.0/33");
    }

    #[test]
    fn a_good_form_makes_a_token() {
        let row = form("label=front+desk&uses=5&hours=24&cidr=10.0.0.0/8&approval=on").unwrap();
        assert_eq!(
            (row.max_uses, row.expires_at, row.needs_approval),
            (5, 24 * HOUR_MS, true)
        );
        assert_eq!(row.cidr.as_deref(), Some("10.0.0.0/8"));
        assert_eq!(row.department, None);
    }
}
