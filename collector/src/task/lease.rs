//! A lease by name: of several collectors one does the work until it stops renewing.

use std::time::Duration;

use deskwarden_domain::{
    model::Millis,
    port::{Access, StoreResult},
};

/// How long a lease holds without being renewed.
const HOLDS: Duration = Duration::from_secs(15);
/// A lease is renewed when less than this is left: a lease row is not written for every look.
const RENEW: Duration = Duration::from_secs(8);

/// A named lease and who asks for it.
#[derive(Debug)]
pub struct Lease {
    name: &'static str,
    holder: String,
    until: std::sync::atomic::AtomicI64,
}

impl Lease {
    /// `holder` is different for each running collector.
    pub fn new(name: &'static str, holder: impl Into<String>) -> Self {
        Self {
            name,
            holder: holder.into(),
            until: std::sync::atomic::AtomicI64::new(Millis::MIN),
        }
    }

    /// Whether this collector holds the lease now; takes or renews it where needed.
    pub fn hold<S: Access + ?Sized>(&self, store: &S, now: Millis) -> StoreResult<bool> {
        use std::sync::atomic::Ordering::Relaxed;
        let until = self.until.load(Relaxed);
        let left = until.saturating_sub(now);
        if left > millis(RENEW) && left <= millis(HOLDS) {
            return Ok(true);
        }
        let until = now.saturating_add(millis(HOLDS));
        let held = store.lease(self.name, &self.holder, now, until)?;
        self.until.store(if held { until } else { Millis::MIN }, Relaxed);
        Ok(held)
    }
}

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}
