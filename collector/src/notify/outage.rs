//! Tells channels that the store takes no writes, and that it is back, without asking the store for anything: channels
//! and routes are those that were read last.

use std::{sync::Arc, time::Duration};

use deskwarden_domain::{
    alerting::{self, EntryKind, Fresh},
    model::{AlertKind, AlertRow, Delivery, DeliveryState, Millis, PackKind, Severity},
    operations::{CLAUSE, Kind, Outage, Speaker, Told, Tried},
    port::{Store, StoreResult},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::{
    Composer, Desk, Style, Templates,
    dispatcher::{Clock, DeskOf, RuleWordsOf},
};
use crate::meter::Meter;

/// A question to the store that is on its way.
type Probe = tokio::task::JoinHandle<StoreResult<(Speaker, Option<Desk>)>>;

/// Pause between two tries to write.
const EVERY: Duration = Duration::from_secs(10);
/// For how long a collector that does not try any more keeps its turn.
const HELD: Millis = 60_000;
/// Leases: whoever has the first one tells, whoever has the second one tells later.
const TURNS: [&str; 2] = ["outage", "outage-second"];
/// A write that takes longer than this is none.
const LONGEST: Duration = Duration::from_secs(20);

/// What the task works with.
pub struct OutageWatch {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Knows whether the store takes reports.
    pub meter: Arc<Meter>,
    /// Different for each running collector.
    pub holder: String,
    /// Who can be told.
    pub desk: DeskOf,
    /// Words of conditions.
    pub words: RuleWordsOf,
    /// Words of messages.
    pub templates: Templates,
    /// Language; there is no page to link to while the store is away.
    pub style: Style,
    /// The time.
    pub clock: Clock,
}

/// What is known between two tries.
#[derive(Default)]
struct State {
    outage: Outage,
    /// Whose turn it was when something was written last.
    speaker: Speaker,
    desk: Option<Arc<Desk>>,
    /// Channels that know of the outage.
    told: Vec<String>,
    /// Channels that are to be told and were not reached yet.
    missing: Vec<(String, AlertRow)>,
}

impl OutageWatch {
    /// Tries until cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let this = Arc::new(self);
        let mut state = State::default();
        let mut probe: Option<Probe> = None;
        loop {
            // A try that hangs goes on hanging alone: there is never a second one beside it.
            let running = probe.get_or_insert_with(|| {
                let (shared, known) = (Arc::clone(&this), state.desk.as_ref().map(|desk| desk.version));
                tokio::task::spawn_blocking(move || shared.probe(known))
            });
            let written = match tokio::time::timeout(LONGEST, running).await {
                Err(_) => false,
                Ok(ended) => {
                    probe = None;
                    match ended {
                        Ok(Ok((speaker, desk))) => {
                            state.speaker = speaker;
                            state.desk = desk.map(Arc::new).or(state.desk);
                            true
                        }
                        Ok(Err(error)) => {
                            warn!(%error, "the store takes no writes");
                            false
                        }
                        Err(error) => {
                            warn!(%error, "trying to write was cut off");
                            false
                        }
                    }
                }
            };
            let shared = Arc::clone(&this);
            let after = tokio::task::spawn_blocking(move || {
                shared.step(&mut state, written);
                state
            });
            state = match after.await {
                Ok(state) => state,
                Err(error) => {
                    error!(%error, "telling of the store was cut off");
                    State::default()
                }
            };
            tokio::select! {
                () = cancel.cancelled() => break,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        // Others need not wait until its turn is over.
        let given_back = tokio::task::spawn_blocking(move || this.give_back()).await;
        if let Ok(Err(error)) = given_back {
            debug!(%error, "the turn to tell of the store was not given back");
        }
    }

    fn give_back(&self) -> StoreResult<()> {
        let now = (self.clock)();
        for name in TURNS {
            self.store.lease(name, &self.holder, now, now)?;
        }
        Ok(())
    }

    /// Writes, by which it learns whose turn it would be, and reads the channels if they changed.
    fn probe(&self, known: Option<i64>) -> StoreResult<(Speaker, Option<Desk>)> {
        let now = (self.clock)();
        let store = self.store.as_ref();
        let takes = |name: &str| store.lease(name, &self.holder, now, now + HELD);
        let [first, second] = TURNS;
        let speaker = if takes(first)? {
            Speaker::First
        } else if takes(second)? {
            Speaker::Second
        } else {
            // Nothing was written for a turn that others have; a lease that ends at once always is.
            store.lease("writes", &self.holder, now, now)?;
            Speaker::Silent
        };
        if known == Some(store.definitions_version()?) {
            return Ok((speaker, None));
        }
        Ok((speaker, Some((self.desk)(store)?)))
    }

    fn step(&self, state: &mut State, written: bool) {
        let now = (self.clock)();
        let tried = Tried {
            written,
            refused: self.meter.writes.read(now),
        };
        if let (Some(told), Some(desk)) = (state.outage.note(now, tried, state.speaker), state.desk.clone()) {
            let (kind, since) = match told {
                Told::Down(since) => (AlertKind::Opened, since),
                Told::Back(since) => (AlertKind::Resolved, since),
            };
            let fresh = Fresh {
                alert: row(kind, since, now),
                told: std::mem::take(&mut state.told),
            };
            let planned = alerting::plan(now, std::slice::from_ref(&fresh), &desk.book(None, now));
            // Quiet hours and digests live in the store; this cannot wait for it.
            let channels = planned.into_iter().filter(|entry| entry.kind == EntryKind::Alert);
            state.missing = channels
                .map(|entry| (entry.channel, fresh.alert.clone()))
                .collect();
        }
        let Some(desk) = state.desk.clone() else { return };
        let mut missing = std::mem::take(&mut state.missing);
        missing.retain(|(channel, alert)| {
            let Some(live) = desk.channels.iter().find(|live| live.name == *channel) else {
                return false;
            };
            let composer = Composer {
                words: &*self.words,
                style: &self.style,
                templates: &self.templates,
            };
            match live.sender.send(&composer.compose(&delivery(channel, alert))) {
                Ok(()) => {
                    info!(channel, kind = alert.kind.name(), "told of the store");
                    if alert.kind == AlertKind::Opened {
                        state.told.push(channel.clone());
                    }
                    false
                }
                Err(error) => {
                    warn!(channel, %error, "not told of the store; trying again");
                    true
                }
            }
        });
        state.missing = missing;
    }
}

fn row(kind: AlertKind, since: Millis, now: Millis) -> AlertRow {
    AlertRow {
        id: 0,
        kind,
        finding_id: 0,
        rule: Kind::StoreDown.rule().to_owned(),
        clause: CLAUSE.to_owned(),
        severity: Severity::Critical,
        subject_name: "store".to_owned(),
        asset_id: None,
        asset_number: None,
        asset_name: String::new(),
        custodian: None,
        department: None,
        provider: None,
        first_seen: since,
        at: now,
        evidence: match kind {
            AlertKind::Resolved => json!({"zh": "已恢复写入", "en": "it takes writes again"}),
            AlertKind::Opened | AlertKind::Reopened => {
                json!({"zh": "采集端无法写入，新的上报暂存在终端", "en": "nothing can be written; agents keep what they have"})
            }
        }
        .to_string(),
    }
}

fn delivery(channel: &str, alert: &AlertRow) -> Delivery {
    Delivery {
        id: 0,
        key: format!("{channel}:store-{}-{}", alert.kind.name(), alert.first_seen),
        channel: channel.to_owned(),
        kind: PackKind::Single,
        alerts: vec![alert.clone()],
        total: 1,
        attempts: 0,
        state: DeliveryState::Pending,
        last_error: None,
        due_at: alert.at,
        made_at: alert.at,
        delivered_at: None,
    }
}

#[cfg(test)]
mod tests;
