//! Tokens of the API in requests: `Authorization: Bearer dwa_...`, and who they stand for.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use deskwarden_domain::model::Millis;
use tokio::time::timeout;

use super::{
    error::WebError,
    session::{Secret, Viewer},
    state::WebState,
};

/// What a token begins with, so that scanners of sources know it.
const MARK: &str = "dwa_";
/// Uses are noted at most this often.
const TOUCH_EVERY_MS: Millis = 60_000;
/// How long the store is waited for where it is not needed.
const PATIENCE: Duration = Duration::from_secs(3);

/// The token as it is shown and sent.
pub(super) fn written(secret: &Secret) -> String {
    format!("{MARK}{}", secret.reveal())
}

/// What the store keeps of it: 256 random bits need no slow hash.
pub(super) fn hash(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

/// The token of a request, if it brings one.
pub(super) fn presented(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Who a token stands for, if it holds. For what needs no store it is enough that it held lately, where the store is out of
/// reach.
pub(super) async fn viewer(
    state: &WebState,
    token: &str,
    needs_no_store: bool,
) -> Result<Option<Viewer>, WebError> {
    if !token.starts_with(MARK) || token.len() != MARK.len() + 43 {
        return Ok(None);
    }
    let (hash, now) = (hash(token), state.clock.now());
    let asked = state.ask(move |store| {
        let Some(token) = store.api_token(&hash, now)? else {
            return Ok(None);
        };
        if token.last_used_at.is_none_or(|at| now - at >= TOUCH_EVERY_MS) {
            // Programs, monitoring among them, are answered also while nothing can be written.
            if let Err(error) = store.touch_api_token(token.id, now) {
                tracing::warn!(%error, token = token.id, "when a token was last used could not be kept");
            }
        }
        Ok(Some(token))
    });
    let answer = if needs_no_store {
        timeout(PATIENCE, asked)
            .await
            .unwrap_or(Err(WebError::Unavailable))
    } else {
        asked.await
    };
    match answer {
        Ok(Some(token)) => {
            state.vouched.note(token.clone(), now);
            Ok(Some(Viewer::program(token)))
        }
        Ok(None) => {
            state.vouched.forget(&hash);
            Ok(None)
        }
        // Whoever was let in lately may still read what needs no store.
        Err(WebError::Unavailable) if needs_no_store => state
            .vouched
            .of(&hash, now)
            .map(|token| Some(Viewer::program(token)))
            .ok_or(WebError::Unavailable),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_from_its_header_only() {
        let mut headers = HeaderMap::new();
        assert_eq!(presented(&headers), None);
        headers.insert(header::AUTHORIZATION, "Basic abc".parse().unwrap());
        assert_eq!(presented(&headers), None);
        headers.insert(header::AUTHORIZATION, "bearer dwa_x".parse().unwrap());
        assert_eq!(presented(&headers), Some("dwa_x"));
    }
}
