//! Looks at the collector itself once a minute. What follows from what is seen is decided in the domain.

use std::{sync::Arc, time::Duration};

use deskwarden_domain::{
    model::{Finding, Millis},
    operations::{self, CLAUSE, Limits},
    port::{Applied, Batch, FindingFilter, Paging, Store, StoreError, StoreResult},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::clock;

use super::{Eyes, Lease};

/// Pause between two looks.
const EVERY: Duration = Duration::from_secs(60);
/// The most rows that a store gives at once.
const PAGE: u32 = 500;

/// What the task works with.
pub struct Watch {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Who does it.
    pub lease: Lease,
    /// When conditions begin.
    pub limits: Limits,
    /// Where it looks.
    pub eyes: Arc<Eyes>,
    /// Told what was committed: must not block.
    pub committed: Box<dyn Fn(Applied) + Send + Sync>,
}

impl Watch {
    /// Looks until cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let this = Arc::new(self);
        loop {
            let worker = Arc::clone(&this);
            match tokio::task::spawn_blocking(move || worker.look(clock::now())).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(%error, "the collector cannot note how it is; trying again"),
                Err(error) => warn!(%error, "looking at the collector itself was cut off; trying again"),
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    fn look(&self, now: Millis) -> StoreResult<()> {
        let store = self.store.as_ref();
        if !self.lease.hold(store, now)? {
            return Ok(());
        }
        let facts = self.eyes.look(store, now)?;
        let known = known(store)?;
        let ops = operations::judge(now, &facts, &self.limits, &known);
        if ops.is_empty() {
            return Ok(());
        }
        // A person who decided about one of them meanwhile comes first: the next look is judged on that.
        let findings = known
            .iter()
            .filter_map(|finding| Some((finding.id?, finding.version)))
            .collect();
        let batch = Batch {
            findings,
            ops,
            ..Batch::default()
        };
        match store.apply(&batch) {
            Ok(applied) => (self.committed)(applied),
            Err(StoreError::Stale) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Every finding about the collector itself.
fn known(store: &dyn Store) -> StoreResult<Vec<Finding>> {
    let filter = FindingFilter {
        clause: Some(CLAUSE.to_owned()),
        ..FindingFilter::default()
    };
    let mut known = Vec::new();
    loop {
        let offset = u64::try_from(known.len()).unwrap_or(u64::MAX);
        let page = store.findings(&filter, Paging { offset, limit: PAGE })?;
        if page.rows.is_empty() {
            return Ok(known);
        }
        known.extend(page.rows.into_iter().map(|row| Finding {
            id: Some(row.id),
            ..row.finding
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use deskwarden_domain::{
        model::{FindingState, Severity},
        operations::Certificate,
    };

    use super::*;

    #[test]
    fn a_certificate_and_a_backup_become_findings_with_alerts_and_are_resolved() {
        let home = tempfile::tempdir().unwrap();
        let store =
            deskwarden_store::open(&format!("sqlite:{}", home.path().join("t.db").display())).unwrap();
        let store: Arc<dyn Store> = store;
        let end = Arc::new(Mutex::new(1_000));
        let told = Arc::new(Mutex::new(0));
        let (ends, count) = (Arc::clone(&end), Arc::clone(&told));
        let mark = home.path().join("backup.done");
        let watch = Watch {
            store: Arc::clone(&store),
            lease: Lease::new("watch", "one"),
            limits: Limits {
                disk_free: 0,
                ..Limits::default()
            },
            eyes: Arc::new(Eyes {
                data_dir: home.path().to_owned(),
                backup_mark: Some(mark.clone()),
                damaged: Box::new(|| None),
                certificates: Box::new(move || {
                    let ends_at = *ends.lock().unwrap_or_else(PoisonError::into_inner);
                    Some(vec![Certificate {
                        name: "root CA".to_owned(),
                        ends_at,
                        renews: false,
                    }])
                }),
            }),
            committed: Box::new(move |applied| *count.lock().unwrap() += applied.alerts.len()),
        };
        let now = clock::now();
        watch.look(now).unwrap();
        watch.look(now + 60_000).unwrap();
        assert_eq!(*told.lock().unwrap(), 2, "each once");
        let fresh = store.fresh_alerts(10).unwrap();
        assert_eq!(fresh.len(), 2);
        assert!(fresh.iter().all(|fresh| fresh.alert.clause == CLAUSE));
        assert!(
            fresh.iter().any(|fresh| fresh.alert.evidence.contains("ends_at")),
            "{fresh:?}"
        );
        *end.lock().unwrap() = now + 400 * 86_400_000;
        std::fs::write(&mark, "").unwrap();
        watch.look(now + 120_000).unwrap();
        let known = known(store.as_ref()).unwrap();
        assert!(
            known
                .iter()
                .all(|finding| finding.state == FindingState::Resolved),
            "{known:?}"
        );
        assert!(known.iter().any(|finding| finding.severity == Severity::Critical));
        assert_eq!(*told.lock().unwrap(), 4);
    }
}
