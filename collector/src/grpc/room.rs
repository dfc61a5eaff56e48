//! What all sessions share: settings, the way to the writer, who is barred, who is here.

use std::{sync::Arc, time::Duration};

use deskwarden_domain::port::Store;
use deskwarden_proto::v1;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    outgoing::Refused,
    rate::{PerDevice, Rate},
    returns::Returns,
    standing::{Sessions, Standing},
};
use crate::{
    entropy::Entropy,
    ingest::{Ingest, Now},
    meter::Meter,
    updates::Shelf,
};

/// How long, how fast.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// From the connection to the hello.
    pub hello: Duration,
    /// What agents are told to wait between heartbeats.
    pub heartbeat: Duration,
    /// Silence that ends a session; more than two heartbeats.
    pub idle: Duration,
    /// After this a session ends and the agent connects again, with a fresh look at its certificate.
    pub age: Duration,
    /// How long the session that is here may take to say so when another connection speaks for its device.
    pub proof: Duration,
    /// Records of one device.
    pub records: Rate,
    /// Bytes of records of one device.
    pub bytes: Rate,
    /// Agents that may come back in a second after the collector stopped.
    pub returns_per_second: f64,
    /// What agents are told to do.
    pub policy: v1::Policy,
}

impl Default for SessionSettings {
    fn default() -> Self {
        let heartbeat = Duration::from_secs(600);
        Self {
            hello: Duration::from_secs(15),
            heartbeat,
            idle: heartbeat * 3,
            age: Duration::from_secs(12 * 3600),
            proof: Duration::from_secs(10),
            records: Rate {
                per_second: 100.0,
                burst: 2_000.0,
            },
            bytes: Rate {
                per_second: 2e6,
                burst: 64e6,
            },
            returns_per_second: 200.0,
            policy: v1::Policy {
                generation: 1,
                full_scan_seconds: 3600,
                ..v1::Policy::default()
            },
        }
    }
}

/// What sessions work with.
#[derive(Clone)]
pub(super) struct Room {
    pub(super) store: Arc<dyn Store>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) ingest: Ingest,
    pub(super) standing: Arc<Standing>,
    pub(super) sessions: Sessions,
    pub(super) settings: Arc<SessionSettings>,
    /// When who is sent away because the collector stops may come back.
    pub(super) returns: Arc<Returns>,
    /// How fast devices may still speak.
    pub(super) allowances: Arc<PerDevice>,
    pub(super) now: Now,
    pub(super) shelf: Arc<Shelf>,
    pub(super) meter: Arc<Meter>,
    /// Devices that may fetch a package at the same time.
    pub(super) fetching: Arc<Semaphore>,
    pub(super) cancel: CancellationToken,
}

impl Room {
    /// Why a session ends that the collector ends because it stops.
    pub(super) fn restarting(&self) -> Refused {
        self.returns.next(self.sessions.count())
    }
}
