//! What takes long to count over the whole fleet is counted in the background and kept for a while; what is counted
//! quickly is counted anew for everybody who asks.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use deskwarden_domain::{
    model::Millis,
    port::{Store, StoreError, StoreResult},
};

/// So many times the time that it took, it is kept: counting takes at most a twentieth of a core.
const KEPT_FOR: u32 = 20;

/// Something that is counted over the fleet.
pub(super) struct Kept<T> {
    /// What takes less than this is not kept.
    quick: Duration,
    inner: Mutex<Inner<T>>,
    done: Condvar,
}

struct Inner<T> {
    last: Option<Counted<T>>,
    failed: Option<StoreError>,
    counting: bool,
    /// What is being counted was changed meanwhile.
    outdated: bool,
}

struct Counted<T> {
    value: Arc<T>,
    /// When it was begun.
    at: Millis,
    cost: Duration,
}

impl<T: Send + Sync + 'static> Kept<T> {
    /// Nothing yet. What takes less than `quick` will not be kept.
    pub(super) const fn new(quick: Duration) -> Self {
        Self {
            quick,
            inner: Mutex::new(Inner {
                last: None,
                failed: None,
                counting: false,
                outdated: false,
            }),
            done: Condvar::new(),
        }
    }

    /// What is counted was changed by a person, who then wants to see it.
    pub(super) fn forget(&self) {
        let mut inner = self.lock();
        inner.last = None;
        inner.outdated = inner.counting;
    }

    /// The newest count, and when it was begun. Blocks for at most `wait` where there is none or where counting is
    /// quick; `None` when it is not done by then.
    pub(super) fn get(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        now: Millis,
        wait: Duration,
        count: impl Fn(&dyn Store, Millis) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<Option<(Arc<T>, Millis)>> {
        let mut inner = self.lock();
        if let Some(last) = inner.last.as_ref().filter(|last| last.cost >= self.quick) {
            let kept = Millis::try_from((last.cost * KEPT_FOR).as_millis()).unwrap_or(Millis::MAX);
            let answer = (Arc::clone(&last.value), last.at);
            if now.saturating_sub(last.at) > kept {
                self.begin(&mut inner, store, now, count)?;
            }
            return Ok(Some(answer));
        }
        self.begin(&mut inner, store, now, count)?;
        let (mut inner, _) = self
            .done
            .wait_timeout_while(inner, wait, |inner| inner.counting)
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = inner.failed.take() {
            return Err(error);
        }
        let done = inner.last.as_ref();
        Ok(done.map(|last| (Arc::clone(&last.value), last.at)))
    }

    /// Begins to count, unless somebody does.
    fn begin(
        self: &Arc<Self>,
        inner: &mut Inner<T>,
        store: &Arc<dyn Store>,
        now: Millis,
        count: impl Fn(&dyn Store, Millis) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<()> {
        if inner.counting {
            return Ok(());
        }
        let (this, store) = (Arc::clone(self), Arc::clone(store));
        std::thread::Builder::new()
            .name("count".to_owned())
            .spawn(move || {
                let end = End(&this);
                while !this.publish(store.as_ref(), now, &count) {}
                drop(end);
            })
            .map_err(|source| StoreError::Unavailable {
                context: "starting to count over the fleet".to_owned(),
                source: source.into(),
            })?;
        inner.counting = true;
        Ok(())
    }

    /// Counts once; `false` where what was counted is outdated.
    fn publish(
        &self,
        store: &dyn Store,
        now: Millis,
        count: &dyn Fn(&dyn Store, Millis) -> StoreResult<T>,
    ) -> bool {
        let begun = Instant::now();
        let counted = count(store, now);
        let mut inner = self.lock();
        if std::mem::take(&mut inner.outdated) {
            return false;
        }
        match counted {
            Ok(value) => {
                inner.last = Some(Counted {
                    value: Arc::new(value),
                    at: now,
                    cost: begun.elapsed(),
                });
                inner.failed = None;
            }
            Err(error) => {
                tracing::warn!(%error, "the fleet cannot be counted");
                inner.failed = Some(error);
            }
        }
        // In the same moment: what is forgotten from now on is counted by whoever asks next.
        inner.counting = false;
        true
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that counting ended, however it did.
struct End<'k, T: Send + Sync + 'static>(&'k Arc<Kept<T>>);

impl<T: Send + Sync + 'static> Drop for End<'_, T> {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        (inner.counting, inner.outdated) = (false, false);
        drop(inner);
        self.0.done.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const WAIT: Duration = Duration::from_secs(30);

    fn store() -> (Arc<dyn Store>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = deskwarden_store::open(&format!("sqlite:{}", folder.path().join("dw.db").display()));
        (store.unwrap(), folder)
    }

    /// The moment at which it was counted stands for what was counted.
    #[expect(clippy::unnecessary_wraps, reason = "counting is fallible")]
    fn moment(_: &dyn Store, now: Millis) -> StoreResult<Millis> {
        Ok(now)
    }

    fn get(kept: &Arc<Kept<Millis>>, store: &Arc<dyn Store>, now: Millis) -> Millis {
        let (value, at) = kept.get(store, now, WAIT, moment).unwrap().unwrap();
        assert_eq!(*value, at);
        at
    }

    #[test]
    fn what_is_counted_quickly_is_counted_for_everybody() {
        let (store, _folder) = store();
        let kept = Arc::new(Kept::new(Duration::MAX));
        assert_eq!(get(&kept, &store, 1), 1);
        assert_eq!(get(&kept, &store, 2), 2);
    }

    #[test]
    fn what_takes_long_is_kept_for_a_while_and_then_counted_behind_the_readers_back() {
        let (store, _folder) = store();
        let kept = Arc::new(Kept::new(Duration::ZERO));
        assert_eq!(get(&kept, &store, 1), 1);
        assert_eq!(get(&kept, &store, 1), 1, "kept");
        // Long after: the old number at once, while the new one is counted.
        let later = 1 + 24 * 3_600_000;
        assert_eq!(get(&kept, &store, later), 1);
        let counting = kept.lock();
        let (inner, waited) = kept
            .done
            .wait_timeout_while(counting, WAIT, |inner| inner.counting)
            .unwrap();
        assert!(!waited.timed_out());
        drop(inner);
        assert_eq!(get(&kept, &store, later), later);
    }

    #[test]
    fn what_was_changed_is_counted_again() {
        let (store, _folder) = store();
        let kept = Arc::new(Kept::new(Duration::ZERO));
        assert_eq!(get(&kept, &store, 1), 1);
        kept.forget();
        assert_eq!(get(&kept, &store, 2), 2);
    }

    /// How often it was counted, and until when the first time lasts.
    static TIMES: AtomicU64 = AtomicU64::new(0);
    static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

    fn slow(_: &dyn Store, _: Millis) -> StoreResult<u64> {
        let times = TIMES.fetch_add(1, Ordering::SeqCst) + 1;
        if times == 1 {
            let (open, waited) = GATE
                .1
                .wait_timeout_while(GATE.0.lock().unwrap(), WAIT, |open| !*open)
                .unwrap();
            assert!(*open && !waited.timed_out());
        }
        Ok(times)
    }

    #[test]
    fn a_change_while_it_is_counted_is_counted_too_and_nobody_waits_longer_than_asked() {
        let (store, _folder) = store();
        let kept = Arc::new(Kept::new(Duration::ZERO));
        let early = kept.get(&store, 1, Duration::ZERO, slow).unwrap();
        assert!(early.is_none(), "it is being counted");
        kept.forget();
        *GATE.0.lock().unwrap() = true;
        GATE.1.notify_all();
        let (value, _) = kept.get(&store, 1, WAIT, slow).unwrap().unwrap();
        assert_eq!(*value, 2);
    }

    fn broken(_: &dyn Store, _: Millis) -> StoreResult<u64> {
        Err(StoreError::NotFound("the fleet".into()))
    }

    #[test]
    fn what_cannot_be_counted_says_so_and_is_tried_again() {
        let (store, _folder) = store();
        let kept = Arc::new(Kept::new(Duration::ZERO));
        assert!(kept.get(&store, 1, WAIT, broken).is_err());
        assert!(kept.get(&store, 1, WAIT, broken).is_err());
        let after = kept.get(&store, 1, WAIT, |_, _| Ok(7)).unwrap().unwrap();
        assert_eq!(*after.0, 7);
    }
}
