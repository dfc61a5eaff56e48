//! `GET /sign-in/code`, `POST /sign-in/code`: the second step of a sign-in. The password was right; until the code
//! is, the session opens nothing else. Attempts are counted before a code is looked at.

use askama::Template;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    model::{Millis, person},
    port::SignInAttempt,
};

use super::{Asked, render, totp as own};
use crate::web::{
    cookie::{self, Keep},
    error::WebError,
    form::{Fields, link, local_path},
    page::Page,
    session::{self, SESSION_COOKIE, Secret},
    state::WebState,
    totp,
};

#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct CodePage {
    p: Page,
    next: String,
    wrong: bool,
    locked_until: Option<Millis>,
}

/// The form.
pub(in crate::web) async fn page(asked: Asked) -> Result<Response, WebError> {
    let next = asked.query.some("next").and_then(local_path).unwrap_or_default();
    answer(&asked, StatusCode::OK, next, false, None)
}

/// An attempt: a code of now, or a recovery code.
pub(in crate::web) async fn attempt(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let next = local_path(fields.text("next")).unwrap_or_default().to_owned();
    let viewer = &asked.viewer;
    let now = state.clock.now();
    // No sign-in name holds a slash: guesses at codes are counted apart from those at passwords.
    let counter = format!("{}/code", viewer.name);
    let (policy, counted) = (state.config.sign_in, counter.clone());
    let lockout = Millis::try_from(policy.lockout.as_millis()).unwrap_or(Millis::MAX);
    let attempt = state
        .ask(move |store| store.count_sign_in(&counted, now, policy.threshold, lockout))
        .await?;
    if let SignInAttempt::LockedUntil(until) = attempt {
        let mut response = answer(&asked, StatusCode::TOO_MANY_REQUESTS, &next, false, Some(until))?;
        let seconds = until.saturating_sub(now).div_euclid(1000).max(0) + 1;
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        return Ok(response);
    }
    let id = viewer.user;
    let user = state
        .ask(move |store| store.user(id))
        .await?
        .ok_or(WebError::NotFound)?;
    let sealed = user.totp.clone().ok_or(WebError::Forbidden)?;
    let secret = own::open(&state, id, sealed).await?;
    let typed = fields.text("code");
    let step = secret.and_then(|secret| totp::step(&secret, typed, now));
    let recovery = totp::recovery_hash(typed);
    let object = format!("user:{}", person(&viewer.name));
    let recovered = asked.audit(&state, "totp.recover", object.clone(), "");
    let refused = asked.audit(&state, "totp.refused", object, "");
    let right = state
        .ask(move |store| {
            let right = match step {
                Some(step) => store.use_totp_step(id, step)?,
                None => store.use_recovery_code(id, &recovery, &recovered)?,
            };
            if right {
                store.clear_sign_in(&counter)?;
            } else {
                store.audit(&refused)?;
            }
            Ok(right)
        })
        .await?;
    if !right {
        return answer(&asked, StatusCode::UNAUTHORIZED, &next, true, None);
    }
    // A fresh secret: the one of the first step never opens anything.
    let (csrf, secret) = (session::random()?, Secret::random()?);
    let (before, text) = (Some(viewer.session), secret.reveal().to_owned());
    state
        .ask(move |store| session::open(store, &user, before, csrf, &text, now, false))
        .await?;
    let to = if viewer.must_change {
        "/account"
    } else if next.is_empty() {
        "/"
    } else {
        &next
    };
    let mut response = Redirect::to(to).into_response();
    response.headers_mut().extend(
        cookie::set(SESSION_COOKIE, secret.reveal(), Keep::Session).map(|value| (header::SET_COOKIE, value)),
    );
    Ok(response)
}

fn answer(
    asked: &Asked,
    status: StatusCode,
    next: &str,
    wrong: bool,
    locked_until: Option<Millis>,
) -> Result<Response, WebError> {
    let back = link("/sign-in/code", &[("next", next)]);
    let page = CodePage {
        p: Page::sign_in(asked.preferences, &asked.viewer.csrf, &back),
        next: next.to_owned(),
        wrong,
        locked_until,
    };
    Ok((status, render(&page)?).into_response())
}
