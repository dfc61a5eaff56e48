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

/// What takes less than this is not kept.
const QUICK: Duration = if cfg!(test) {
    // Tests read what they wrote a moment ago, however slow the machine is.
    Duration::MAX
} else {
    Duration::from_millis(100)
};
/// So many times the time that it took, it is kept: counting takes at most a twentieth of a core.
const KEPT_FOR: u32 = 20;

/// How something is counted.
pub(super) type Count<T> = fn(&dyn Store, Millis) -> StoreResult<T>;

/// Something that is counted over the fleet.
pub(super) struct Kept<T> {
    inner: Mutex<Inner<T>>,
    done: Condvar,
}

struct Inner<T> {
    last: Option<Counted<T>>,
    failed: Option<StoreError>,
    counting: bool,
}

struct Counted<T> {
    value: Arc<T>,
    /// When it was begun.
    at: Millis,
    cost: Duration,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner {
                last: None,
                failed: None,
                counting: false,
            }),
            done: Condvar::new(),
        }
    }
}

impl<T: Send + Sync + 'static> Kept<T> {
    /// The newest count, and when it was begun. Blocks for at most `wait` where there is none or where counting is
    /// quick; `None` when it is not done by then.
    pub(super) fn get(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        now: Millis,
        wait: Duration,
        count: Count<T>,
    ) -> StoreResult<Option<(Arc<T>, Millis)>> {
        let mut inner = self.lock();
        if let Some(last) = inner.last.as_ref().filter(|last| last.cost >= QUICK) {
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
        count: Count<T>,
    ) -> StoreResult<()> {
        if inner.counting {
            return Ok(());
        }
        let (this, store) = (Arc::clone(self), Arc::clone(store));
        std::thread::Builder::new()
            .name("count".to_owned())
            .spawn(move || {
                let end = End(&this);
                let begun = Instant::now();
                let counted = count(store.as_ref(), now);
                let mut inner = this.lock();
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
                drop(inner);
                drop(end);
            })
            .map_err(|source| StoreError::Unavailable {
                context: "starting to count over the fleet".to_owned(),
                source: source.into(),
            })?;
        inner.counting = true;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that counting ended, however it did.
struct End<'k, T: Send + Sync + 'static>(&'k Arc<Kept<T>>);

impl<T: Send + Sync + 'static> Drop for End<'_, T> {
    fn drop(&mut self) {
        self.0.lock().counting = false;
        self.0.done.notify_all();
    }
}
