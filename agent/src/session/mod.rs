//! The session with the collector: connects, reconnects, keeps the identity fresh. What is on the stream
//! is in `stream`; what is sent comes from the recorder.

pub mod backoff;
mod directive;
mod ending;
mod flow;
mod greeting;
mod leave;
mod roam;
mod stream;

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use deskwarden_proto::v1::RefusalCode;
use rustls::AlertDescription;

use crate::{
    endpoint::Endpoint,
    identity::{
        self, Identity, Outcome, Store,
        clock::{Clock, wall_ms},
    },
    scan::engine::{Gone, Handle},
    transport,
    update::Updates,
};
use backoff::Backoff;
use ending::End;
pub use leave::Leave;
use roam::Moves;
use stream::Stream;

/// Refusals of the same records in a row before they are set aside.
const REFUSALS: u32 = 3;

/// What a session runs with.
pub struct Session {
    /// Collectors in the order of preference.
    pub endpoints: Vec<Endpoint>,
    /// Where the identity is kept.
    pub store: Store,
    /// The last authenticated time.
    pub clock: Clock,
    /// Who this is.
    pub identity: Identity,
    /// What is looked at and kept.
    pub recorder: Handle,
    /// Department that the installer was told; empty for none.
    pub department: String,
    /// From 0 to 1.
    pub jitter: fn() -> f64,
    /// What takes packages of the agent.
    pub updates: Arc<Updates>,
}

/// Why the session cannot go on. Everything else is waited out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The recorder's thread is gone.
    #[error(transparent)]
    Recorder(#[from] Gone),
    /// There is no collector to connect to.
    #[error("no collector is configured")]
    NoCollector,
}

/// What earlier connections leave for the next one.
#[derive(Default)]
struct Attempts {
    backoff: Backoff,
    /// Refusals of the same records in a row.
    refused: u32,
    /// The identity before the current one is to be tried.
    use_previous: bool,
    /// The collector's word that the certificate expired was followed, and no session came of it yet.
    regained: bool,
}

/// What the last connection came to.
enum Came {
    /// The agent ends.
    Over,
    /// Connect again at once.
    Again,
    /// Connect again after at least this time.
    Later(Duration),
}

impl Session {
    /// Holds a session until it is to be left; then says goodbye. May be called again.
    pub async fn run(&mut self, leave: &Leave) -> Result<(), Error> {
        let mut attempts = Attempts::default();
        let mut turn = 0;
        let mut moves = Moves::new(self.recorder.moves());
        loop {
            let endpoint = self
                .endpoints
                .get(turn % self.endpoints.len().max(1))
                .cloned()
                .ok_or(Error::NoCollector)?;
            // A renewal may have finished after its connection ended.
            if let Ok(Some(stored)) = self.store.load() {
                self.identity = stored;
            }
            let came = if self.expired() && !attempts.use_previous {
                tokio::select! {
                    () = leave.wanted() => Came::Over,
                    came = self.recovered(&endpoint) => came,
                }
            } else {
                self.once(&endpoint, leave, &mut attempts).await?
            };
            let wait = match came {
                Came::Over => return Ok(()),
                Came::Again => Duration::ZERO,
                Came::Later(asked) => {
                    turn += 1;
                    attempts.backoff.next(asked, (self.jitter)())
                }
            };
            tracing::debug!(
                ?wait,
                failures = attempts.backoff.failures(),
                "the next connection is due"
            );
            tokio::select! {
                () = leave.wanted() => return Ok(()),
                () = moves.wait(wait) => {}
            }
        }
    }

    fn expired(&self) -> bool {
        self.clock.best_ms(wall_ms()) >= self.identity.validity().1
    }

    /// Regains the identity of an expired certificate.
    async fn recovered(&mut self, endpoint: &Endpoint) -> Came {
        tracing::info!(%endpoint, "the certificate expired; asking for a new one with the old key");
        match identity::recover(&self.store, &self.clock, &self.identity, endpoint).await {
            Ok(Outcome::Enrolled(identity)) => {
                self.identity = identity;
                Came::Again
            }
            Ok(Outcome::Pending(wait)) => {
                tracing::warn!("a technician has to approve that this PC comes back");
                Came::Later(wait)
            }
            Err(error) => {
                tracing::warn!(%error, "the certificate could not be regained");
                Came::Later(Duration::ZERO)
            }
        }
    }

