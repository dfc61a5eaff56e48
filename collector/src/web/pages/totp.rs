//! `GET /account/totp`, `POST /account/totp`: somebody's own second factor. A secret counts once a code of it was
//! typed; until then it travels in the form, sealed for its owner.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::model::{User, Voucher, person};

use super::{
    Asked,
    proof::{Checked, check_password},
    render,
};
use crate::{
    config::Secret,
    notify::Vault,
    web::{
        error::WebError,
        form::Fields,
        page::Page,
        session,
        state::WebState,
        totp::{self, Qr, RECOVERY, SECRET},
    },
};

/// Name of the secret in what is sealed.
const NAME: &str = "totp";

#[derive(Template)]
#[template(path = "totp.html")]
struct TotpPage {
    p: Page,
    enrolled: bool,
    /// The roles ask for it: it can be replaced, not given up.
    required: bool,
    /// A provider keeps the password, which nobody can be asked for here.
    elsewhere: bool,
    left: u64,
    qr: Option<Qr>,
    typed_secret: String,
    sealed: String,
    /// Codes to show once.
    codes: Vec<String>,
    /// Name of the refusal in the locales.
    fault: Option<&'static str>,
}

/// The page.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    render(&build(&state, &asked, None, None, Vec::new()).await?)
}

/// Keeps a secret that a code proves, or gives the second factor up.
pub(in crate::web) async fn change(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    match fields.text("action") {
        "enrol" => enrol(&state, &asked, &fields).await,
        "forget" => forget(&state, &asked, &fields).await,
        _ => Err(WebError::Malformed),
    }
}

async fn enrol(state: &WebState, asked: &Asked, fields: &Fields) -> Result<Response, WebError> {
    let user = owner(state, asked).await?;
    if user.totp.is_some() {
        return Ok(Redirect::to("/account/totp").into_response());
    }
    let sealed = data_encoding::BASE64URL_NOPAD
        .decode(fields.text("sealed").as_bytes())
        .map_err(|_| WebError::Malformed)?;
    let secret = open(state, user.id, sealed.clone())
        .await?
        .ok_or(WebError::Malformed)?;
    let now = state.clock.now();
    let Some(step) = totp::step(&secret, fields.text("code"), now) else {
        let page = build(state, asked, Some((secret, sealed)), Some("code"), Vec::new()).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
    };
    let codes = totp::recovery(&session::random::<{ RECOVERY * 10 }>()?);
    let hashes: Vec<[u8; 32]> = codes.iter().map(|code| totp::recovery_hash(code)).collect();
    let audit = asked.audit(
        state,
        "totp.enrol",
        format!("user:{}", person(&asked.viewer.name)),
        "",
    );
    let (id, keep) = (user.id, asked.viewer.session);
    state
        .ask(move |store| {
            store.set_totp(id, Some(&sealed), &hashes, Some(&keep), &audit)?;
            // The code that proved it signs nobody in.
            store.use_totp_step(id, step).map(drop)
        })
        .await?;
    let page = build(state, asked, None, None, codes).await?;
    Ok((StatusCode::CREATED, render(&page)?).into_response())
}

async fn forget(state: &WebState, asked: &Asked, fields: &Fields) -> Result<Response, WebError> {
    let user = owner(state, asked).await?;
    let fault = if state.config.sign_in.asks_code(&user.roles) {
        Some("required")
    } else if user.voucher == Voucher::Oidc {
        return Err(WebError::Forbidden);
    } else {
        // Guesses at the password count like any other.
        match check_password(state, &user.name, fields.raw("password").to_owned()).await? {
            Checked::Right(_) => None,
            Checked::Wrong => Some("password"),
            Checked::Outside(..) => Some("directory"),
            Checked::Locked(_) => Some("locked"),
        }
    };
    if fault.is_some() {
        let page = build(state, asked, None, fault, Vec::new()).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
    }
    let audit = asked.audit(state, "totp.forget", format!("user:{}", person(&user.name)), "");
    let keep = asked.viewer.session;
    state
        .ask(move |store| store.set_totp(user.id, None, &[], Some(&keep), &audit))
        .await?;
    Ok(Redirect::to("/account/totp").into_response())
}

async fn owner(state: &WebState, asked: &Asked) -> Result<User, WebError> {
    let id = asked.viewer.user;
    state
        .ask(move |store| store.user(id))
        .await?
        .ok_or(WebError::NotFound)
}

fn label(user: i64) -> String {
    format!("totp:{user}")
}

/// The secret of a person. Blocks on the key's file.
pub(super) async fn open(state: &WebState, user: i64, sealed: Vec<u8>) -> Result<Option<Vec<u8>>, WebError> {
    let folder = state.config.channels.data_dir.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let vault = Vault::open(&folder).map_err(unusable)?;
        let secrets = vault.open_sealed(&label(user), &sealed).ok();
        let secret = secrets.and_then(|mut secrets| secrets.remove(NAME));
        Ok(secret.and_then(|secret| {
            data_encoding::BASE32_NOPAD
                .decode(secret.reveal().as_bytes())
                .ok()
        }))
    });
    opened
        .await
        .map_err(|_| WebError::Internal("a secret was cut off"))?
}

async fn fresh(state: &WebState, user: i64) -> Result<(Vec<u8>, Vec<u8>), WebError> {
    let secret = session::random::<SECRET>()?;
    let folder = state.config.channels.data_dir.clone();
    let sealed = tokio::task::spawn_blocking(move || {
        let vault = Vault::open(&folder).map_err(unusable)?;
        let named = BTreeMap::from([(NAME.to_owned(), Secret::new(totp::shown(&secret)))]);
        vault.seal(&label(user), &named).map_err(unusable)
    });
    let sealed = sealed
        .await
        .map_err(|_| WebError::Internal("a secret was cut off"))??;
    Ok((secret.to_vec(), sealed))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unusable(error: crate::notify::VaultError) -> WebError {
    tracing::error!(%error, "the key of secrets cannot be used");
    WebError::Internal("the key of secrets cannot be used")
}

async fn build(
    state: &WebState,
    asked: &Asked,
    pending: Option<(Vec<u8>, Vec<u8>)>,
    fault: Option<&'static str>,
    codes: Vec<String>,
) -> Result<TotpPage, WebError> {
    let user = owner(state, asked).await?;
    let enrolled = user.totp.is_some();
    let id = user.id;
    let left = state.ask(move |store| store.recovery_codes(id)).await?;
    let (secret, sealed) = match (enrolled, pending) {
        (true, _) => (Vec::new(), Vec::new()),
        (false, Some(pending)) => pending,
        (false, None) => fresh(state, user.id).await?,
    };
    let host = state.config.public_url.trim_start_matches("https://");
    Ok(TotpPage {
        p: asked.page(state, "/account"),
        required: state.config.sign_in.asks_code(&user.roles),
        elsewhere: user.voucher == Voucher::Oidc,
        left,
        qr: if enrolled {
            None
        } else {
            totp::qr(&totp::uri(&secret, &user.name, host))
        },
        typed_secret: totp::shown(&secret),
        sealed: data_encoding::BASE64URL_NOPAD.encode(&sealed),
        enrolled,
        codes,
        fault,
    })
}
