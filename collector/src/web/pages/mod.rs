//! The pages, one file per noun, and what they share: rendering, paging, rows of findings.

pub(super) mod account;
pub(super) mod acknowledgements;
pub(super) mod admissions;
pub(super) mod alerts;
pub(super) mod api_tokens;
pub(super) mod approvals;
pub(super) mod arrivals;
pub(super) mod asset;
pub(super) mod assets;
pub(super) mod audit;
pub(super) mod away;
mod channel_form;
pub(super) mod channels;
mod chosen;
pub(super) mod clauses;
pub(super) mod code;
pub(super) mod compliance;
pub(super) mod device;
mod device_view;
pub(super) mod devices;
pub(super) mod editor;
pub(super) mod finding;
pub(super) mod findings;
pub(super) mod forms;
pub(super) mod grid;
pub(super) mod inspected;
pub(super) mod inspections;
pub(super) mod ledger;
mod lines;
pub(super) mod mine;
pub(super) mod notices;
pub(super) mod overview;
mod pager;
mod pasted;
mod proof;
pub(super) mod register;
mod register_form;
mod rollout;
pub(super) mod rules;
pub(super) mod saved;
pub(super) mod sign_in;
pub(super) mod software;
pub(super) mod subjects;
pub(super) mod system;
mod token_form;
pub(super) mod tokens;
pub(super) mod totp;
pub(super) mod users;

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};

use super::{asked::Asked, error::WebError};

/// A written page.
fn render(template: &impl Template) -> Result<Response, WebError> {
    Ok(Html(template.render()?).into_response())
}
