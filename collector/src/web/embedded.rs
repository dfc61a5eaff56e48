//! The files that pages load: style sheet, script, mark. Embedded in the binary, addressed by the hash of
//! their content, so that browsers may keep them for ever.

use std::sync::OnceLock;

use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Redirect, Response},
};

use super::error::WebError;

struct File {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

const FILES: [File; 4] = [
    File {
        name: "dashboard.css",
        kind: "text/css; charset=utf-8",
        content: include_str!("assets/dashboard.css"),
    },
    File {
        name: "sheet.css",
        kind: "text/css; charset=utf-8",
        content: include_str!("assets/sheet.css"),
    },
    File {
        name: "dashboard.js",
        kind: "text/javascript; charset=utf-8",
        content: include_str!("assets/dashboard.js"),
    },
    File {
        name: "mark.svg",
        kind: "image/svg+xml",
        content: include_str!("assets/mark.svg"),
    },
];

/// The address of a file, with the version of all of them.
pub(super) fn address(name: &str) -> String {
    format!("/static/{}/{name}", version())
}

/// `GET /static/{version}/{file}`. An old page may ask for an old version: it gets the file as it is now,
/// but may not keep it.
pub(super) async fn file(Path((asked, name)): Path<(String, String)>) -> Result<Response, WebError> {
    let file = FILES
        .iter()
        .find(|file| file.name == name)
        .ok_or(WebError::NotFound)?;
    let keep = if asked == version() {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    let mut response = file.content.into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(file.kind));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    Ok(response)
}

/// `GET /favicon.ico`: browsers ask for it unbidden.
pub(super) async fn favicon() -> Redirect {
    Redirect::permanent(&address("mark.svg"))
}

fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let mut hasher = blake3::Hasher::new();
        for file in &FILES {
            hasher.update(file.content.as_bytes());
        }
        hasher.finalize().to_hex().chars().take(16).collect()
    })
}
