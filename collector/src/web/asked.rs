//! What every page's handler asks of a request: who, in which language, with which parameters.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{FromRequestParts, Path},
    http::{Uri, request::Parts},
};
use deskwarden_domain::model::{AuditEntry, Sight};

use super::{
    error::WebError,
    form::Query,
    page::Page,
    session::{Preferences, Viewer},
    state::WebState,
};

/// A request as handlers see it.
pub(super) struct Asked {
    /// Language and theme.
    pub(super) preferences: Preferences,
    /// Who.
    pub(super) viewer: Viewer,
    /// Parameters of the address.
    pub(super) query: Query,
    /// The places of the pattern: `id` of `/findings/{id}`.
    pub(super) places: HashMap<String, String>,
    /// The address.
    pub(super) uri: Uri,
}

impl Asked {
    /// The context of the page. `active` is the path of its navigation entry.
    pub(super) fn page(&self, state: &WebState, active: &'static str) -> Page {
        let back = self.uri.path_and_query().map_or("/", |path| path.as_str());
        Page::new(state, self.preferences, &self.viewer, active, back)
    }

    /// Whose assets the reader sees: goes into every question about assets.
    pub(super) fn sight(&self) -> Sight {
        self.viewer.sight.clone()
    }

    /// Whether the reader sees what belongs to this department; what they do not see does not exist for them.
    pub(super) fn must_see(&self, department: Option<&str>) -> Result<(), WebError> {
        if self.viewer.sight.sees(department) {
            Ok(())
        } else {
            Err(WebError::NotFound)
        }
    }

    /// Tells the audit log that the reader looks at what belongs to a person: now, or as soon as anything can be written.
    pub(super) async fn looks_at(&self, state: &WebState, object: String) -> Result<(), WebError> {
        if state.looks.is_new(&self.viewer.name, &object, state.clock.now()) {
            if !state.looks.owe(self.audit(state, "view", object.as_str(), "")) {
                state.looks.forget(&self.viewer.name, &object);
                return Err(WebError::Unavailable);
            }
            let looks = Arc::clone(&state.looks);
            let paid = state.ask(move |store| {
                looks.pay(|entry| store.audit(entry));
                Ok(())
            });
            paid.await?;
        }
        Ok(())
    }

    /// A line of the audit log by the reader.
    pub(super) fn audit(
        &self,
        state: &WebState,
        action: &str,
        object: impl Into<String>,
        detail: impl Into<String>,
    ) -> AuditEntry {
        AuditEntry {
            at: state.clock.now(),
            actor: self.viewer.name.clone(),
            action: action.to_owned(),
            object: object.into(),
            detail: detail.into(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, WebError> {
        let places = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        Ok(Self {
            preferences: parts.extensions.get::<Preferences>().copied().unwrap_or_default(),
            viewer: Viewer::from_request_parts(parts, state).await?,
            query: Query::of(&parts.uri),
            places: places.map(|Path(places)| places).unwrap_or_default(),
            uri: parts.uri.clone(),
        })
    }
}
