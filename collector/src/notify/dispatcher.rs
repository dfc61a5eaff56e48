//! From the outbox to the channels. Each channel has a worker of its own, so that a dead mail server
//! delays no webhook. A worker is woken by commits, and by the time of its next retry.

use std::{sync::Arc, time::Duration};

use deskwarden_domain::{
    model::{Delivery, Millis, Severity},
    port::{Store, StoreResult},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{clock, task::Lease};

use super::{Sender, Style, backoff, compose, message::RuleWords};

/// How often the outbox is looked at without a hint: alerts of other processes come without one.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Time until a worker looks by itself: for retries that are due, and so that a full outbox does not hammer
/// a channel that has just failed.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a message that is being sent may take once the collector stops.
const LINGER: Duration = Duration::from_secs(3);
/// Deliveries taken at once.
const BATCH: usize = 16;

/// Finds the words of a rule by id.
pub type RuleWordsOf = Arc<dyn Fn(&str) -> Option<RuleWords> + Send + Sync>;

/// A channel that is told.
#[derive(Clone)]
pub struct Route {
    /// Its name in the configuration.
    pub name: String,
    /// What is told, from this severity on.
    pub min_severity: Severity,
    /// How.
    pub sender: Arc<dyn Sender>,
}

/// Empties the outbox into the channels.
pub struct Dispatcher {
    /// Where the outbox is.
    pub store: Arc<dyn Store>,
    /// Who is told.
    pub routes: Vec<Route>,
    /// Words of the rules in force.
    pub words: RuleWordsOf,
    /// Language and links.
    pub style: Style,
    /// Rung after each commit that queued alerts.
    pub wake: Arc<Notify>,
    /// One collector of several dispatches.
    pub lease: Lease,
}

impl Dispatcher {
    /// Works until cancelled; what is being sent gets a moment to finish.
    pub async fn run(self, cancel: CancellationToken) {
        let wake = Arc::clone(&self.wake);
        let this = Arc::new(self);
        let mut bells = Vec::new();
        let mut workers = tokio::task::JoinSet::new();
        for route in &this.routes {
            let bell = Arc::new(Notify::new());
            bells.push(Arc::clone(&bell));
            let worker = Worker {
                shared: Arc::clone(&this),
                route: route.clone(),
            };
            let _handle = workers.spawn(worker.run(bell, cancel.clone()));
        }
        loop {
            let shared = Arc::clone(&this);
            let queued = tokio::task::spawn_blocking(move || shared.expand()).await;
            match queued {
                Ok(Ok(0)) => {}
                Ok(Ok(_)) => bells.iter().for_each(|bell| bell.notify_one()),
                Ok(Err(error)) => warn!(%error, "the alert outbox cannot be read; trying again"),
                Err(error) => warn!(%error, "looking at the alert outbox failed; trying again"),
            }
            tokio::select! {
                () = cancel.cancelled() => break,
                () = wake.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
        let ended = async { while workers.join_next().await.is_some() {} };
        if tokio::time::timeout(LINGER, ended).await.is_err() {
            info!("a channel is still sending; what it was sent will be sent again under the same key");
        }
    }

    /// Makes deliveries of new alerts. Without any channel they are done with, so that one that is set up
    /// later is not told of the past.
    fn expand(&self) -> StoreResult<u64> {
        if !self.lease.hold(self.store.as_ref(), clock::now())? {
            return Ok(0);
        }
        let told: Vec<(String, Severity)> = self
            .routes
            .iter()
            .map(|route| (route.name.clone(), route.min_severity))
            .collect();
        self.store.expand_alerts(&told, clock::now())
    }
}

/// What a round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// Nothing more is due.
    Empty,
    /// There may be more.
    More,
    /// The channel did not take one.
    Failed,
}

struct Worker {
    shared: Arc<Dispatcher>,
    route: Route,
}

impl Worker {
    async fn run(self, bell: Arc<Notify>, cancel: CancellationToken) {
        let this = Arc::new(self);
        while !cancel.is_cancelled() {
            let (worker, stop) = (Arc::clone(&this), cancel.clone());
            let round = tokio::task::spawn_blocking(move || worker.round(&stop)).await;
            let name = &this.route.name;
            match round {
                Ok(Ok(Round::More)) => continue,
                Ok(Ok(Round::Empty | Round::Failed)) => {}
                Ok(Err(error)) => {
                    warn!(channel = name, %error, "deliveries cannot be read or written; trying again");
                }
                Err(error) => warn!(channel = name, %error, "a delivery was cut off; trying again"),
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                () = bell.notified() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Takes what is due to the channel. Ends at the first failure: what waits behind it keeps its tries
    /// for a time when the channel works.
    fn round(&self, stop: &CancellationToken) -> StoreResult<Round> {
        let store = self.shared.store.as_ref();
        if !self.shared.lease.hold(store, clock::now())? {
            return Ok(Round::Empty);
        }
        let due = store.due_deliveries(&self.route.name, clock::now(), BATCH)?;
        let full = due.len() == BATCH;
        for delivery in &due {
            if stop.is_cancelled() {
                return Ok(Round::Empty);
            }
            if !self.deliver(delivery)? {
                return Ok(Round::Failed);
            }
        }
        Ok(if full { Round::More } else { Round::Empty })
    }

    fn deliver(&self, delivery: &Delivery) -> StoreResult<bool> {
        let store = self.shared.store.as_ref();
        let name = &self.route.name;
        let words = (self.shared.words)(&delivery.alert.rule);
        let message = compose(delivery, words.as_ref(), &self.shared.style);
        let Err(error) = self.route.sender.send(&message) else {
            store.delivered(delivery.id, clock::now())?;
            debug!(channel = name, alert = delivery.alert.id, "delivered");
            return Ok(true);
        };
        let failures = delivery.attempts.saturating_add(1);
        let mut jitter = [128u8];
        // Without randomness all channels pause alike, which is harmless.
        let _ = getrandom::fill(&mut jitter);
        let due_at = backoff::pause(failures, jitter[0]).map(|pause| later(clock::now(), pause));
        store.delivery_failed(delivery.id, &error.to_string(), due_at)?;
        match due_at {
            Some(_) => {
                info!(channel = name, alert = delivery.alert.id, failures, %error, "not delivered; will be tried again")
            }
            None => {
                warn!(channel = name, alert = delivery.alert.id, failures, %error, "given up; see the alerts page")
            }
        }
        Ok(false)
    }
}

fn later(now: Millis, pause: Duration) -> Millis {
    now.saturating_add(Millis::try_from(pause.as_millis()).unwrap_or(Millis::MAX))
}

#[cfg(test)]
mod tests;
