//! The one place that lets a request through: route table, origin, form secret, session, roles. Handlers
//! behind it know who is asking and need no check of their own.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, Method, Uri, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::model::Millis;

use super::{
    access::{self, Access, Route},
    bearer,
    error::WebError,
    form::{FORM_BYTES, Fields, OWN_FORM_BYTES, link},
    session::{self, Viewer},
    state::WebState,
    upload,
};

/// Header of requests that the page's script makes by itself: they are no use of the session.
pub(super) const LIVE_HEADER: &str = "dw-live";
/// What is told, in part, also without the store.
const METRICS: &str = "/metrics";
/// Longest time for the body of a request: a file over a slow line.
const BODY: Duration = Duration::from_secs(120);
/// A session's last use is noted at most this often.
const TOUCH_EVERY_MS: Millis = 60_000;

/// Checks a request before its handler; see the module.
pub(super) async fn guard(State(state): State<WebState>, mut request: Request, next: Next) -> Response {
    match admit(&state, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(Denied::Error(error)) => error.into_response(),
        Err(Denied::Elsewhere(address)) => Redirect::to(&address).into_response(),
    }
}

enum Denied {
    Error(WebError),
    Elsewhere(String),
}

impl From<WebError> for Denied {
    fn from(error: WebError) -> Self {
        Self::Error(error)
    }
}

async fn admit(state: &WebState, request: &mut Request) -> Result<(), Denied> {
    let pattern = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let pattern = pattern.ok_or(WebError::NotFound)?;
    let route = access::of(request.method(), &pattern).ok_or(WebError::Method)?;
    let access = route.access;
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if let Some(token) = bearer::presented(request.headers()).filter(|_| is_for_programs(&pattern)) {
        let token = token.to_owned();
        return admit_program(state, request, route, &token, pattern == METRICS).await;
    }
    if writes && matches!(access, Access::Api(..)) {
        // A browser brings its session along wherever it is sent from: only a token decides here.
        return Err(WebError::Forbidden.into());
    }
    if writes && !from_own_page(request.headers(), request.uri(), &state.config.public_url) {
        return Err(WebError::Forged.into());
    }
    if access == Access::Anyone {
        if writes {
            read_form(request, FORM_BYTES, false).await?;
        }
        return Ok(());
    }

    let now = state.clock.now();
    let viewer = match session::presented(request.headers()) {
        Some(hash) => {
            let policy = state.config.sign_in;
            state
                .ask(move |store| session::find(store, &hash, &policy, now))
                .await?
        }
        None => None,
    };
    let machine = is_for_programs(&pattern) || pattern == "/events";
    let Some(viewer) = viewer else {
        return Err(if machine {
            WebError::SignedOut.into()
        } else {
            let back = if writes {
                ""
            } else {
                request.uri().path_and_query().map_or("", |p| p.as_str())
            };
            Denied::Elsewhere(link("/sign-in", &[("next", if back == "/" { "" } else { back })]))
        });
    };
    if writes {
        // Not before it is known who sends it: strangers do not fill the memory.
        read_form(request, OWN_FORM_BYTES, upload::takes_files(&pattern)).await?;
        let sent = request
            .extensions()
            .get::<Fields>()
            .map_or("", |fields| fields.raw("csrf"));
        if !session::same(sent, &viewer.csrf) {
            return Err(WebError::Forged.into());
        }
    }
    if let Some(first) = comes_first(&viewer, access, &pattern) {
        return Err(if machine {
            WebError::Forbidden.into()
        } else {
            Denied::Elsewhere(first.to_owned())
        });
    }
    if !route.allows(viewer.rights()) {
        return Err(WebError::Forbidden.into());
    }
    if matches!(access, Access::Api(..)) && !state.rates.take(&format!("user:{}", viewer.user), now) {
        return Err(WebError::Busy.into());
    }
    if !request.headers().contains_key(LIVE_HEADER)
        && pattern != "/events"
        && now - viewer.used_at >= TOUCH_EVERY_MS
    {
        let hash = viewer.session;
        let touched = state.ask(move |store| store.touch_session(&hash, now)).await;
        // Pages are read also while nothing can be written; the session then ends somewhat earlier.
        if let Err(error) = touched {
            tracing::warn!(%error, user = viewer.user, "when a session was last used could not be kept");
        }
    }
    request.extensions_mut().insert(viewer);
    Ok(())
}

/// Whether programs ask this with a token: they are told no, and not sent to a page.
fn is_for_programs(pattern: &str) -> bool {
    pattern.starts_with("/api/") || pattern == METRICS
}

