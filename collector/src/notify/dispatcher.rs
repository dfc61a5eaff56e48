//! From the outbox to the channels: new alerts are planned into queues, what is due in a queue becomes messages, and
//! messages are sent until they are taken. Each channel has a worker of its own, so that a dead mail server delays no
//! webhook. What is planned and packed is decided in the domain; here are the order of steps, the clock and the pauses.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use deskwarden_domain::{
    alerting,
    model::{Delivery, Millis},
    port::{Store, StoreError, StoreResult},
};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::task::Lease;

use super::{Composer, Desk, Live, Style, Templates, Then, backoff, message::RuleWords};

/// How often the outbox is looked at without a hint: alerts of other processes come without one.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Longest time until a worker looks by itself.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a channel for people waits for more of the same cause before it is told.
const GATHER: Duration = Duration::from_millis(250);
/// How long a message that is being sent may take once the collector stops.
const LINGER: Duration = Duration::from_secs(3);
/// Alerts planned at once.
const BATCH: usize = 500;
/// Messages sent before a worker looks again at what is due.
const AT_ONCE: usize = 16;
/// Entries of a queue that are looked at together: a digest is complete up to here, the rest is the next one.
const TOGETHER: usize = 20_000;
/// How long the store may not know of what a channel took.
const UNKNOWN: Duration = Duration::from_millis(50);
/// Messages that may fail and wait for another try before no more are made: what a channel that is away would
/// get later stays together in its queue.
const FAILING: u64 = 3;
/// The window of a rate.
const MINUTE: Millis = 60_000;

/// Finds the words of a rule by id.
pub type RuleWordsOf = Arc<dyn Fn(&str) -> Option<RuleWords> + Send + Sync>;
/// The time.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;
/// Makes the desk anew.
pub type DeskOf = Arc<dyn Fn(&dyn Store) -> StoreResult<Desk> + Send + Sync>;

/// Empties the outbox into the channels.
pub struct Dispatcher {
    /// Where the outbox is.
    pub store: Arc<dyn Store>,
    /// Who can be told.
    pub desk: DeskOf,
    /// Words of the rules in force.
    pub words: RuleWordsOf,
    /// Words of messages.
    pub templates: Templates,
    /// Language and links.
    pub style: Style,
    /// Rung after each commit that queued alerts.
    pub wake: Arc<Notify>,
    /// One collector of several dispatches.
    pub lease: Arc<Lease>,
    /// The time.
    pub clock: Clock,
}

impl Dispatcher {
    /// Works until cancelled; what is being sent gets a moment to finish.
    pub async fn run(self, cancel: CancellationToken) {
        let wake = Arc::clone(&self.wake);
        let this = Arc::new(self);
        let mut staff = Staff::default();
        while !cancel.is_cancelled() {
            let shared = Arc::clone(&this);
            let known = staff.version;
            let looked = tokio::task::spawn_blocking(move || {
                let desk = (known != Some(shared.store.definitions_version()?))
                    .then(|| (shared.desk)(shared.store.as_ref()))
                    .transpose()?;
                StoreResult::Ok(desk)
            })
            .await;
            match looked {
                Ok(Ok(Some(desk))) => staff.replace(desk, &this, &cancel).await,
                Ok(Ok(None)) => {}
                Ok(Err(error)) => warn!(%error, "the channels cannot be read; trying again"),
                Err(error) => warn!(%error, "looking at the channels failed; trying again"),
            }
            if let Some(desk) = staff.desk.clone() {
                let shared = Arc::clone(&this);
                match tokio::task::spawn_blocking(move || shared.plan(&desk)).await {
                    Ok(Ok(0)) => {}
                    Ok(Ok(_)) => staff.bells.iter().for_each(|bell| bell.notify_one()),
                    Ok(Err(error)) => warn!(%error, "the alert outbox cannot be read; trying again"),
                    Err(error) => warn!(%error, "looking at the alert outbox failed; trying again"),
                }
            }
            tokio::select! {
                () = cancel.cancelled() => break,
                () = wake.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
        staff.dismiss().await;
    }

    /// Puts new alerts into the queues of channels; how many entries were put. What no channel wants is done
    /// with, so that one that is set up later is not told of the past.
    fn plan(&self, desk: &Desk) -> StoreResult<u64> {
        if !self.lease.hold(self.store.as_ref(), (self.clock)())? {
            return Ok(0);
        }
        let book = desk.book(self.store.first_enrolment()?, (self.clock)());
        let mut put = 0;
        loop {
            let fresh = self.store.fresh_alerts(BATCH)?;
            if fresh.is_empty() {
                return Ok(put);
            }
            let planned = alerting::plan((self.clock)(), &fresh, &book);
            let done: Vec<i64> = fresh.iter().map(|fresh| fresh.alert.id).collect();
            put += self.store.plan_alerts(&planned, &done)?;
        }
    }
}

/// The workers of a desk.
#[derive(Default)]
struct Staff {
    version: Option<i64>,
    desk: Option<Arc<Desk>>,
    bells: Vec<Arc<Notify>>,
    workers: JoinSet<()>,
    stop: CancellationToken,
}

impl Staff {
    async fn replace(&mut self, desk: Desk, shared: &Arc<Dispatcher>, cancel: &CancellationToken) {
        for fault in &desk.faults {
            warn!(fault, "a channel, route or window is not used");
        }
        self.dismiss().await;
        self.stop = cancel.child_token();
        self.version = Some(desk.version);
        for live in &desk.channels {
            let bell = Arc::new(Notify::new());
            bell.notify_one();
            self.bells.push(Arc::clone(&bell));
            let worker = Worker::new(Arc::clone(shared), live.clone());
            let _handle = self.workers.spawn(worker.run(bell, self.stop.clone()));
        }
        self.desk = Some(Arc::new(desk));
    }

    async fn dismiss(&mut self) {
        self.stop.cancel();
        self.bells.clear();
        let ended = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(LINGER, ended).await.is_err() {
            info!("a channel is still sending; what it was sent will be sent again under the same key");
        }
    }
}

/// What a round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// Nothing more is due until then.
    Until(Option<Millis>),
    /// There may be more.
    More,
}

struct Worker {
    shared: Arc<Dispatcher>,
    live: Live,
    state: Mutex<State>,
}

/// What a worker remembers between rounds.
#[derive(Default)]
struct State {
    /// When messages were tried in the last minute; read from the store at first.
    tried: Option<Vec<Millis>>,
    /// The channel wants nothing before.
    blocked_until: Millis,
}

impl Worker {
    fn new(shared: Arc<Dispatcher>, live: Live) -> Self {
        Self {
            shared,
            live,
            state: Mutex::default(),
        }
    }

