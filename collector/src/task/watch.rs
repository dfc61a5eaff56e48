//! Looks at the collector itself once a minute: certificates, disk, backup, and what the store says was lost, refused or
//! not delivered. What follows from it is decided in the domain.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use deskwarden_domain::{
    model::{DeliveryState, Finding, Millis},
    operations::{self, Backup, CLAUSE, Certificate, Disk, Facts, Limits},
    port::{
        Applied, Batch, DeliveryFilter, FindingFilter, Paging, RuleVersionState, Store, StoreError,
        StoreResult,
    },
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::clock;

use super::Lease;

/// Pause between two looks.
const EVERY: Duration = Duration::from_secs(60);
/// How long lost records are news.
const LOST_FOR: Millis = 86_400_000;
/// Gaps that are looked at.
const GAPS: usize = 5_000;
/// Versions of rule files that are looked at.
const VERSIONS: usize = 2_000;
/// The most rows that a store gives at once.
const PAGE: u32 = 500;

/// The certificates in use; `None` when one cannot be read.
pub type Certificates = Box<dyn Fn() -> Option<Vec<Certificate>> + Send + Sync>;

/// What the task works with.
pub struct Watch {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Who does it.
    pub lease: Lease,
    /// When conditions begin.
    pub limits: Limits,
    /// The disk to look at.
    pub data_dir: PathBuf,
    /// A file that every backup touches.
    pub backup_mark: Option<PathBuf>,
    /// Certificates in use.
    pub certificates: Certificates,
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
        let facts = self.facts(now)?;
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

    fn facts(&self, now: Millis) -> StoreResult<Facts> {
        let store = self.store.as_ref();
        let lost = store.lost_since(now.saturating_sub(LOST_FOR), GAPS)?;
        Ok(Facts {
            certificates: (self.certificates)(),
            disk: disk(&self.data_dir),
            backup: backup(self.backup_mark.as_deref()),
            lost: Some(
                lost.into_iter()
                    .map(|(device, name, records)| (device.to_string(), name, records))
                    .collect(),
            ),
            refused: Some(refused(store)?),
            dead: Some(dead(store)?),
        })
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

fn disk(folder: &Path) -> Option<Disk> {
    let found = rustix::fs::statvfs(folder)
        .inspect_err(|error| warn!(folder = %folder.display(), %error, "its disk cannot be looked at"))
        .ok()?;
    Some(Disk {
        folder: folder.display().to_string(),
        free: found.f_bavail.saturating_mul(found.f_frsize),
        total: found.f_blocks.saturating_mul(found.f_frsize),
    })
}

fn backup(mark: Option<&Path>) -> Option<Backup> {
    let Some(mark) = mark else {
        return Some(Backup::NotExpected);
    };
    match std::fs::metadata(mark).and_then(|file| file.modified()) {
        Ok(at) => {
            let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
            Some(Backup::At(
                Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX),
            ))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(Backup::Never),
        Err(error) => {
            warn!(file = %mark.display(), %error, "the mark of the last backup cannot be looked at");
            None
        }
    }
}

/// Files whose newest version was refused, and the first fault of each.
fn refused(store: &dyn Store) -> StoreResult<Vec<(String, String)>> {
    let mut newest = BTreeMap::new();
    for version in store.rule_versions(VERSIONS)? {
        newest.entry(version.file.clone()).or_insert(version);
    }
    let refused = newest
        .into_iter()
        .filter(|(_, version)| version.state == RuleVersionState::Refused && !version.removed);
    Ok(refused
        .map(|(file, version)| (file, version.faults.lines().next().unwrap_or_default().to_owned()))
        .collect())
}

/// Messages that were given up, per channel.
fn dead(store: &dyn Store) -> StoreResult<BTreeMap<String, u64>> {
    let filter = |channel| DeliveryFilter {
        channel,
        state: Some(DeliveryState::Dead),
    };
    let mut dead = BTreeMap::new();
    let newest = Paging {
        offset: 0,
        limit: PAGE,
    };
    for delivery in store.deliveries(&filter(None), newest)?.rows {
        *dead.entry(delivery.channel).or_insert(0) += 1;
    }
    let one = Paging { offset: 0, limit: 1 };
    for (channel, count) in &mut dead {
        *count = store.deliveries(&filter(Some(channel.clone())), one)?.total;
    }
    Ok(dead)
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use deskwarden_domain::model::{FindingState, Severity};

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
            data_dir: home.path().to_owned(),
            backup_mark: Some(mark.clone()),
            certificates: Box::new(move || {
                let ends_at = *ends.lock().unwrap_or_else(PoisonError::into_inner);
                Some(vec![Certificate {
                    name: "root CA".to_owned(),
                    ends_at,
                    renews: false,
                }])
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
