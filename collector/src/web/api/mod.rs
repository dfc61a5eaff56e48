//! `/api/v1`: what pages show, as JSON, and the decisions that matter. Field names are the vocabulary's; times
//! are Unix milliseconds. Read with a session or a token, written with a token only: what a browser sends by
//! itself decides nothing.
//!
//! A list that implements [`List`](super::list::List) is an endpoint by one line in [`operations::OPERATIONS`] and one in the
//! router; its schema comes from its columns. The document (`/api/v1/openapi.json`) is made of the same table, and
//! tests hold router, document and answers together.

mod acts;
mod books;
mod details;
mod document;
mod lists;
mod operations;

pub(super) use acts::{decide, refresh};
pub(super) use books::book;
pub(super) use details::{asset, clauses, device, device_changes, device_items, finding, rules};
pub(super) use document::document;
pub(super) use lists::list;
#[cfg(test)]
pub(super) use operations::OPERATIONS;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

/// A request that cannot be understood: which part, and what would be.
fn refused(message: &str) -> Response {
    let body = Json(json!({"error": "malformed", "message": message}));
    (StatusCode::BAD_REQUEST, body).into_response()
}
