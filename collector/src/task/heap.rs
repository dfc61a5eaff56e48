//! Gives back what the heap kept of work that is over: the handshakes of a fleet that came all at once leave their holes
//! between what its sessions hold.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The allocator is held for some milliseconds each time, so not more often; a quiet collector is small within this.
const EVERY: Duration = Duration::from_secs(30);

/// Runs until `stop`.
pub async fn heap(stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(EVERY))
        .await
        .is_some()
    {
        // Not on a thread that answers: it waits for whoever allocates.
        if tokio::task::spawn_blocking(deskwarden_system::release_heap)
            .await
            .is_err()
        {
            return;
        }
    }
}
