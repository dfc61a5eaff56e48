//! The outermost layer: every answer leaves with the same security headers, and every failure as a page
//! (or as JSON below `/api`) in the reader's language that tells nothing about the inside.

use askama::Template as _;
use axum::{
    Json,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse as _, Response},
};

use super::{error::WebError, page::Page, session::Preferences};

/// Scripts and styles come from our own files only; nothing inline, nothing from elsewhere.
const CONTENT_SECURITY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Seconds after which to come again where nobody knows better.
const RETRY_AFTER: &str = "30";

/// The page of a failure.
#[derive(askama::Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    p: &'a Page,
    name: &'static str,
    code: u16,
}

/// Wraps a request; see the module.
pub(super) async fn frame(mut request: Request, next: Next) -> Response {
    let preferences = Preferences::of(request.headers());
    let api = request.uri().path().starts_with("/api/");
    let path = request.uri().path().to_owned();
    request.extensions_mut().insert(preferences);
    let response = next.run(request).await;
    let mut response = explain(response, preferences, api, &path);
    let status = response.status();
    secure(status, response.headers_mut());
    response
}

/// Turns a bare failure into words.
fn explain(response: Response, preferences: Preferences, api: bool, path: &str) -> Response {
    let status = response.status();
    let error = match response.extensions().get::<WebError>() {
        Some(error) => error.clone(),
        None if !(status.is_client_error() || status.is_server_error()) => return response,
        None if response.headers().contains_key(header::CONTENT_TYPE) && !is_plain(response.headers()) => {
            return response;
        }
        None => from_status(status),
    };
    if status.is_server_error() {
        tracing::error!(path, error = %error, "a page failed");
    }
    if api {
        let body = Json(serde_json::json!({"error": error.name()}));
        return (error.status(), body).into_response();
    }
    let page = Page::anonymous(preferences);
    match (ErrorPage {
        p: &page,
        name: error.name(),
        code: error.status().as_u16(),
    })
    .render()
    {
        Ok(text) => (error.status(), Html(text)).into_response(),
        Err(_) => error.status().into_response(),
    }
}

fn is_plain(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/plain"))
}

/// Failures of the framework itself carry only a status.
fn from_status(status: StatusCode) -> WebError {
    match status {
        StatusCode::NOT_FOUND => WebError::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => WebError::Method,
        StatusCode::PAYLOAD_TOO_LARGE => WebError::TooLarge,
        StatusCode::UNAUTHORIZED => WebError::SignedOut,
        StatusCode::FORBIDDEN => WebError::Forbidden,
        StatusCode::TOO_MANY_REQUESTS => WebError::Busy,
        _ if status.is_client_error() => WebError::Malformed,
        _ => WebError::Internal("a handler failed"),
    }
}

fn secure(status: StatusCode, headers: &mut HeaderMap) {
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // `no-referrer` would make browsers send `Origin: null` with our own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(
        "permissions-policy",
        HeaderValue::from_static("camera=(), microphone=(), geolocation=(), payment=()"),
    );
    headers.insert(
        "cross-origin-opener-policy",
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("same-origin"),
    );
    if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
        let later = headers.entry(header::RETRY_AFTER);
        later.or_insert(HeaderValue::from_static(RETRY_AFTER));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