/// Where somebody must go before they may go where they want to.
fn comes_first(viewer: &Viewer, access: Access, pattern: &str) -> Option<&'static str> {
    if viewer.code_due {
        let allowed = access == Access::HalfSignedIn || pattern == "/sign-out";
        return (!allowed).then_some("/sign-in/code");
    }
    match access {
        Access::HalfSignedIn => Some("/"),
        Access::Own => None,
        _ if viewer.must_change => Some("/account"),
        _ if viewer.must_enrol => Some("/account/totp"),
        _ => None,
    }
}

/// A request with a token of the API: no session, no form.
async fn admit_program(
    state: &WebState,
    request: &mut Request,
    route: &Route,
    token: &str,
    needs_no_store: bool,
) -> Result<(), Denied> {
    if route.access == Access::Anyone {
        return Ok(());
    }
    let viewer = bearer::viewer(state, token, needs_no_store)
        .await?
        .ok_or(WebError::SignedOut)?;
    if !state.rates.take(&viewer.name, state.clock.now()) {
        return Err(WebError::Busy.into());
    }
    if !route.allows(viewer.rights()) {
        return Err(WebError::Forbidden.into());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let body = std::mem::replace(request.body_mut(), Body::empty());
        let bytes = tokio::time::timeout(BODY, axum::body::to_bytes(body, FORM_BYTES))
            .await
            .map_err(|_| WebError::Malformed)?
            .map_err(|_| WebError::TooLarge)?;
        request.extensions_mut().insert(JsonBody(bytes));
    }
    request.extensions_mut().insert(viewer);
    Ok(())
}

/// The body of a program's request, bounded.
#[derive(Clone, Debug)]
pub(super) struct JsonBody(pub(super) axum::body::Bytes);

/// Whether a form came from one of our own pages: browsers say so in `Origin`, older ones in `Referer`.
/// A request that says neither is refused.
fn from_own_page(headers: &HeaderMap, uri: &Uri, public_url: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(claimed) = text(header::ORIGIN).or_else(|| text(header::REFERER)) else {
        return false;
    };
    let Some(origin) = origin_of(claimed) else {
        return false;
    };
    let host = text(header::HOST).or_else(|| uri.authority().map(|a| a.as_str()));
    let own = host.map(|host| format!("https://{host}"));
    own.as_deref() == Some(origin) || origin_of(public_url) == Some(origin)
}

/// Scheme and authority of an address.
fn origin_of(text: &str) -> Option<&str> {
    let authority = text.find("://")? + 3;
    let end = text
        .get(authority..)?
        .find('/')
        .map_or(text.len(), |slash| authority + slash);
    text.get(..end)
}

/// Reads the body of a form into the request's extensions.
async fn read_form(request: &mut Request, most: usize, files: bool) -> Result<(), WebError> {
    let body = std::mem::replace(request.body_mut(), Body::empty());
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if files && kind.starts_with(upload::KIND) {
        let (fields, upload) = tokio::time::timeout(BODY, upload::read(kind, body))
            .await
            .map_err(|_| WebError::Malformed)??;
        request.extensions_mut().insert(fields);
        if let Some(upload) = upload {
            request.extensions_mut().insert(upload);
        }
        return Ok(());
    }
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(WebError::Malformed);
    }
    let bytes = tokio::time::timeout(BODY, axum::body::to_bytes(body, most))
        .await
        .map_err(|_| WebError::Malformed)?
        .map_err(|_| WebError::TooLarge)?;
    request.extensions_mut().insert(Fields::parse(&bytes));
    Ok(())
}

impl<S: Sync> FromRequestParts<S> for Viewer {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, WebError> {
        parts.extensions.get::<Self>().cloned().ok_or(WebError::SignedOut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posts(origin: Option<&str>, referer: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "desk.example:8443".parse().unwrap());
        if let Some(value) = origin {
            headers.insert(header::ORIGIN, value.parse().unwrap());
        }
        if let Some(value) = referer {
            headers.insert(header::REFERER, value.parse().unwrap());
        }
        from_own_page(&headers, &Uri::from_static("/tokens"), "https://public.example")
    }

    #[test]
    fn a_form_from_elsewhere_is_refused() {
        assert!(posts(Some("https://desk.example:8443"), None));
        assert!(posts(Some("https://public.example"), None));
        assert!(posts(None, Some("https://desk.example:8443/tokens?x=1")));
        assert!(!posts(Some("https://desk.example:8443.evil.example"), None));
        assert!(!posts(Some("http://desk.example:8443"), None));
        assert!(!posts(Some("null"), Some("https://desk.example:8443/")));
        assert!(!posts(None, None));
    }
}
