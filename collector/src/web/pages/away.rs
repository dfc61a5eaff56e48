//! `GET /sign-in/oidc`, `GET /sign-in/oidc/back`: signing in at an OpenID provider. What is under way is in a cookie of
//! ten minutes; the provider's answer counts only in the browser that has it.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};

use super::{
    proof::{Checked, admit, refusal},
    render,
    sign_in::{Said, answer, open},
};
use crate::{
    vouch::{Provider, VouchError, attempt::Attempt},
    web::{
        cookie::{self, Keep},
        error::WebError,
        form::{Query, local_path},
        page::Page,
        session::{self, AWAY_COOKIE, Preferences},
        state::WebState,
    },
};

#[derive(Template)]
#[template(path = "signed_in.html")]
struct SignedInPage {
    p: Page,
    to: String,
}

/// Sends the browser to the provider.
pub(in crate::web) async fn leave(
    State(state): State<WebState>,
    Extension(preferences): Extension<Preferences>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, WebError> {
    let provider = provider(&state)?;
    let next = query.some("next").and_then(local_path).unwrap_or_default();
    let attempt = Attempt::new(session::random()?, state.clock.now(), next);
    let kept = cookie::set(AWAY_COOKIE, &attempt.cookie(), Keep::Away);
    let address = asked(&provider, move |provider| provider.address(&attempt)).await?;
    match address {
        Ok(address) => {
            let mut response = Redirect::to(&address).into_response();
            response
                .headers_mut()
                .extend(kept.map(|value| (header::SET_COOKIE, value)));
            Ok(response)
        }
        Err(error) => refused(&state, preferences, &headers, &error, next),
    }
}

/// Takes what the provider gave the browser.
pub(in crate::web) async fn back(
    State(state): State<WebState>,
    Extension(preferences): Extension<Preferences>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, WebError> {
    let provider = provider(&state)?;
    let now = state.clock.now();
    let attempt = cookie::get(&headers, AWAY_COOKIE).and_then(|value| Attempt::of_cookie(value, now));
    let Some(attempt) =
        attempt.filter(|attempt| session::same(&attempt.state(), query.some("state").unwrap_or_default()))
    else {
        // Not begun here, too long ago, or in another browser: nothing of it is looked at.
        let said = Said {
            fault: Some("not_begun"),
            ..Said::default()
        };
        return answer(&state, preferences, &headers, StatusCode::UNAUTHORIZED, said).map(over);
    };
    let next = local_path(attempt.next()).unwrap_or_default().to_owned();
    // RFC 9207: an answer that says from whom it is must be from the one who was asked.
    let other = query
        .some("iss")
        .is_some_and(|issuer| issuer != provider.issuer());
    if other || query.some("error").is_some() {
        let why = crate::notify::clean(query.some("error").unwrap_or("it comes from another issuer"));
        let error = VouchError::Unproven(format!("the provider says {why}"));
        return refused(&state, preferences, &headers, &error, &next);
    }
    let code = query.some("code").unwrap_or_default().to_owned();
    let redeemed = asked(&provider, move |provider| provider.redeem(&code, &attempt, now)).await?;
    let checked = match redeemed {
        Ok(who) => admit(&state, who).await?,
        Err(error) => refusal(&error, "provider"),
    };
    match checked {
        Checked::Right(user) => {
            let opened = open(&state, &headers, user, &next).await?;
            let page = SignedInPage {
                p: Page::anonymous(preferences),
                to: opened.to,
            };
            // Not a redirect: on one that began at another site the browser keeps the session's cookie back.
            let mut response = render(&page)?;
            let cookies = opened.cookies.into_iter();
            response
                .headers_mut()
                .extend(cookies.map(|value| (header::SET_COOKIE, value)));
            Ok(over(response))
        }
        other => told(&state, preferences, &headers, other, &next).map(over),
    }
}

fn provider(state: &WebState) -> Result<Arc<Provider>, WebError> {
    state.config.vouchers.oidc.clone().ok_or(WebError::NotFound)
}

/// Asks the provider on a thread of its own, a few at once.
async fn asked<T: Send + 'static>(
    provider: &Arc<Provider>,
    question: impl FnOnce(&Provider) -> Result<T, VouchError> + Send + 'static,
) -> Result<Result<T, VouchError>, WebError> {
    let turn = provider.turns().try_acquire_owned().map_err(|_| WebError::Busy)?;
    let provider = Arc::clone(provider);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        question(&provider)
    })
    .await
    .map_err(|_| WebError::Internal("a question to the provider was cut off"))
}

fn refused(
    state: &WebState,
    preferences: Preferences,
    headers: &HeaderMap,
    error: &VouchError,
    next: &str,
) -> Result<Response, WebError> {
    told(state, preferences, headers, refusal(error, "provider"), next).map(over)
}

fn told(
    state: &WebState,
    preferences: Preferences,
    headers: &HeaderMap,
    checked: Checked,
    next: &str,
) -> Result<Response, WebError> {
    let (status, fault) = match checked {
        Checked::Outside(status, fault) => (status, fault),
        _ => (StatusCode::UNAUTHORIZED, "unproven"),
    };
    let said = Said {
        next: next.to_owned(),
        fault: Some(fault),
        ..Said::default()
    };
    answer(state, preferences, headers, status, said)
}

/// What was under way is over: its cookie goes.
fn over(mut response: Response) -> Response {
    let gone: Option<HeaderValue> = cookie::set(AWAY_COOKIE, "", Keep::Gone);
    response
        .headers_mut()
        .extend(gone.map(|value| (header::SET_COOKIE, value)));
    response
}
