//! The outbox: alerts, the queues of channels, the messages made of them; and channels, routes and windows as
//! people keep them in the store.

use crate::{
    alerting::{Fresh, Pack, Planned, Pulse, Waiting},
    model::{AuditEntry, Delivery, DeliveryState, Millis},
};

use super::{Page, Paging, StoreResult};

/// What kind of definition it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertingKind {
    /// A channel.
    Channel,
    /// A route.
    Route,
    /// A maintenance window.
    Maintenance,
    /// Whether the fleet is observed.
    Observation,
}

impl AlertingKind {
    /// The name used in tables and the audit log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Route => "route",
            Self::Maintenance => "maintenance",
            Self::Observation => "observation",
        }
    }

    /// The kind of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Channel, Self::Route, Self::Maintenance, Self::Observation]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// A channel, a route or a window as it is stored. What the definition means is not the store's business.
#[derive(Clone, PartialEq, Eq)]
pub struct Definition {
    /// What it is.
    pub kind: AlertingKind,
    /// Its name, unique within the kind.
    pub name: String,
    /// JSON.
    pub text: String,
    /// Its secrets, encrypted.
    pub sealed: Option<Vec<u8>>,
    /// When it was last changed.
    pub changed_at: Millis,
    /// By whom.
    pub changed_by: String,
}

impl std::fmt::Debug for Definition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Definition")
            .field("kind", &self.kind)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Which deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Of this channel.
    pub channel: Option<String>,
    /// In this state.
    pub state: Option<DeliveryState>,
}

/// The way of alerts to channels.
pub trait Outbox: Send + Sync {
    /// Alerts that are in no queue yet, oldest first.
    fn fresh_alerts(&self, limit: usize) -> StoreResult<Vec<Fresh>>;

    /// Puts entries into queues; the alerts `done` are not fresh any more. An entry that is there already (the
    /// same alert, channel and kind) is not put twice. Returns how many were put.
    fn plan_alerts(&self, planned: &[Planned], done: &[i64]) -> StoreResult<u64>;

    /// Entries of a channel's queue that are due and part of no message, in the order of the queue.
    fn queue_due(&self, channel: &str, now: Millis, limit: usize) -> StoreResult<Vec<Waiting>>;

    /// Makes messages of entries, in one transaction: from here on an entry is sent under its message's key. An
    /// entry that is part of a message already makes the whole a conflict.
    fn bind(
        &self,
        channel: &str,
        packs: &[Pack],
        skipped: &[(i64, &'static str)],
        now: Millis,
    ) -> StoreResult<()>;

    /// What a channel was told since.
    fn pulse(&self, channel: &str, since: Millis) -> StoreResult<Pulse>;

    /// Messages of a channel that are due, oldest first, with all their alerts.
    fn due_deliveries(&self, channel: &str, now: Millis, limit: usize) -> StoreResult<Vec<Delivery>>;

    /// A message is about to be sent: counts against the rate even if the collector dies meanwhile.
    fn trying(&self, id: i64, at: Millis) -> StoreResult<()>;

    /// The channel took these messages, each at its moment; one that is not there makes the whole not found.
    fn delivered(&self, taken: &[(i64, Millis)]) -> StoreResult<()>;

    /// The channel did not take it: due again at `due_at`, or dead. A try that the channel put off for its rate
    /// (`counted` is false) is none.
    fn delivery_failed(&self, id: i64, error: &str, due_at: Option<Millis>, counted: bool)
    -> StoreResult<()>;

    /// Messages, newest first, with the first of their alerts.
    fn deliveries(&self, filter: &DeliveryFilter, paging: Paging) -> StoreResult<Page<Delivery>>;

    /// Sends a dead message again, under the same key.
    fn resend(&self, id: i64, now: Millis, audit: &AuditEntry) -> StoreResult<()>;

    /// How many entries wait per channel, due or not.
    fn queued(&self) -> StoreResult<Vec<(String, u64)>>;

    /// All channels, routes and windows, by kind and name.
    fn definitions(&self) -> StoreResult<Vec<Definition>>;

    /// Raised by every change to them.
    fn definitions_version(&self) -> StoreResult<i64>;

    /// Makes or replaces one.
    fn put_definition(&self, definition: &Definition, audit: &AuditEntry) -> StoreResult<()>;

    /// Removes one. What waits in the queue of a channel waits on, for a channel of that name.
    fn remove_definition(&self, kind: AlertingKind, name: &str, audit: &AuditEntry) -> StoreResult<()>;
}
