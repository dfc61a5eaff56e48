//! The wall clock of the shell: pure code takes the time as a parameter, this is where it comes from.

use std::time::{SystemTime, UNIX_EPOCH};

use deskwarden_domain::model::Millis;

/// Unix milliseconds, UTC.
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}
