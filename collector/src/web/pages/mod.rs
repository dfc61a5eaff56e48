//! The pages, one file per noun, and what they share: rendering, paging, rows of findings.

pub(super) mod account;
pub(super) mod alerts;
pub(super) mod arrivals;
pub(super) mod asset;
pub(super) mod assets;
mod channel_form;
pub(super) mod channels;
pub(super) mod device;
mod device_view;
pub(super) mod finding;
pub(super) mod findings;
pub(super) mod ledger;
mod lines;
pub(super) mod overview;
mod pager;
pub(super) mod rules;
pub(super) mod sign_in;
pub(super) mod tokens;

use askama::Template;
use axum::{
    extract::FromRequestParts,
    http::{Uri, request::Parts},
    response::{Html, IntoResponse as _, Response},
};

use super::{
    error::WebError,
    form::Query,
    page::Page,
    session::{Preferences, Viewer},
    state::WebState,
};

/// A written page.
fn render(template: &impl Template) -> Result<Response, WebError> {
    Ok(Html(template.render()?).into_response())
}

/// What every page's handler asks of a request.
pub(super) struct Asked {
    /// Language and theme.
    preferences: Preferences,
    /// Who.
    viewer: Viewer,
    /// Parameters of the address.
    query: Query,
    /// The address.
    uri: Uri,
}

impl Asked {
    /// The context of the page. `active` is the path of its navigation entry.
    fn page(&self, state: &WebState, active: &'static str) -> Page {
        let back = self.uri.path_and_query().map_or("/", |path| path.as_str());
        Page::new(state, self.preferences, &self.viewer, active, back)
    }
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, WebError> {
        Ok(Self {
            preferences: parts.extensions.get::<Preferences>().copied().unwrap_or_default(),
            viewer: Viewer::from_request_parts(parts, state).await?,
            query: Query::of(&parts.uri),
            uri: parts.uri.clone(),
        })
    }
}
