//! What the collector sees of itself: certificates, disk, backup, and what the store says was lost, refused or not
//! delivered. Judges nothing.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use deskwarden_domain::{
    model::{DeliveryState, Millis},
    operations::{Backup, Certificate, Disk, Facts},
    port::{DeliveryFilter, Paging, Store, StoreResult},
};
use tracing::warn;

use crate::rules_dir::refused_now;

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

/// What a walk over the store found; `None` when none ended, or when it is another collector's to walk.
pub type Damaged = Box<dyn Fn() -> Option<Vec<String>> + Send + Sync>;

/// Where the collector looks.
pub struct Eyes {
    /// The disk to look at.
    pub data_dir: PathBuf,
    /// A file that every backup touches.
    pub backup_mark: Option<PathBuf>,
    /// Certificates in use.
    pub certificates: Certificates,
    /// What the last walk over the store found.
    pub damaged: Damaged,
}

impl Eyes {
    /// Looks once. Blocks.
    pub fn look(&self, store: &dyn Store, now: Millis) -> StoreResult<Facts> {
        let lost = store.lost_since(now.saturating_sub(LOST_FOR), GAPS)?;
        Ok(Facts {
            certificates: (self.certificates)(),
            disk: disk(&self.data_dir),
            backup: backup(self.backup_mark.as_deref(), &self.data_dir),
            lost: Some(
                lost.into_iter()
                    .map(|(device, name, records)| (device.to_string(), name, records))
                    .collect(),
            ),
            refused: Some(refused(store)?),
            dead: Some(dead(store)?),
            damaged: (self.damaged)(),
        })
    }
}

fn disk(folder: &Path) -> Option<Disk> {
    let found = deskwarden_system::room(folder)
        .inspect_err(|error| warn!(folder = %folder.display(), %error, "its disk cannot be looked at"))
        .ok()?;
    Some(Disk {
        folder: folder.display().to_string(),
        free: found.free,
        total: found.total,
    })
}

fn backup(mark: Option<&Path>, data_dir: &Path) -> Option<Backup> {
    let Some(mark) = mark else {
        return Some(Backup::NotExpected);
    };
    match std::fs::metadata(mark).and_then(|file| file.modified()) {
        Ok(at) => Some(Backup::At(millis(at))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // The first thing that a collector makes, and that a backup brings back.
            let first = std::fs::metadata(data_dir.join("pki/root.crt")).and_then(|file| file.modified());
            Some(Backup::Never(first.map_or(0, millis)))
        }
        Err(error) => {
            warn!(file = %mark.display(), %error, "the mark of the last backup cannot be looked at");
            None
        }
    }
}

fn millis(at: SystemTime) -> Millis {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// Files whose newest version was refused, and the first fault of each.
fn refused(store: &dyn Store) -> StoreResult<Vec<(String, String)>> {
    let versions = store.rule_versions(VERSIONS)?;
    let refused = refused_now(&versions).into_iter();
    let first = |faults: &str| faults.lines().next().unwrap_or_default().to_owned();
    Ok(refused
        .map(|version| (version.file.clone(), first(&version.faults)))
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
    use std::sync::Arc;

    use super::*;
    use crate::rules_dir::Importer;

    #[test]
    fn a_refused_file_of_rules_is_told_until_it_is_deleted() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("rules.d");
        std::fs::create_dir(&folder).unwrap();
        let at = format!("sqlite:{}", home.path().join("test.db").display());
        let store = deskwarden_store::open(&at).unwrap();
        let importer = Importer::new(Arc::clone(&store), folder.clone(), home.path());
        std::fs::write(folder.join("a.toml"), "[[rule]]\nid = 7\n").unwrap();
        importer.import_folder(1).unwrap();
        let told = refused(store.as_ref()).unwrap();
        assert_eq!(told.len(), 1);
        assert!(told[0].0 == "a.toml" && told[0].1.contains("a.toml:"), "{told:?}");
        std::fs::remove_file(folder.join("a.toml")).unwrap();
        importer.import_folder(2).unwrap();
        assert_eq!(refused(store.as_ref()).unwrap(), []);
    }

    #[test]
    fn a_first_backup_is_waited_for_from_the_first_start_on() {
        let home = tempfile::tempdir().unwrap();
        let mark = home.path().join("last");
        let look = || backup(Some(&mark), home.path());
        assert_eq!(look(), Some(Backup::Never(0)));
        std::fs::create_dir(home.path().join("pki")).unwrap();
        std::fs::write(home.path().join("pki/root.crt"), "").unwrap();
        assert!(
            matches!(look(), Some(Backup::Never(since)) if since > 0),
            "{:?}",
            look()
        );
        std::fs::write(&mark, "").unwrap();
        assert!(matches!(look(), Some(Backup::At(_))), "{:?}", look());
        assert_eq!(backup(None, home.path()), Some(Backup::NotExpected));
    }
}
