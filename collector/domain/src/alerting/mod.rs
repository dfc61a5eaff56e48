//! Who is told of what, when, and in how many messages: pure planning between the outbox and the channels.
//!
//! An alert becomes entries in the queues of channels ([`plan`]); what is due in a queue becomes messages
//! ([`pack`]). Both are functions of what they are given and of `now`; nothing is lost between them: an entry
//! waits, is part of exactly one message, or is skipped with a reason.

mod observation;
mod pack;
mod plan;
mod route;
mod times;

use serde::{Deserialize, Serialize};

use crate::model::{AlertRow, FindingState, Millis, PackKind, Severity};

pub use observation::{DAYS, MOST_DAYS, Observation, Observing, SUMMARY};
pub use pack::pack;
pub use plan::plan;
pub use route::{Digest, Escalate, Maintenance, Quiet, Route, RouteFault, is_name};
pub use times::{Hours, TimeOfDay};

/// Everything that a plan depends on beside the alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// Channels that can be told.
    pub channels: Vec<Told>,
    /// Routes to them.
    pub routes: Vec<Route>,
    /// Times of planned work.
    pub maintenance: Vec<Maintenance>,
    /// Distance from UTC.
    pub zone: Millis,
    /// A new fleet is observed: one summary a day.
    pub observing: Option<Observing>,
}

impl Book {
    fn routes_of<'b>(&'b self, channel: &'b str) -> impl Iterator<Item = &'b Route> {
        self.routes.iter().filter(move |route| route.channel == channel)
    }
}

/// A channel as plans know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its name.
    pub name: String,
    /// What it is told without routes, from this severity on.
    pub min_severity: Severity,
}

/// An alert that is in no queue yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Fresh {
    /// The alert.
    pub alert: AlertRow,
    /// Channels that were told of its finding before.
    pub told: Vec<String>,
}

/// Why an alert is in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A route tells the channel.
    Alert,
    /// Nobody acknowledged.
    Escalation,
}

impl EntryKind {
    /// The name used in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Escalation => "escalation",
        }
    }

    /// The kind of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Alert, Self::Escalation]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// An entry for the queue of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Id of the alert.
    pub alert: i64,
    /// The channel.
    pub channel: String,
    /// Why.
    pub kind: EntryKind,
    /// What it is collected under, for a digest.
    pub bundle: String,
    /// When it is due.
    pub not_before: Millis,
    /// Held back by a maintenance window.
    pub held: bool,
}

/// An entry of a queue that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Row id, in the order of the queue.
    pub id: i64,
    /// Why.
    pub kind: EntryKind,
    /// What it is collected under, for a digest.
    pub bundle: String,
    /// When it was due.
    pub not_before: Millis,
    /// Held back by a maintenance window.
    pub held: bool,
    /// The alert.
    pub alert: AlertRow,
    /// Where its finding stands now.
    pub state: FindingState,
}

/// How fast a channel may be told, and whether people read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Messages a minute, if limited.
    pub per_minute: Option<usize>,
    /// Alerts with one cause are one message. Programs want every alert by itself.
    pub groups: bool,
}

/// What a channel was told lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// When messages were tried within the last minute, at least.
    pub tried: Vec<Millis>,
    /// Cause, time and number of alerts of messages made within the last minute, at least.
    pub causes: Vec<(String, Millis, u64)>,
    /// Messages that failed and wait for another try.
    pub failing: u64,
}

/// Entries that are one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// What kind.
    pub kind: PackKind,
    /// What they have in common.
    pub cause: String,
    /// The worst of them.
    pub severity: Severity,
    /// Ids of the entries.
    pub entries: Vec<i64>,
    /// Ids of their alerts, in the same order.
    pub alerts: Vec<i64>,
}

impl Pack {
    /// The key under which this message is sent, however often: nobody else makes a message of its first entry.
    pub fn key(&self, channel: &str) -> String {
        match (self.kind, self.alerts.first(), self.entries.first()) {
            (PackKind::Single, Some(alert), _) => format!("{channel}:{alert}"),
            (kind, _, first) => format!("{channel}:{}-{}", kind.name(), first.copied().unwrap_or_default()),
        }
    }
}

/// What becomes of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Messages, the most urgent first.
    pub packs: Vec<Pack>,
    /// Entries that nobody needs to hear of any more, and why.
    pub skipped: Vec<(i64, &'static str)>,
    /// When to pack again, if something waits for a time.
    pub look_again: Option<Millis>,
}

impl Packed {
    fn wait(&mut self, until: Millis) {
        self.look_again = Some(self.look_again.map_or(until, |at| at.min(until)));
    }
}
