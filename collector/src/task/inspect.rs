//! Makes the inspection runs that the schedule asks for: looked at once a minute by whoever holds the lease.

use std::{sync::Arc, time::Duration};

use deskwarden_domain::{
    model::{Every, Millis},
    port::{Store, StoreResult},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Lease;
use crate::{clock, inspections};

/// Pause between two looks.
const EVERY: Duration = Duration::from_secs(60);

/// Looks until cancelled.
pub async fn inspect(
    store: Arc<dyn Store>,
    lease: Lease,
    every: Every,
    zone: Millis,
    cancel: CancellationToken,
) {
    let lease = Arc::new(lease);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let (store, lease) = (Arc::clone(&store), Arc::clone(&lease));
        let look = move || look(store.as_ref(), &lease, every, zone, clock::now());
        match tokio::task::spawn_blocking(look).await {
            Ok(Ok(Some(number))) => info!(number, "an inspection was made"),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => warn!(%error, "the inspection cannot be made now; trying again"),
            Err(error) => warn!(%error, "an inspection was cut off; trying again"),
        }
    }
}

fn look(
    store: &dyn Store,
    lease: &Lease,
    every: Every,
    zone: Millis,
    now: Millis,
) -> StoreResult<Option<i64>> {
    if every == Every::Never || !lease.hold(store, now)? {
        return Ok(None);
    }
    inspections::scheduled(store, every, zone, now)
}

#[cfg(test)]
mod tests {
    use deskwarden_domain::{
        model::{AuditEntry, TokenId, TokenRow},
        port::{EnrolOutcome, NewDevice},
    };
    use deskwarden_proto::{ids::DeviceId, v1::HostHints};

    use super::*;

    const DAY: Millis = 86_400_000;
    /// In the middle of a day.
    const NOON: Millis = 20_000 * DAY + DAY / 2;

    fn enrol(store: &dyn Store) {
        let audit = AuditEntry {
            at: NOON,
            actor: "li".into(),
            action: "token.create".into(),
            object: String::new(),
            detail: String::new(),
        };
        let token = TokenRow {
            id: TokenId(0),
            label: "hall".into(),
            hash: [9; 32],
            max_uses: 1,
            uses: 0,
            expires_at: NOON + DAY,
            cidr: None,
            needs_approval: false,
            department: None,
            created_at: NOON,
            created_by: "li".into(),
            revoked_at: None,
        };
        store.create_token(&token, &audit).unwrap();
        let device = NewDevice {
            id: DeviceId::from_random([1; 16]),
            token_hash: token.hash,
            key_hash: [1; 32],
            nonce: vec![1],
            peer: [192, 0, 2, 1].into(),
            hints: HostHints::default(),
            agent_version: "1".into(),
            platform: "linux-x86_64".into(),
            at: NOON,
            certificate_ends_at: NOON + 30 * DAY,
            resume_key: [1; 32],
        };
        let enrolled = store.enrol(&device).unwrap();
        assert!(matches!(enrolled, EnrolOutcome::Enrolled(_)), "{enrolled:?}");
    }

    #[test]
    fn a_new_fleet_is_inspected_when_its_first_period_is_over_and_once() {
        let home = tempfile::tempdir().unwrap();
        let place = format!("sqlite:{}", home.path().join("t.db").display());
        let store = deskwarden_store::open(&place).unwrap();
        let store = store.as_ref();
        let lease = Lease::new("inspection", "one");
        let at = |now| look(store, &lease, Every::Day, 0, now).unwrap();
        assert_eq!(at(NOON), None, "there is no PC");
        enrol(store);
        let midnight = NOON + DAY / 2;
        assert_eq!(at(midnight - 1), None, "its first day is not over");
        let first = at(midnight + 1).unwrap();
        assert_eq!(at(midnight + 60_000), None, "once");
        assert!(at(midnight + DAY).is_some_and(|second| second != first));
        let (run, tally) = store.inspection(first).unwrap().unwrap();
        assert_eq!((run.since, tally.assets), (midnight - DAY, 1));
        let never = look(store, &lease, Every::Never, 0, midnight + 9 * DAY).unwrap();
        assert_eq!(never, None);
    }
}
