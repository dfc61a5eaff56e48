//! Tokens of the API that held when the store was last asked: whoever was let in lately is told what needs no store also
//! while it is out of reach.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use deskwarden_domain::model::{ApiToken, Millis};

/// For how long a token is remembered to have held.
const REMEMBERED_MS: Millis = 24 * 3_600_000;
/// Tokens that are remembered.
const MOST: usize = 256;

/// Tokens by their hash, and when the store last said that each holds.
#[derive(Debug, Default)]
pub(super) struct Vouched(Mutex<HashMap<[u8; 32], (ApiToken, Millis)>>);

impl Vouched {
    /// The store said that the token holds.
    pub(super) fn note(&self, token: ApiToken, at: Millis) {
        let mut known = self.lock();
        if known.len() >= MOST && !known.contains_key(&token.hash) {
            known.retain(|_, (_, noted)| at - *noted < REMEMBERED_MS);
            if known.len() >= MOST {
                return;
            }
        }
        known.insert(token.hash, (token, at));
    }

    /// The store said that it does not.
    pub(super) fn forget(&self, hash: &[u8; 32]) {
        self.lock().remove(hash);
    }

    /// The token, where the store said lately that it holds.
    pub(super) fn of(&self, hash: &[u8; 32], now: Millis) -> Option<ApiToken> {
        let known = self.lock();
        let (token, at) = known.get(hash)?;
        let holds = now < token.expires_at && now - at < REMEMBERED_MS;
        holds.then(|| token.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], (ApiToken, Millis)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use deskwarden_domain::model::Sight;

    use super::*;

    fn token(number: u8, expires_at: Millis) -> ApiToken {
        ApiToken {
            id: i64::from(number),
            label: String::new(),
            hash: [number; 32],
            scopes: Vec::new(),
            sight: Sight::Everything,
            created_at: 0,
            created_by: "admin".to_owned(),
            expires_at,
            last_used_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn nobody_is_vouched_for_longer_than_a_day_or_than_the_token_lasts() {
        let known = Vouched::default();
        let holds = |at| known.of(&[1; 32], at).is_some();
        assert!(!holds(0));
        known.note(token(1, 2 * REMEMBERED_MS), 0);
        assert!(holds(REMEMBERED_MS - 1) && !holds(REMEMBERED_MS));
        known.note(token(1, 10), 0);
        assert!(holds(9) && !holds(10));
        known.forget(&[1; 32]);
        assert!(!holds(0));
    }
}