    /// One connection, from the handshake to its end.
    async fn once(
        &mut self,
        endpoint: &Endpoint,
        leave: &Leave,
        attempts: &mut Attempts,
    ) -> Result<Came, Error> {
        let previous = if attempts.use_previous {
            self.store.load_previous()
        } else {
            None
        };
        let trying_previous = previous.is_some();
        attempts.use_previous = false;
        let identity = previous.unwrap_or_else(|| self.identity.clone());
        let tls = match identity.mutual_tls(&self.clock) {
            Ok(tls) => tls,
            Err(error) => {
                tracing::error!(%error, "the identity cannot be used");
                attempts.backoff.give_time();
                return Ok(Came::Later(Duration::ZERO));
            }
        };
        let connected = tokio::select! {
            () = leave.wanted() => return Ok(Came::Over),
            connected = transport::connect(endpoint, &tls) => connected,
        };
        let channel = match connected {
            Ok(channel) => channel,
            Err(error) => {
                tracing::warn!(%error, "no session");
                let Some(alert) = transport::alert(&error) else {
                    return Ok(Came::Later(Duration::ZERO));
                };
                // The clocks of a PC that was paused do not know; the collector's does.
                if alert == AlertDescription::CertificateExpired && !attempts.regained {
                    return Ok(tokio::select! {
                        () = leave.wanted() => Came::Over,
                        came = self.recovered(endpoint) => {
                            attempts.regained = matches!(came, Came::Again);
                            came
                        }
                    });
                }
                attempts.regained = false;
                attempts.use_previous = !trying_previous && self.store.load_previous().is_some();
                return Ok(Came::Later(Duration::ZERO));
            }
        };
        drop(tls);
        let local = channel.local();
        let mut moves = Moves::new(self.recorder.moves());
        let mut stream = Stream::new(self, endpoint, identity, channel);
        let end = tokio::select! {
            end = stream.run(leave) => end,
            () = moves.away_from(local.unwrap_or(Ipv4Addr::LOCALHOST.into())) => Ok(End::Moved),
        };
        let (welcomed, progressed) = (stream.welcomed, stream.acknowledgements > 0);
        let identity = stream.identity;
        if welcomed {
            attempts.regained = false;
            self.welcomed(&identity, trying_previous);
        }
        if progressed {
            attempts.backoff.reset();
            attempts.refused = 0;
        }
        Ok(match end {
            Ok(End::Shutdown) => Came::Over,
            Ok(End::BeginAgain) => Came::Again,
            Ok(End::Moved) => {
                tracing::info!(%endpoint, "the address that the session began at is gone; connecting again");
                Came::Again
            }
            Ok(End::Identity(identity)) => {
                tracing::info!(device = %identity.device, "the identity is new; connecting again with it");
                self.identity = *identity;
                Came::Again
            }
            Ok(End::Closed) => {
                if welcomed {
                    attempts.backoff.reset();
                }
                tracing::info!(%endpoint, "the collector closed the session");
                Came::Later(Duration::ZERO)
            }
            Ok(End::Stalled(what)) => {
                tracing::warn!(%endpoint, what, "the collector does not answer any more");
                Came::Later(Duration::ZERO)
            }
            Ok(End::Refused(refusal)) => {
                self.refused(&refusal, attempts).await?;
                Came::Later(Duration::from_secs(u64::from(refusal.retry_after_seconds)))
            }
            Err(ending::Error::Recorder(gone)) => return Err(gone.into()),
            Err(error) => {
                tracing::warn!(%endpoint, %error, "the session ended");
                if !welcomed && error.is_about_identity() {
                    attempts.use_previous = !trying_previous && self.store.load_previous().is_some();
                }
                Came::Later(Duration::ZERO)
            }
        })
    }

    /// The collector took `identity`: the other one is not needed any more.
    fn welcomed(&mut self, identity: &Identity, was_previous: bool) {
        let kept = if was_previous {
            self.identity = identity.clone();
            self.store.roll_back()
        } else {
            self.store.worked()
        };
        if let Err(error) = kept {
            tracing::warn!(%error, "the identity's folders could not be tidied");
        }
    }

    async fn refused(
        &self,
        refusal: &deskwarden_proto::v1::Refusal,
        attempts: &mut Attempts,
    ) -> Result<(), Error> {
        let code = refusal.code();
        tracing::warn!(?code, message = %refusal.message, "the collector refused the session");
        match code {
            RefusalCode::Malformed | RefusalCode::Limit => {
                attempts.refused += 1;
                if attempts.refused >= REFUSALS {
                    attempts.refused = 0;
                    let why = "the collector refused its records";
                    if let Err(error) = self.recorder.ask(move |r| r.give_up(why)).await? {
                        tracing::error!(%error, "refused records could not be set aside");
                    }
                }
            }
            // These end when a person did something.
            RefusalCode::Revoked
            | RefusalCode::UnknownDevice
            | RefusalCode::Protocol
            | RefusalCode::Replaced => {
                attempts.backoff.give_time();
            }
            _ => {}
        }
        Ok(())
    }
}

/// A number from 0 to 1 by the system's randomness; 0.5 where there is none.
pub fn system_jitter() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

/// What the stream needs of the session that it belongs to.
#[derive(Clone)]
struct Shared {
    store: Store,
    clock: Clock,
    recorder: Handle,
    endpoint: Endpoint,
    department: Arc<str>,
    updates: Arc<Updates>,
}
