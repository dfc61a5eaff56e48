//! Tokens of the API in requests: `Authorization: Bearer dwa_...`, and who they stand for.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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
/// For how long a token is remembered to have held.
const REMEMBERED_MS: Millis = 24 * 3_600_000;
/// Tokens that are remembered.
const VOUCHED: usize = 256;

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
        Ok(Some((Viewer::program(token.clone()), token.expires_at)))
    });
    let answer = if needs_no_store {
        timeout(PATIENCE, asked)
            .await
            .unwrap_or(Err(WebError::Unavailable))
    } else {
        asked.await
    };
    match answer {
        Ok(Some((viewer, ends))) => {
            state.vouched.note(hash, viewer.clone(), ends, now);
            Ok(Some(viewer))
        }
        Ok(None) => {
            state.vouched.forget(&hash);
            Ok(None)
        }
        // Whoever was let in lately may still read what needs no store.
        Err(WebError::Unavailable) if needs_no_store => state
            .vouched
            .of(&hash, now)
            .map(Some)
            .ok_or(WebError::Unavailable),
        Err(error) => Err(error),
    }
}

/// Tokens that held when the store was last asked, for as long as it cannot be.
#[derive(Debug, Default)]
pub(super) struct Vouched(Mutex<HashMap<[u8; 32], Held>>);

#[derive(Debug)]
struct Held {
    viewer: Viewer,
    ends: Millis,
    at: Millis,
}

impl Vouched {
    fn note(&self, hash: [u8; 32], viewer: Viewer, ends: Millis, at: Millis) {
        let mut known = self.lock();
        if known.len() >= VOUCHED && !known.contains_key(&hash) {
            known.retain(|_, held| at - held.at < REMEMBERED_MS);
            if known.len() >= VOUCHED {
                return;
            }
        }
        known.insert(hash, Held { viewer, ends, at });
    }

    fn forget(&self, hash: &[u8; 32]) {
        self.lock().remove(hash);
    }

    fn of(&self, hash: &[u8; 32], now: Millis) -> Option<Viewer> {
        let known = self.lock();
        let held = known.get(hash)?;
        let holds = now < held.ends && now - held.at < REMEMBERED_MS;
        holds.then(|| held.viewer.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
