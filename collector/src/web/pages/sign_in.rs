//! `GET /sign-in`, `POST /sign-in`, `POST /sign-out`. An attempt is counted before the password is looked
//! at, names that do not exist cost the same work, and the answer does not tell which of both was wrong.

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::model::{Millis, User};

use super::{
    Asked,
    proof::{Checked, check_password},
    render,
};
use crate::vouch;
use crate::web::{
    cookie::{self, Keep},
    error::WebError,
    form::{Fields, Query, link, local_path},
    page::Page,
    session::{self, FORM_COOKIE, Preferences, SESSION_COOKIE, Secret, Viewer},
    state::WebState,
};

const LONGEST_NAME: usize = 64;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    p: Page,
    name: String,
    next: String,
    wrong: bool,
    /// Name of another refusal in the locales.
    fault: Option<&'static str>,
    locked_until: Option<Millis>,
    /// Whether a directory is asked, too.
    directory: bool,
    /// Name of the provider, and where its sign-in begins.
    provider: Option<(String, String)>,
}

/// What the form says beside its fields.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) name: String,
    pub(super) next: String,
    pub(super) wrong: bool,
    pub(super) fault: Option<&'static str>,
    pub(super) locked_until: Option<Millis>,
}

/// The form.
pub(in crate::web) async fn page(
    State(state): State<WebState>,
    Extension(preferences): Extension<Preferences>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, WebError> {
    let next = query
        .some("next")
        .and_then(local_path)
        .unwrap_or_default()
        .to_owned();
    let said = Said {
        next,
        ..Said::default()
    };
    answer(&state, preferences, &headers, StatusCode::OK, said)
}

/// An attempt.
pub(in crate::web) async fn attempt(
    State(state): State<WebState>,
    Extension(preferences): Extension<Preferences>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, WebError> {
    let held = cookie::get(&headers, FORM_COOKIE).unwrap_or_default();
    if held.len() != 43 || !session::same(held, fields.raw("csrf")) {
        return Err(WebError::Forged);
    }
    let typed: String = fields.text("user").chars().take(LONGEST_NAME).collect();
    // A directory takes several ways of writing a name for the same: they are counted as one.
    let one_way = state
        .config
        .vouchers
        .ldap
        .as_ref()
        .and(vouch::sign_in_name(&typed));
    let name = one_way.unwrap_or_else(|| typed.to_lowercase());
    let next = local_path(fields.text("next")).unwrap_or_default().to_owned();
    let said = Said {
        name: typed,
        next: next.clone(),
        ..Said::default()
    };
    let refused = |status, said| answer(&state, preferences, &headers, status, said);
    match check_password(&state, &name, fields.raw("password").to_owned()).await? {
        Checked::Right(user) => Ok(redirect(open(&state, &headers, user, &next).await?)),
        Checked::Wrong => refused(StatusCode::UNAUTHORIZED, Said { wrong: true, ..said }),
        Checked::Outside(status, fault) => refused(
            status,
            Said {
                fault: Some(fault),
                ..said
            },
        ),
        Checked::Locked(until) => {
            let said = Said {
                locked_until: Some(until),
                ..said
            };
            let mut response = refused(StatusCode::TOO_MANY_REQUESTS, said)?;
            let seconds = until.saturating_sub(state.clock.now()).div_euclid(1000).max(0) + 1;
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            Ok(response)
        }
    }
}

/// A session that has begun: its cookies, and where the person goes.
pub(super) struct Opened {
    pub(super) to: String,
    pub(super) cookies: Vec<HeaderValue>,
}

/// Opens the session of somebody who is who they say; a one-time code may still be due.
pub(super) async fn open(
    state: &WebState,
    headers: &HeaderMap,
    user: User,
    next: &str,
) -> Result<Opened, WebError> {
    let (csrf, secret, now) = (session::random()?, Secret::random()?, state.clock.now());
    let (before, text) = (session::presented(headers), secret.reveal().to_owned());
    let (must_change, code_due) = (user.must_change_password, user.totp.is_some());
    state
        .ask(move |store| session::open(store, &user, before, csrf, &text, now, code_due))
        .await?;
    let to = if code_due {
        link("/sign-in/code", &[("next", next)])
    } else if must_change {
        "/account".to_owned()
    } else if next.is_empty() {
        "/".to_owned()
    } else {
        next.to_owned()
    };
    let cookies = [
        cookie::set(SESSION_COOKIE, secret.reveal(), Keep::Session),
        cookie::set(FORM_COOKIE, "", Keep::Gone),
    ];
    Ok(Opened {
        to,
        cookies: cookies.into_iter().flatten().collect(),
    })
}

fn redirect(opened: Opened) -> Response {
    let mut response = Redirect::to(&opened.to).into_response();
    let cookies = opened.cookies.into_iter();
    response
        .headers_mut()
        .extend(cookies.map(|value| (header::SET_COOKIE, value)));
    response
}

/// Ends the session.
pub(in crate::web) async fn sign_out(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Response, WebError> {
    let Viewer {
        session, name, user, ..
    } = asked.viewer;
    let now = state.clock.now();
    state
        .ask(move |store| store.end_session(&session, &session::entry(now, &name, "sign_out", user)))
        .await?;
    let mut response = Redirect::to("/sign-in").into_response();
    response
        .headers_mut()
        .extend(cookie::set(SESSION_COOKIE, "", Keep::Gone).map(|value| (header::SET_COOKIE, value)));
    response
        .headers_mut()
        .insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(response)
}

/// The form with what is to be said.
pub(super) fn answer(
    state: &WebState,
    preferences: Preferences,
    headers: &HeaderMap,
    status: StatusCode,
    said: Said,
) -> Result<Response, WebError> {
    let held = cookie::get(headers, FORM_COOKIE).filter(|value| value.len() == 43);
    let (csrf, fresh) = match held {
        Some(value) => (value.to_owned(), None),
        None => {
            let secret = Secret::random()?;
            (
                secret.reveal().to_owned(),
                cookie::set(FORM_COOKIE, secret.reveal(), Keep::Session),
            )
        }
    };
    let next = [("next", said.next.as_str())];
    let vouchers = &state.config.vouchers;
    let page = SignInPage {
        p: Page::sign_in(preferences, &csrf, &link("/sign-in", &next)),
        directory: vouchers.ldap.is_some(),
        provider: vouchers
            .oidc
            .as_ref()
            .map(|provider| (provider.label().to_owned(), link("/sign-in/oidc", &next))),
        name: said.name,
        wrong: said.wrong,
        fault: said.fault,
        locked_until: said.locked_until,
        next: said.next,
    };
    let mut response = (status, render(&page)?).into_response();
    response
        .headers_mut()
        .extend(fresh.map(|value| (header::SET_COOKIE, value)));
    Ok(response)
}
