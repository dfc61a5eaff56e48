//! What can go wrong while a page is made. The words that a reader sees are chosen by the frame, in the
//! reader's language; causes go to the log, never to a page.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use deskwarden_domain::port::StoreError;

/// Why there is no page.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum WebError {
    /// Nobody is signed in.
    #[error("nobody is signed in")]
    SignedOut,
    /// Signed in, but without the role.
    #[error("the role does not allow this")]
    Forbidden,
    /// The form did not come from one of our pages, or its session ended.
    #[error("the form did not come from a page of the same sign-in")]
    Forged,
    /// There is nothing here.
    #[error("there is nothing here")]
    NotFound,
    /// The route exists for other methods.
    #[error("not with this method")]
    Method,
    /// The request was malformed.
    #[error("the request cannot be read")]
    Malformed,
    /// More than a form may hold.
    #[error("the request is too large")]
    TooLarge,
    /// A list that is too long for what was asked.
    #[error("the list is too long for a workbook")]
    TooMany,
    /// Too many at once.
    #[error("too much at once")]
    Busy,
    /// The row was changed meanwhile.
    #[error("somebody else was faster")]
    Stale,
    /// The store is out of reach.
    #[error("the store is out of reach")]
    Unavailable,
    /// A fault of ours.
    #[error("{0}")]
    Internal(&'static str),
}

impl WebError {
    /// Status of the answer.
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::SignedOut => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::Forged => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::TooLarge | Self::TooMany => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Stale => StatusCode::CONFLICT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Name of the words in the locales (`error.<name>_title`, `error.<name>_text`) and in the API.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Forbidden => "forbidden",
            Self::Forged => "forged",
            Self::NotFound => "not_found",
            Self::Method => "method",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::TooMany => "too_many",
            Self::Busy => "busy",
            Self::Stale => "stale",
            Self::Unavailable => "unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// Every kind, for tests of the words.
    #[cfg(test)]
    pub(super) const ALL: [Self; 12] = [
        Self::SignedOut,
        Self::Forbidden,
        Self::Forged,
        Self::NotFound,
        Self::Method,
        Self::Malformed,
        Self::TooLarge,
        Self::TooMany,
        Self::Busy,
        Self::Stale,
        Self::Unavailable,
        Self::Internal(""),
    ];
}

impl From<StoreError> for WebError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotFound(_) => Self::NotFound,
            StoreError::Stale | StoreError::Conflict(_) => Self::Stale,
            StoreError::Damaged(_) | StoreError::Unavailable { .. } => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the store failed a page"
                );
                Self::Unavailable
            }
        }
    }
}

impl From<askama::Error> for WebError {
    fn from(error: askama::Error) -> Self {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a page could not be written"
        );
        Self::Internal("a page could not be written")
    }
}

impl IntoResponse for WebError {
    /// Only the status; the frame reads the error from the extensions and writes the page.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
