//! The agents' port: enrolment and reporting sessions over gRPC. Owns who may call what, how long and how
//! fast; certificates are made in `pki`, records are judged and stored behind `ingest`.

mod admission;
mod check;
mod conversation;
mod end;
mod enrolment;
mod guard;
mod observers;
mod outgoing;
mod package;
mod rate;
mod rekey;
mod returns;
mod room;
mod session;
mod staff;
mod standing;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use deskwarden_domain::port::Store;
use deskwarden_proto::{
    limits::FRAME_BYTES,
    v1::{
        Policy, admission_server::AdmissionServer, enrolment_server::EnrolmentServer,
        session_server::SessionServer,
    },
};
use tokio::{
    sync::Semaphore,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tonic::{codec::CompressionEncoding, transport::Server};
use tracing::warn;

use crate::{
    arrivals::LinkRule,
    entropy::Entropy,
    ingest::{Contexts, Ingest, Now},
    meter::Meter,
    net::TlsListener,
    pki::Pki,
    updates::Shelf,
};
use admission::AdmissionService;
use enrolment::{Desk, EnrolmentService};
use guard::GuardLayer;
use rate::PerDevice;
use returns::Returns;
use room::Room;
use session::SessionService;

pub use observers::observe;
pub use rate::Rate;
pub use room::SessionSettings;
pub use staff::hand_out_links;
pub use standing::{Sessions, Standing};

/// Largest message of an enrolment call, in bytes.
const ENROLMENT_BYTES: usize = 64 << 10;
/// Calls at a time on one connection: a session, a renewal, and one to spare.
const STREAMS: u32 = 4;
/// Streams that a peer may have reset before anybody looked at them.
const PENDING_RESETS: usize = 16;
/// Streams that we reset because of the peer, per connection.
const LOCAL_RESETS: usize = 64;
/// Headers of one call, in bytes.
const HEADERS: u32 = 8 << 10;
/// What one stream, and one connection, may send ahead of being read, in bytes.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 512 << 10;
/// How long a call may take to be answered. A session is answered at once; its frames have their own limits.
const CALL: Duration = Duration::from_secs(60);
/// A peer that does not answer a ping in time is gone. Rarer than heartbeats: who says those is not asked.
const PING: Duration = Duration::from_secs(720);
const PONG: Duration = Duration::from_secs(30);
/// What a connection may live longer than a session, to end by itself.
const GRACE: Duration = Duration::from_secs(60);
/// How often it is read who is barred.
const STANDING: Duration = Duration::from_secs(2);

/// What the port works with.
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The certificate authority.
    pub pki: Arc<Pki>,
    /// The rules in force.
    pub contexts: Arc<Contexts>,
    /// The writer.
    pub ingest: Ingest,
    /// Who is barred.
    pub standing: Arc<Standing>,
    /// The live sessions.
    pub sessions: Sessions,
    /// Ids and keys.
    pub entropy: Arc<dyn Entropy>,
    /// The clock.
    pub now: Now,
    /// How long and how fast sessions may be.
    pub settings: SessionSettings,
    /// How often one address may try to enrol or to recover; `None` for the default.
    pub anonymous: Option<Rate>,
    /// When a device is linked to an asset without a person.
    pub link: LinkRule,
    /// Packages of the agent.
    pub shelf: Arc<Shelf>,
    /// What is counted.
    pub meter: Arc<Meter>,
}

/// Serves agents on the listener until `cancel`, then ends every session and returns.
pub async fn serve(
    listener: TlsListener,
    parts: Parts,
    cancel: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let desk = Desk {
        store: Arc::clone(&parts.store),
        pki: parts.pki,
        entropy: Arc::clone(&parts.entropy),
        now: Arc::clone(&parts.now),
        link: parts.link,
    };
    let admission = AdmissionService::new(Arc::clone(&parts.store), parts.contexts, Arc::clone(&parts.now));
    let age = parts.settings.age;
    let room = Room {
        store: parts.store,
        entropy: parts.entropy,
        ingest: parts.ingest,
        standing: parts.standing,
        sessions: parts.sessions,
        allowances: Arc::new(PerDevice::new(parts.settings.records, parts.settings.bytes)),
        returns: Arc::new(Returns::new(parts.settings.returns_per_second)),
        settings: Arc::new(parts.settings),
        now: parts.now,
        shelf: parts.shelf,
        meter: Arc::clone(&parts.meter),
        fetching: Arc::new(Semaphore::new(package::AT_ONCE)),
        cancel: cancel.clone(),
    };
    let enrolment = EnrolmentService::new(desk, parts.anonymous.unwrap_or(enrolment::ANONYMOUS), parts.meter);
    Server::builder()
        .layer(GuardLayer)
        .timeout(CALL)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(PING))
        .http2_keepalive_timeout(Some(PONG))
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS))
        .http2_max_local_error_reset_streams(Some(LOCAL_RESETS))
        .http2_max_header_list_size(HEADERS)
        .max_connection_age(age.saturating_add(GRACE))
        .max_connection_age_grace(GRACE)
        .add_service(
            EnrolmentServer::new(enrolment)
                .accept_compressed(CompressionEncoding::Gzip)
                .max_decoding_message_size(ENROLMENT_BYTES),
        )
        .add_service(
            SessionServer::new(SessionService(room))
                .accept_compressed(CompressionEncoding::Gzip)
                .max_decoding_message_size(FRAME_BYTES),
        )
        .add_service(
            AdmissionServer::new(admission)
                .accept_compressed(CompressionEncoding::Gzip)
                .max_decoding_message_size(FRAME_BYTES),
        )
        .serve_with_incoming_shutdown(listener, cancel.cancelled_owned())
        .await
}

/// Keeps the standing up to date with what other processes write, until `cancel`.
pub async fn watch_standing(
    standing: Arc<Standing>,
    sessions: Sessions,
    policy: Policy,
    store: Arc<dyn Store>,
    cancel: CancellationToken,
) {
    let mut ticks = interval(STANDING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let (standing, store) = (Arc::clone(&standing), Arc::clone(&store));
        let (sessions, policy) = (sessions.clone(), policy.clone());
        let read = tokio::task::spawn_blocking(move || {
            standing.refresh(store.as_ref())?;
            sessions.withhold(store.as_ref(), &policy)
        });
        match read.await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => warn!(
                error = &fault as &dyn std::error::Error,
                "cannot read who is barred"
            ),
            Err(_) => warn!("reading who is barred ended early"),
        }
    }
}
