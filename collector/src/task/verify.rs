//! Walks over the stored content once a day and keeps what it found for whoever asks how the collector is. Takes a
//! twentieth of one core while it walks. Repairs nothing: which copy is right is for a person.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use deskwarden_domain::port::{ContentPlace, Store, StoreError, StoreResult};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::clock;

use super::Lease;

/// From the start of the program to the first walk: agents come back first. A file that is not checked whole at the start
/// because of its size is looked at early all the same.
const SETTLE: Duration = Duration::from_secs(30);
/// From a walk that came to nothing to the next one.
const RETRY: Duration = Duration::from_secs(60);
/// From the end of a walk to the next one.
const EVERY: Duration = Duration::from_secs(86_400);
/// Rows of one part; of contents they are a few hundred bytes, of devices some hundred items each.
const CONTENTS: u32 = 2_000;
const DEVICES: u32 = 20;
/// How much longer than a part took nothing is done.
const REST: u32 = 19;
/// Shortest pause between two parts, and longest: what takes long once is not paid for with an hour.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a pause may last after the collector was asked to end.
const HEARS: Duration = Duration::from_millis(100);
/// Faults that are kept.
const MOST: usize = 200;

/// What the last walk found; `None` before the first one ended.
#[derive(Clone, Debug, Default)]
pub struct Verdict(Arc<Mutex<Option<Vec<String>>>>);

impl Verdict {
    /// What was found to be other than it was stored.
    pub fn found(&self) -> Option<Vec<String>> {
        self.lock().clone()
    }

