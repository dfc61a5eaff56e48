//! What time it is when the PC's clock cannot be right: the last time that an authenticated collector
//! told, and what passed since. Reads no clock itself.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls_pki_types::UnixTime;
use serde::{Deserialize, Serialize};

/// A moment that a collector told, and the PC's own clocks at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Unix milliseconds, told by the collector.
    pub server_time_ms: i64,
    /// Boot in which it was told.
    pub boot_id: String,
    /// Milliseconds since that boot.
    pub monotonic_ms: u64,
}

/// What the anchor says about now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is this time, Unix milliseconds.
    Exactly(i64),
    /// The PC was started since: it is this time or later.
    AtLeast(i64),
}

impl Anchor {
    /// The time now, by what was told and what passed since.
    pub fn now(&self, boot_id: &str, monotonic_ms: u64) -> Told {
        if self.boot_id == boot_id && !boot_id.is_empty() && monotonic_ms >= self.monotonic_ms {
            Told::Exactly(
                self.server_time_ms
                    .saturating_add(signed(monotonic_ms - self.monotonic_ms)),
            )
        } else {
            Told::AtLeast(self.server_time_ms.saturating_add(signed(monotonic_ms)))
        }
    }
}

/// The anchor, shared between whoever hears the time and whoever verifies; kept in a file.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    anchor: Arc<Mutex<Option<Anchor>>>,
}

impl Clock {
    /// With the anchor of an earlier run, when the file holds one.
    pub fn load(file: &Path) -> Self {
        let anchor = std::fs::read(file)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            anchor: Arc::new(Mutex::new(anchor)),
        }
    }

    /// Remembers what an authenticated collector told, also in the file. Failing to write it down only
    /// costs the memory of it after a restart.
    pub fn told(&self, file: &Path, anchor: Anchor) -> Result<(), deskwarden_platform::PrivateError> {
        let bytes = serde_json::to_vec(&anchor).unwrap_or_default();
        *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = Some(anchor);
        deskwarden_platform::write_private(file, &bytes)
    }

    /// What the anchor says about now; `None` when nobody ever told.
    pub fn now(&self) -> Option<Told> {
        let anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        anchor.as_ref().map(|a| {
            a.now(
                &deskwarden_platform::boot_id(),
                deskwarden_platform::monotonic_ms(),
            )
        })
    }

    /// The best knowledge of now in Unix milliseconds: what was told exactly, else the later of what was
    /// told at least and the PC's clock.
    pub fn best_ms(&self, wall_ms: i64) -> i64 {
        match self.now() {
            Some(Told::Exactly(ms)) => ms,
            Some(Told::AtLeast(ms)) => ms.max(wall_ms),
            None => wall_ms,
        }
    }
}

/// The PC's clock, Unix milliseconds.
pub fn wall_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// As the verifier wants it.
pub(super) fn unix(ms: i64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor() -> Anchor {
        Anchor {
            server_time_ms: 1_000_000,
            boot_id: "a".into(),
            monotonic_ms: 500,
        }
    }

    #[test]
    fn within_a_boot_the_time_is_exact() {
        assert_eq!(anchor().now("a", 700), Told::Exactly(1_000_200));
    }

    #[test]
    fn after_a_boot_it_is_a_lower_bound() {
        assert_eq!(anchor().now("b", 700), Told::AtLeast(1_000_700));
        assert_eq!(
            anchor().now("a", 100),
            Told::AtLeast(1_000_100),
            "a monotonic clock never goes back"
        );
    }

    #[test]
    fn what_was_told_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("time");
        let clock = Clock::load(&file);
        assert_eq!(clock.now(), None);
        assert_eq!(clock.best_ms(7), 7);
        clock
            .told(
                &file,
                Anchor {
                    boot_id: "another boot".into(),
                    ..anchor()
                },
            )
            .unwrap();
        assert!(matches!(Clock::load(&file).now(), Some(Told::AtLeast(ms)) if ms >= 1_000_000));
    }
}
