//! Removes what nobody will ask for again, once an hour.

use std::{sync::Arc, time::Duration};

use deskwarden_domain::{
    model::Millis,
    port::{Store, StoreResult},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::clock;

use super::Lease;

/// Pause between two rounds.
const EVERY: Duration = Duration::from_secs(3_600);

/// Tidies up until cancelled. `session_life` is how long a sign-in may last at most.
pub async fn housekeeping(
    store: Arc<dyn Store>,
    lease: Lease,
    session_life: Duration,
    cancel: CancellationToken,
) {
    let lease = Arc::new(lease);
    loop {
        let (store, lease) = (Arc::clone(&store), Arc::clone(&lease));
        match tokio::task::spawn_blocking(move || round(store.as_ref(), &lease, session_life, clock::now()))
            .await
        {
            Ok(Ok(rows)) => debug!(rows, "tidied up"),
            Ok(Err(error)) => warn!(%error, "tidying up failed; trying again later"),
            Err(error) => warn!(%error, "tidying up was cut off; trying again later"),
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

fn round(store: &dyn Store, lease: &Lease, session_life: Duration, now: Millis) -> StoreResult<u64> {
    if !lease.hold(store, now)? {
        return Ok(0);
    }
    store.tidy(now.saturating_sub(Millis::try_from(session_life.as_millis()).unwrap_or(Millis::MAX)))
}