    async fn run(self, bell: Arc<Notify>, cancel: CancellationToken) {
        let this = Arc::new(self);
        while !cancel.is_cancelled() {
            let (worker, stop) = (Arc::clone(&this), cancel.clone());
            let round = tokio::task::spawn_blocking(move || worker.round(&stop)).await;
            let name = &this.live.name;
            let mut pause = PAUSE;
            match round {
                Ok(Ok(Round::More)) => continue,
                Ok(Ok(Round::Until(Some(at)))) => {
                    let left = at.saturating_sub((this.shared.clock)()).max(10);
                    pause = pause.min(Duration::from_millis(left.unsigned_abs()));
                }
                Ok(Ok(Round::Until(None))) => {}
                Ok(Err(error)) => {
                    warn!(channel = name, %error, "deliveries cannot be read or written; trying again");
                }
                Err(error) => warn!(channel = name, %error, "a delivery was cut off; trying again"),
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                () = bell.notified() => if this.live.pace.groups {
                    tokio::time::sleep(GATHER).await;
                },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Sends what is due to the channel; where nothing is, makes messages of what waits.
    fn round(&self, stop: &CancellationToken) -> StoreResult<Round> {
        let store = self.shared.store.as_ref();
        let now = (self.shared.clock)();
        if !self.shared.lease.hold(store, now)? {
            // Whoever holds it meanwhile sends too.
            *self.lock() = State::default();
            return Ok(Round::Until(None));
        }
        let blocked = self.lock().blocked_until;
        if now < blocked {
            return Ok(Round::Until(Some(blocked)));
        }
        if self.lock().tried.is_none() {
            let pulse = store.pulse(&self.live.name, now - MINUTE)?;
            self.lock().tried = Some(pulse.tried);
        }
        let due = store.due_deliveries(&self.live.name, now, AT_ONCE)?;
        if !due.is_empty() {
            let mut taken = Taken::none();
            let round = self.send(&due, now, stop, &mut taken);
            // Whatever ended the round: what was taken before is not sent again.
            taken.keep(store)?;
            return round;
        }
        let mut pulse = store.pulse(&self.live.name, now - MINUTE)?;
        if pulse.failing >= FAILING {
            return Ok(Round::Until(None));
        }
        pulse.tried = self.tried(now);
        let waiting = store.queue_due(&self.live.name, now, TOGETHER)?;
        let packed = alerting::pack(now, &waiting, self.live.pace, &pulse);
        if packed.packs.is_empty() && packed.skipped.is_empty() {
            return Ok(Round::Until(packed.look_again));
        }
        match store.bind(&self.live.name, &packed.packs, &packed.skipped, now) {
            Ok(()) => Ok(Round::More),
            // Another collector was faster: look anew.
            Err(StoreError::Stale) => Ok(Round::Until(None)),
            Err(error) => Err(error),
        }
    }

    /// Sends what is due, one after the other.
    fn send(
        &self,
        due: &[Delivery],
        now: Millis,
        stop: &CancellationToken,
        taken: &mut Taken,
    ) -> StoreResult<Round> {
        for delivery in due {
            if stop.is_cancelled() {
                return Ok(Round::Until(None));
            }
            if let Some(free) = self.full(now) {
                return Ok(Round::Until(Some(free)));
            }
            let Some(at) = self.deliver(delivery)? else {
                return Ok(Round::Until(None));
            };
            taken.add(delivery.id, at, self.shared.store.as_ref())?;
        }
        Ok(Round::More)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When messages were tried in the last minute.
    fn tried(&self, now: Millis) -> Vec<Millis> {
        let mut state = self.lock();
        let tried = state.tried.get_or_insert_with(Vec::new);
        tried.retain(|at| now - at < MINUTE);
        tried.clone()
    }

    /// When the next message may be tried, if not now.
    fn full(&self, now: Millis) -> Option<Millis> {
        let most = self.live.pace.per_minute?;
        let mut state = self.lock();
        let tried = state.tried.get_or_insert_with(Vec::new);
        tried.retain(|at| now - at < MINUTE);
        tried
            .len()
            .checked_sub(most)
            .and_then(|n| tried.get(n))
            .map(|at| at + MINUTE)
    }

    /// Sends a message; when it was taken. What was not is due again, or given up.
    fn deliver(&self, delivery: &Delivery) -> StoreResult<Option<Millis>> {
        let shared = &self.shared;
        let (store, name) = (shared.store.as_ref(), &self.live.name);
        let composer = Composer {
            words: &*shared.words,
            style: &shared.style,
            templates: &shared.templates,
        };
        let message = composer.compose(delivery);
        let began = (shared.clock)();
        if self.live.pace.per_minute.is_some() {
            store.trying(delivery.id, began)?;
        }
        self.lock().tried.get_or_insert_with(Vec::new).push(began);
        let Err(error) = self.live.sender.send(&message) else {
            debug!(channel = name, delivery = delivery.id, "delivered");
            return Ok(Some((shared.clock)()));
        };
        let now = (shared.clock)();
        let failures = delivery.attempts.saturating_add(1);
        let mut jitter = [128u8];
        // Without randomness all channels pause alike, which is harmless.
        let _ = getrandom::fill(&mut jitter);
        let (due_at, counted) = match error.then() {
            Then::Never => (None, true),
            Then::NotBefore(pause) => {
                self.lock().blocked_until = later(now, pause);
                (Some(later(now, pause)), false)
            }
            Then::Again => {
                let tried_for =
                    Duration::from_millis(now.saturating_sub(delivery.made_at).max(0).unsigned_abs());
                let pause = backoff::pause(failures, tried_for, jitter[0]);
                (pause.map(|pause| later(now, pause)), true)
            }
        };
        store.delivery_failed(delivery.id, &error.to_string(), due_at, counted)?;
        match due_at {
            Some(_) => {
                info!(channel = name, delivery = delivery.id, failures, %error, "not delivered; will be tried again")
            }
            None => {
                warn!(channel = name, delivery = delivery.id, failures, %error, "given up; see the alerts page")
            }
        }
        Ok(None)
    }
}

/// Messages that a channel took and that the store does not know of yet. What a collector that dies now knew would be
/// sent again, under its key.
struct Taken {
    messages: Vec<(i64, Millis)>,
    /// When the first of them was about to be sent.
    since: Instant,
}

impl Taken {
    fn none() -> Self {
        Self {
            messages: Vec::new(),
            since: Instant::now(),
        }
    }

    /// Another one; what a slow channel took is kept one by one.
    fn add(&mut self, id: i64, at: Millis, store: &dyn Store) -> StoreResult<()> {
        self.messages.push((id, at));
        if self.since.elapsed() >= UNKNOWN {
            self.keep(store)?;
        }
        Ok(())
    }

    fn keep(&mut self, store: &dyn Store) -> StoreResult<()> {
        store.delivered(&self.messages)?;
        *self = Self::none();
        Ok(())
    }
}

fn later(now: Millis, pause: Duration) -> Millis {
    now.saturating_add(Millis::try_from(pause.as_millis()).unwrap_or(Millis::MAX))
}

#[cfg(test)]
mod tests;