    fn set(&self, found: Option<Vec<String>>) {
        *self.lock() = found;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What [`walk`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Rows whose content was recomputed.
    pub rows: u64,
    /// What is not as it was stored.
    pub faults: Vec<String>,
}

/// Walks over everything once, part by part; `rest` is told how long the part before took and says whether to go on.
/// `None` when it was told not to.
///
/// # Errors
/// The store is out of reach. Rows that cannot be read at all are among the faults.
pub fn walk(store: &dyn Store, mut rest: impl FnMut(Duration) -> bool) -> StoreResult<Option<Walked>> {
    let mut walked = Walked::default();
    let mut spent = Duration::ZERO;
    let parts = match store.structure_parts() {
        Err(StoreError::Damaged(text)) => {
            note(&mut walked, vec![text]);
            Vec::new()
        }
        parts => parts?,
    };
    for part in parts {
        if !rest(spent) {
            return Ok(None);
        }
        let began = Instant::now();
        note(&mut walked, told(store.check_part(&part))?);
        spent = began.elapsed();
    }
    contents(store, spent, rest, walked)
}

/// The same without a pause, and with what no part of the file belongs to.
///
/// # Errors
/// As [`walk`].
pub fn walk_at_once(store: &dyn Store) -> StoreResult<Walked> {
    let mut walked = Walked::default();
    note(&mut walked, told(store.check_structure())?);
    let walked = contents(store, Duration::ZERO, |_| true, walked)?;
    Ok(walked.unwrap_or_default())
}

fn contents(
    store: &dyn Store,
    mut spent: Duration,
    mut rest: impl FnMut(Duration) -> bool,
    mut walked: Walked,
) -> StoreResult<Option<Walked>> {
    let mut next = Some(ContentPlace::default());
    while let Some(place) = next {
        if !rest(spent) {
            return Ok(None);
        }
        let began = Instant::now();
        let limit = match place {
            ContentPlace::Facets(_) => CONTENTS,
            ContentPlace::Devices(_) => DEVICES,
        };
        match store.check_content(place, limit) {
            Ok(look) => {
                walked.rows += look.rows;
                note(&mut walked, look.faults);
                next = look.next;
            }
            Err(StoreError::Damaged(text)) => {
                note(&mut walked, vec![text]);
                next = past(place);
            }
            Err(error) => return Err(error),
        }
        spent = began.elapsed();
    }
    Ok(Some(walked))
}

/// A part that cannot be read ends the walk over its kind: where its rows end is not known.
fn past(place: ContentPlace) -> Option<ContentPlace> {
    match place {
        ContentPlace::Facets(_) => Some(ContentPlace::Devices(0)),
        ContentPlace::Devices(_) => None,
    }
}

fn told(found: StoreResult<Vec<String>>) -> StoreResult<Vec<String>> {
    match found {
        Err(StoreError::Damaged(text)) => Ok(vec![text]),
        other => other,
    }
}

fn note(walked: &mut Walked, faults: Vec<String>) {
    let room = MOST.saturating_sub(walked.faults.len());
    walked.faults.extend(faults.into_iter().take(room));
}

/// Rests on a thread that may block; whether to go on afterwards.
fn paused(mut left: Duration, stop: &CancellationToken) -> bool {
    while !stop.is_cancelled() && !left.is_zero() {
        let slice = left.min(HEARS);
        std::thread::sleep(slice);
        left -= slice;
    }
    !stop.is_cancelled()
}

/// Walks until cancelled, while this collector holds the lease.
pub async fn verify(store: Arc<dyn Store>, lease: Arc<Lease>, verdict: Verdict, cancel: CancellationToken) {
    walking(store, lease, verdict, cancel, SETTLE).await;
}

async fn walking(
    store: Arc<dyn Store>,
    lease: Arc<Lease>,
    verdict: Verdict,
    cancel: CancellationToken,
    mut pause: Duration,
) {
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let (store, lease, stop) = (Arc::clone(&store), Arc::clone(&lease), cancel.clone());
        let round = tokio::task::spawn_blocking(move || {
            walk(store.as_ref(), |spent| {
                paused((spent * REST).clamp(PAUSE, LONGEST_PAUSE), &stop)
                    && lease.hold(store.as_ref(), clock::now()).unwrap_or(false)
            })
        });
        pause = EVERY;
        // A part that reads much is not waited for at the end: it only reads.
        let round = tokio::select! {
            () = cancel.cancelled() => return,
            round = round => round,
        };
        match round {
            Ok(Ok(Some(walked))) => {
                for fault in &walked.faults {
                    error!(fault, "the store is damaged");
                }
                info!(
                    rows = walked.rows,
                    faults = walked.faults.len(),
                    "the store was looked through"
                );
                verdict.set(Some(walked.faults));
            }
            Ok(Ok(None)) => {
                verdict.set(None);
                pause = RETRY;
            }
            Ok(Err(error)) => {
                warn!(%error, "the store cannot be looked through; trying again");
                pause = RETRY;
            }
            Err(error) => warn!(%error, "looking through the store was cut off; trying again tomorrow"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_ends_where_it_is_told_and_finds_nothing_in_a_store_that_is_whole() {
        let home = tempfile::tempdir().unwrap();
        let store =
            deskwarden_store::open(&format!("sqlite:{}", home.path().join("t.db").display())).unwrap();
        let mut parts = 0;
        let walked = walk(store.as_ref(), |_| {
            parts += 1;
            true
        });
        assert_eq!(walked.unwrap(), Some(Walked::default()));
        let tables = store.structure_parts().unwrap().len();
        assert!(tables > 40, "{tables}");
        assert_eq!(parts, tables + 2, "tables, contents, devices");
        assert_eq!(walk_at_once(store.as_ref()).unwrap(), Walked::default());
        assert_eq!(walk(store.as_ref(), |_| false).unwrap(), None);
    }

    #[test]
    fn a_pause_ends_when_the_collector_does() {
        let stop = CancellationToken::new();
        assert!(paused(Duration::ZERO, &stop));
        stop.cancel();
        // It would else last longer than a test may.
        assert!(!paused(LONGEST_PAUSE * 100, &stop));
    }

    #[test]
    fn what_cannot_be_read_is_a_fault_and_what_is_out_of_reach_an_error() {
        let told = told(Err(StoreError::Damaged("page 7".into())));
        assert_eq!(told.unwrap(), ["page 7"]);
        assert_eq!(past(ContentPlace::Facets(9)), Some(ContentPlace::Devices(0)));
        assert_eq!(past(ContentPlace::Devices(9)), None);
        let mut walked = Walked::default();
        note(&mut walked, vec!["x".to_owned(); 3 * MOST]);
        assert_eq!(walked.faults.len(), MOST);
    }

    /// A store of more than the start looks at, with a page of zeroes in its middle.
    fn damaged_in_its_middle(file: &std::path::Path) -> Arc<dyn Store> {
        use std::io::{Seek as _, SeekFrom, Write as _};

        const PAGE: u64 = 4096;
        drop(deskwarden_store::open(&format!("sqlite:{}", file.display())).unwrap());
        let filled = rusqlite::Connection::open(file).unwrap();
        filled
            .execute_batch(
                "CREATE TABLE filler (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 18000)
                 INSERT INTO filler SELECT i, hex(zeroblob(1000)) FROM n;
                 PRAGMA wal_checkpoint(TRUNCATE);",
            )
            .unwrap();
        drop(filled);
        // The filler is no table of ours: only what happens to it from now on counts.
        deskwarden_store::open(&format!("sqlite:{}", file.display()))
            .unwrap()
            .accept_tables()
            .unwrap();
        let bytes = std::fs::metadata(file).unwrap().len();
        assert!(bytes > 33 << 20, "{bytes}");
        let page = bytes / PAGE / 2;
        let mut opened = std::fs::OpenOptions::new().write(true).open(file).unwrap();
        opened.seek(SeekFrom::Start(page * PAGE)).unwrap();
        opened.write_all(&[0; 4096]).unwrap();
        deskwarden_store::open(&format!("sqlite:{}", file.display())).unwrap()
    }

    #[tokio::test]
    async fn damage_of_a_store_too_large_for_the_start_is_told_soon_after_it() {
        let home = tempfile::tempdir().unwrap();
        let store = damaged_in_its_middle(&home.path().join("t.db"));
        let (verdict, cancel) = (Verdict::default(), CancellationToken::new());
        let lease = Arc::new(Lease::new("dispatch", "here"));
        let walking = walking(
            Arc::clone(&store),
            lease,
            verdict.clone(),
            cancel.clone(),
            Duration::ZERO,
        );
        let told = async {
            while verdict.found().is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            cancel.cancel();
        };
        tokio::time::timeout(Duration::from_secs(120), async { tokio::join!(walking, told) })
            .await
            .unwrap();
        let found = verdict.found().unwrap();
        assert!(!found.is_empty(), "nothing was found");
        assert!(
            SETTLE <= Duration::from_secs(60),
            "and a walk begins within a minute"
        );
    }
}
