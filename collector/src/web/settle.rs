//! Writes looks that are owed to the audit log where nobody looks further.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::state::WebState;

/// How often what is owed is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// Writes what is owed now and then, and once more when the collector stops.
pub async fn settle_looks(state: WebState, cancel: CancellationToken) {
    let mut stopping = false;
    while !stopping {
        tokio::select! {
            () = cancel.cancelled() => stopping = true,
            () = tokio::time::sleep(AGAIN) => {}
        }
        if !state.looks.owes() {
            continue;
        }
        let looks = Arc::clone(&state.looks);
        let paid = state.ask(move |store| {
            looks.pay(|entry| store.audit(entry));
            Ok(())
        });
        if let Err(error) = paid.await {
            tracing::warn!(%error, "looks could not be told to the audit log");
        }
    }
}
