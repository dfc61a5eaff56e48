//! What falls due by itself, once an hour: transfers that were written ahead are carried out, and what nobody will ask
//! for again is removed.

use std::{sync::Arc, time::Duration};

use deskwarden_domain::{
    model::Millis,
    port::{Store, StoreResult},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    clock,
    register::{self, Editor},
};

use super::Lease;

/// Pause between two rounds.
const EVERY: Duration = Duration::from_secs(3_600);
/// Who does it, in the audit log.
const ACTOR: &str = "collector";
/// Milliseconds of a day.
const DAY: Millis = 86_400_000;

/// Tidies up until cancelled. `session_life` is how long a sign-in may last at most, `audit_days` how long the audit
/// log is kept.
pub async fn housekeeping(
    store: Arc<dyn Store>,
    lease: Lease,
    session_life: Duration,
    audit_days: u32,
    cancel: CancellationToken,
) {
    let lease = Arc::new(lease);
    loop {
        let (store, lease) = (Arc::clone(&store), Arc::clone(&lease));
        match tokio::task::spawn_blocking(move || {
            round(store.as_ref(), &lease, session_life, audit_days, clock::now())
        })
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

fn round(
    store: &dyn Store,
    lease: &Lease,
    session_life: Duration,
    audit_days: u32,
    now: Millis,
) -> StoreResult<u64> {
    if !lease.hold(store, now)? {
        return Ok(0);
    }
    let life = Millis::try_from(session_life.as_millis()).unwrap_or(Millis::MAX);
    let editor = Editor {
        name: ACTOR,
        now,
        offset_minutes: 0,
    };
    let moved = register::carry_out_due(store, editor)?;
    if moved > 0 {
        info!(
            transfers = moved,
            "the register followed transfers whose day has come"
        );
    }
    let tidied = store.tidy(now.saturating_sub(life))?;
    // Inspections are records as the log of what was done is: kept as long.
    let runs = store.prune_inspections(now.saturating_sub(Millis::from(audit_days) * DAY))?;
    Ok(tidied + runs + store.prune_audit(now, audit_days)?)
}

#[cfg(test)]
mod tests {
    use deskwarden_domain::model::{AuditEntry, Role, Session};

    use super::*;

    fn audit(at: Millis) -> AuditEntry {
        AuditEntry {
            at,
            actor: "cli".to_owned(),
            action: "test".to_owned(),
            object: String::new(),
            detail: String::new(),
        }
    }

    #[test]
    fn sessions_that_ended_are_removed_by_whoever_holds_the_lease() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("test.db");
        let store = deskwarden_store::open(&format!("sqlite:{}", file.display())).unwrap();
        let user_id = store
            .create_user("li", "hash", &[Role::Technician], false, &audit(1))
            .unwrap();
        for (hash, created_at) in [([1; 32], 1_000), ([2; 32], 90_000)] {
            let session = Session {
                hash,
                user_id,
                csrf: [0; 32],
                created_at,
                last_used_at: created_at,
                code_due: false,
            };
            store.create_session(&session, &audit(created_at)).unwrap();
        }
        let life = Duration::from_secs(60);
        let (first, second) = (
            Lease::new("housekeeping", "one"),
            Lease::new("housekeeping", "two"),
        );
        assert_eq!(round(store.as_ref(), &first, life, 730, 50_000).unwrap(), 0);
        assert_eq!(
            round(store.as_ref(), &second, life, 730, 60_000).unwrap(),
            0,
            "another holds the lease"
        );
        assert_eq!(round(store.as_ref(), &first, life, 730, 100_000).unwrap(), 1);
        assert!(store.session(&[1; 32], 0, 0).unwrap().is_none());
        assert!(store.session(&[2; 32], 0, 0).unwrap().is_some());
    }

    #[test]
    fn a_transfer_that_was_written_ahead_takes_place_on_its_day() {
        use deskwarden_domain::{register::Book, rules::RuleSet};

        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("test.db");
        let store = deskwarden_store::open(&format!("sqlite:{}", file.display())).unwrap();
        let store = store.as_ref();
        let rules = RuleSet::load(&[]).unwrap();
        // 28 November 2026.
        let now = 1_795_824_000_000;
        let editor = Editor {
            name: "wang",
            now,
            offset_minutes: 0,
        };
        let set = |book, cells: &[(&str, &str)]| {
            let cells: Vec<_> = cells
                .iter()
                .map(|(name, cell)| ((*name).into(), (*cell).into()))
                .collect();
            register::set(store, &rules, book, &cells, editor)
                .unwrap()
                .unwrap();
        };
        set(Book::Assets, &[("number", "PC-1"), ("custodian", "甲")]);
        set(
            Book::Transfers,
            &[("asset", "PC-1"), ("to_custodian", "乙"), ("date", "2026-11-30")],
        );
        let lease = Lease::new("housekeeping", "one");
        let custodian_at = |at| {
            round(store, &lease, Duration::from_secs(60), 730, at).unwrap();
            let row = register::Shelf::find(store, Book::Assets, "PC-1")
                .unwrap()
                .unwrap();
            row.text("custodian").to_owned()
        };
        assert_eq!(custodian_at(now + DAY), "甲");
        assert_eq!(custodian_at(now + 3 * DAY), "乙");
        let log = store.audit_records(0, 100).unwrap();
        let entry = log
            .iter()
            .map(|record| &record.entry)
            .find(|entry| entry.actor == ACTOR)
            .unwrap();
        assert_eq!(entry.action, "register.transferred");
    }
}
