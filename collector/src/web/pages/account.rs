//! `GET /account`, `POST /account/password`, `POST /preferences`: what a person may change of their own.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};

use deskwarden_domain::model::Voucher;

use super::{Asked, render};
use crate::password::{self, PasswordFault};
use crate::web::{
    cookie::{self, Keep},
    error::WebError,
    form::{Fields, local_path},
    locale,
    page::Page,
    session::{self, SESSION_COOKIE, Secret, THEME_COOKIE, Theme},
    state::WebState,
};

use super::proof::{Checked, check_password};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    p: Page,
    name: String,
    roles: Vec<&'static str>,
    /// Who keeps the password, if it is not kept here.
    elsewhere: Option<&'static str>,
    must_change: bool,
    changed: bool,
    /// Name of the refusal in the locales.
    fault: Option<&'static str>,
    shortest: u64,
    idle_minutes: u64,
    absolute_hours: u64,
}

/// The page.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    render(&build(&state, &asked, None))
}

/// Changes the password. Every session of the person ends, and this browser gets a new one.
pub(in crate::web) async fn change_password(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let viewer = &asked.viewer;
    if viewer.voucher != Voucher::Local {
        return Err(WebError::Forbidden);
    }
    let (current, new) = (fields.raw("current").to_owned(), fields.raw("new").to_owned());
    let fault = if new != fields.raw("again") {
        Some("repeat")
    } else if new == current {
        Some("same")
    } else {
        password::check(&new, &viewer.name)
            .err()
            .map(|fault| fault_name(&fault))
    };
    let fault = match fault {
        Some(fault) => Some(fault),
        // Guesses at the current password count like any other.
        None => match check_password(&state, &viewer.name, current).await? {
            Checked::Right(_) => None,
            Checked::Wrong | Checked::Outside(..) => Some("current"),
            Checked::Locked(_) => Some("locked"),
        },
    };
    if let Some(fault) = fault {
        let page = build(&state, &asked, Some(fault));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
    }

    let _busy = state
        .hashing
        .acquire()
        .await
        .map_err(|_| WebError::Internal("hashing has ended"))?;
    let (salt, csrf, secret) = (session::random()?, session::random()?, Secret::random()?);
    let (user, name, now, text) = (
        viewer.user,
        viewer.name.clone(),
        state.clock.now(),
        secret.reveal().to_owned(),
    );
    let hash = tokio::task::spawn_blocking(move || password::hash(&new, salt))
        .await
        .map_err(|_| WebError::Internal("hashing was cut off"))?
        .map_err(|_| WebError::Internal("the password could not be hashed"))?;
    state
        .ask(move |store| {
            store.set_password(
                user,
                &hash,
                false,
                None,
                &session::entry(now, &name, "password.change", user),
            )?;
            match store.user(user)? {
                Some(user) => session::open(store, &user, None, csrf, &text, now, false),
                None => Err(deskwarden_domain::port::StoreError::NotFound(
                    "the account".into(),
                )),
            }
        })
        .await?;
    let mut response = Redirect::to("/account?changed=yes").into_response();
    if let Some(value) = cookie::set(SESSION_COOKIE, secret.reveal(), Keep::Session) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Ok(response)
}

/// Remembers language or theme, and goes back to where the reader was.
pub(in crate::web) async fn preferences(fields: Fields) -> Result<Response, WebError> {
    let back = local_path(fields.text("back")).unwrap_or("/").to_owned();
    let mut headers = HeaderMap::new();
    if let Some(lang) = locale::by_tag(fields.text("lang")) {
        headers.extend(
            cookie::set(locale::LANG_COOKIE, locale::tag(lang), Keep::Year).map(|v| (header::SET_COOKIE, v)),
        );
    }
    if let Some(theme) = Theme::by_name(fields.text("theme")) {
        headers.extend(cookie::set(THEME_COOKIE, theme.name(), Keep::Year).map(|v| (header::SET_COOKIE, v)));
    }
    Ok((headers, Redirect::to(&back)).into_response())
}

fn build(state: &WebState, asked: &Asked, fault: Option<&'static str>) -> AccountPage {
    let policy = &state.config.sign_in;
    AccountPage {
        p: asked.page(state, "/account"),
        name: asked.viewer.name.clone(),
        roles: asked.viewer.roles.iter().map(|role| role.name()).collect(),
        elsewhere: (asked.viewer.voucher != Voucher::Local).then_some(asked.viewer.voucher.name()),
        must_change: asked.viewer.must_change,
        changed: asked.query.some("changed").is_some(),
        fault,
        shortest: password::SHORTEST as u64,
        idle_minutes: policy.idle.as_secs() / 60,
        absolute_hours: policy.absolute.as_secs() / 3600,
    }
}

const fn fault_name(fault: &PasswordFault) -> &'static str {
    match fault {
        PasswordFault::TooShort => "too_short",
        PasswordFault::TooLong => "too_long",
        PasswordFault::TooSimple | PasswordFault::Hash => "too_simple",
        PasswordFault::ContainsName => "contains_name",
    }
}
