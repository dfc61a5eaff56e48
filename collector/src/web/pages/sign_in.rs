//! `GET /sign-in`, `POST /sign-in`, `POST /sign-out`. An attempt is counted before the password is looked
//! at, names that do not exist cost the same work, and the answer does not tell which of both was wrong.

use std::time::Duration;

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    model::{Millis, User},
    port::SignInAttempt,
};

use super::{Asked, render};
use crate::password;
use crate::web::{
    cookie::{self, Keep},
    error::WebError,
    form::{Fields, Query, link, local_path},
    page::Page,
    session::{self, FORM_COOKIE, Preferences, SESSION_COOKIE, Secret, Viewer},
    state::WebState,
};

const LONGEST_NAME: usize = 64;
/// How long a sign-in waits for its turn to be hashed.
const HASH_WAIT: Duration = Duration::from_secs(10);

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    p: Page,
    name: String,
    next: String,
    wrong: bool,
    locked_until: Option<Millis>,
}

/// The form.
pub(in crate::web) async fn page(
    Extension(preferences): Extension<Preferences>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, WebError> {
    let next = query
        .some("next")
        .and_then(local_path)
        .unwrap_or_default()
        .to_owned();
    answer(
        preferences,
        &headers,
        StatusCode::OK,
        String::new(),
        next,
        false,
        None,
    )
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
    let name = typed.to_lowercase();
    let next = local_path(fields.text("next")).unwrap_or_default().to_owned();
    let user = match check_password(&state, &name, fields.raw("password").to_owned()).await? {
        Checked::Right(user) => user,
        Checked::Wrong => {
            return answer(
                preferences,
                &headers,
                StatusCode::UNAUTHORIZED,
                typed,
                next,
                true,
                None,
            );
        }
        Checked::Locked(until) => {
            let mut response = answer(
                preferences,
                &headers,
                StatusCode::TOO_MANY_REQUESTS,
                typed,
                next,
                false,
                Some(until),
            )?;
            let seconds = until.saturating_sub(state.clock.now()).div_euclid(1000).max(0) + 1;
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            return Ok(response);
        }
    };
    let (csrf, secret, now) = (session::random()?, Secret::random()?, state.clock.now());
    let (before, text) = (session::presented(&headers), secret.reveal().to_owned());
    let (must_change, code_due) = (user.must_change_password, user.totp.is_some());
    state
        .ask(move |store| session::open(store, &user, before, csrf, &text, now, code_due))
        .await?;
    let code = link("/sign-in/code", &[("next", &next)]);
    let to = if code_due {
        &code
    } else if must_change {
        "/account"
    } else if next.is_empty() {
        "/"
    } else {
        &next
    };
    let mut response = Redirect::to(to).into_response();
    let cookies = [
        cookie::set(SESSION_COOKIE, secret.reveal(), Keep::Session),
        cookie::set(FORM_COOKIE, "", Keep::Gone),
    ];
    response.headers_mut().extend(
        cookies
            .into_iter()
            .flatten()
            .map(|value| (header::SET_COOKIE, value)),
    );
    Ok(response)
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

/// What a password check says.
pub(super) enum Checked {
    /// It is this person's.
    Right(User),
    /// No such name, switched off, or another password: not told apart.
    Wrong,
    /// Too many attempts: nothing was looked at.
    Locked(Millis),
}

/// Counts the attempt, then compares.
pub(super) async fn check_password(
    state: &WebState,
    name: &str,
    password: String,
) -> Result<Checked, WebError> {
    let policy = state.config.sign_in;
    let now = state.clock.now();
    // Few hashes at once, and a short queue: a flood of attempts takes neither memory nor every core.
    let turn = tokio::time::timeout(HASH_WAIT, state.hashing.acquire())
        .await
        .map_err(|_| WebError::Busy)?;
    let _turn = turn.map_err(|_| WebError::Internal("hashing has ended"))?;
    let name = name.to_owned();
    state
        .ask(move |store| {
            let lockout = Millis::try_from(policy.lockout.as_millis()).unwrap_or(Millis::MAX);
            if let SignInAttempt::LockedUntil(until) =
                store.count_sign_in(&name, now, policy.threshold, lockout)?
            {
                return Ok(Checked::Locked(until));
            }
            let user = store.user_by_name(&name)?;
            let right = password::verify(&password, user.as_ref().map(|user| user.password_hash.as_str()));
            match user {
                Some(user) if right && user.disabled_at.is_none() => {
                    store.clear_sign_in(&name)?;
                    Ok(Checked::Right(user))
                }
                Some(user) => {
                    store.audit(&session::entry(now, &name, "sign_in.refused", user.id))?;
                    Ok(Checked::Wrong)
                }
                None => Ok(Checked::Wrong),
            }
        })
        .await
}

fn answer(
    preferences: Preferences,
    headers: &HeaderMap,
    status: StatusCode,
    name: String,
    next: String,
    wrong: bool,
    locked_until: Option<Millis>,
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
    let back = link("/sign-in", &[("next", &next)]);
    let page = SignInPage {
        p: Page::sign_in(preferences, &csrf, &back),
        name,
        next,
        wrong,
        locked_until,
    };
    let mut response = (status, render(&page)?).into_response();
    response
        .headers_mut()
        .extend(fresh.map(|value| (header::SET_COOKIE, value)));
    Ok(response)
}
