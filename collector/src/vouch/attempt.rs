//! One sign-in at an OpenID provider, under way: what the browser keeps of it in a cookie. State, nonce and PKCE
//! verifier all come from the cookie's secret, so that no collector keeps anything, and any of them takes the answer.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use deskwarden_domain::model::Millis;
use ring::digest;

use crate::config::Secret;

/// How long somebody may take at the provider.
pub(crate) const WAITS_MS: Millis = 10 * 60_000;
/// Longest address to go back to that travels along.
const LONGEST_NEXT: usize = 1_000;

/// A sign-in under way.
#[derive(Clone)]
pub(crate) struct Attempt {
    secret: Secret,
    started: Millis,
    next: String,
}

impl Attempt {
    /// A new one from 32 random bytes; `next` is where the person wanted to go, if it is short enough.
    pub(crate) fn new(random: [u8; 32], now: Millis, next: &str) -> Self {
        Self {
            secret: Secret::new(BASE64URL_NOPAD.encode(&random)),
            started: now,
            next: if next.len() > LONGEST_NEXT {
                String::new()
            } else {
                next.to_owned()
            },
        }
    }

    /// The cookie's value.
    pub(crate) fn cookie(&self) -> String {
        let next = BASE64URL_NOPAD.encode(self.next.as_bytes());
        format!("{}.{}.{next}", self.secret.reveal(), self.started)
    }

    /// From a cookie, while it holds.
    pub(crate) fn of_cookie(value: &str, now: Millis) -> Option<Self> {
        let mut parts = value.split('.');
        let (secret, started, next) = (parts.next()?, parts.next()?, parts.next()?);
        let started: Millis = started.parse().ok()?;
        let waited = now.checked_sub(started)?;
        let next = String::from_utf8(BASE64URL_NOPAD.decode(next.as_bytes()).ok()?).ok()?;
        let holds = secret.len() == 43 && (0..WAITS_MS).contains(&waited) && parts.next().is_none();
        holds.then(|| Self {
            secret: Secret::new(secret.to_owned()),
            started,
            next,
        })
    }

    /// Where the person wanted to go.
    pub(crate) fn next(&self) -> &str {
        &self.next
    }

    /// What the provider gives back to the browser.
    pub(crate) fn state(&self) -> String {
        self.derived("deskwarden 2026-11 sign-in at a provider: state")
    }

    /// What the provider puts into the token.
    pub(crate) fn nonce(&self) -> String {
        self.derived("deskwarden 2026-11 sign-in at a provider: nonce")
    }

    /// What proves that whoever redeems the code asked for it (RFC 7636).
    pub(crate) fn verifier(&self) -> String {
        self.derived("deskwarden 2026-11 sign-in at a provider: verifier")
    }

    /// The verifier's SHA-256, which the provider is told before.
    pub(crate) fn challenge(&self) -> String {
        BASE64URL_NOPAD.encode(digest::digest(&digest::SHA256, self.verifier().as_bytes()).as_ref())
    }

    /// Everything in the cookie is in it: what was changed there meets no state.
    fn derived(&self, purpose: &str) -> String {
        let mut hasher = blake3::Hasher::new_derive_key(purpose);
        hasher.update(self.secret.reveal().as_bytes());
        hasher.update(&self.started.to_le_bytes());
        hasher.update(self.next.as_bytes());
        BASE64URL_NOPAD.encode(hasher.finalize().as_bytes())
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_795_399_200_000;

    #[test]
    fn a_cookie_brings_the_same_attempt_back_while_it_holds() {
        let attempt = Attempt::new([7; 32], NOW, "/findings?page=2");
        let back = Attempt::of_cookie(&attempt.cookie(), NOW + 1).unwrap();
        assert_eq!(
            (back.state(), back.nonce(), back.verifier(), back.next()),
            (
                attempt.state(),
                attempt.nonce(),
                attempt.verifier(),
                "/findings?page=2"
            )
        );
        assert!(Attempt::of_cookie(&attempt.cookie(), NOW + WAITS_MS).is_none());
        assert!(Attempt::of_cookie(&attempt.cookie(), NOW - 1).is_none());
        for text in ["", "..", "x.1.", "a.b.c", &format!("{}.x", attempt.cookie())] {
            assert!(Attempt::of_cookie(text, NOW).is_none(), "{text}");
        }
    }

    #[test]
    fn state_nonce_and_verifier_tell_nothing_of_each_other_and_a_changed_cookie_is_another_attempt() {
        let attempt = Attempt::new([7; 32], NOW, "/a");
        let all = [attempt.state(), attempt.nonce(), attempt.verifier()];
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
        assert!(all.iter().all(|text| text.len() == 43));
        assert_ne!(Attempt::new([7; 32], NOW, "/b").state(), attempt.state());
        assert_ne!(Attempt::new([7; 32], NOW + 1, "/a").state(), attempt.state());
        assert_eq!(Attempt::new([7; 32], NOW, &"/x".repeat(600)).next(), "");
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let hash = digest::digest(&digest::SHA256, b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(
            BASE64URL_NOPAD.encode(hash.as_ref()),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
