//! What the collector asks of an agent, and the renewal of its certificate.

use std::{sync::Arc, time::Duration};

use deskwarden_proto::v1::{
    AgentFrame, Directive, DirectiveDone, Section, agent_frame::Frame, directive::What,
};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{
    Session, Shared,
    ending::{End, Error},
    flow::Outgoing,
    stream::{Asked, Stream},
};
use crate::{
    identity::{self, Enrolment, Identity, Outcome, clock::wall_ms, tls::Trust},
    transport::Channel,
};

/// After a renewal that failed.
const RENEW_AGAIN: Duration = Duration::from_secs(3600);

impl Stream {
    /// On a connection of `session`.
    pub(super) fn new(
        session: &Session,
        endpoint: &crate::endpoint::Endpoint,
        identity: Identity,
        channel: Channel,
    ) -> Self {
        Self {
            renew_at_ms: identity.renew_at((session.jitter)()),
            shared: Shared {
                store: session.store.clone(),
                clock: session.clock.clone(),
                recorder: session.recorder.clone(),
                endpoint: endpoint.clone(),
                department: session.department.as_str().into(),
                updates: Arc::clone(&session.updates),
            },
            identity,
            channel,
            welcomed: false,
            acknowledgements: 0,
        }
    }

    /// Does what a directive says and reports that it is done.
    pub(super) async fn obey(
        &mut self,
        directive: Directive,
        out: &mut Outgoing,
    ) -> Result<Result<Asked, End>, Error> {
        let id = directive.id;
        let recorder = &self.shared.recorder;
        let (asked, done) = match directive.what {
            Some(What::Refresh(refresh)) => {
                // It may take a while, and acknowledgements must not wait for it.
                let (recorder, reply) = (recorder.clone(), out.later());
                drop(tokio::spawn(async move {
                    let sections = sections(&refresh.sections);
                    let done = recorder.refresh(sections, refresh.source).await;
                    report(&reply, id, done.map_err(|gone| gone.to_string())).await;
                }));
                return Ok(Ok(Asked::Nothing));
            }
            Some(What::Update(offer)) => {
                let (updates, reply) = (Arc::clone(&self.shared.updates), out.later());
                let channel = self.channel.clone();
                drop(tokio::spawn(async move {
                    let taken = updates.take(&offer, channel).await;
                    let (done, version) = match taken {
                        Ok(version) => (Ok(()), Some(version)),
                        Err(reason) => (Err(reason), None),
                    };
                    report(&reply, id, done).await;
                    // The answer is on its way before the program ends.
                    if let Some(version) = version {
                        updates.begin(version);
                    }
                }));
                return Ok(Ok(Asked::Nothing));
            }
            Some(What::Resync(resync)) => {
                tracing::info!(reason = %resync.reason, "the collector asks for a complete picture");
                let sections = sections(&resync.sections);
                let done = recorder
                    .ask(move |recorder| sections.into_iter().try_for_each(|s| recorder.snapshot(s)))
                    .await?;
                (Asked::Nothing, done.map_err(|error| error.to_string()))
            }
            Some(What::Policy(policy)) => {
                let done = recorder.ask(move |recorder| recorder.set_policy(&policy)).await?;
                (Asked::Nothing, done.map_err(|error| error.to_string()))
            }
            Some(What::NewEpoch(new)) => {
                recorder
                    .ask(move |recorder| recorder.new_epoch(new.epoch, &new.resume_token))
                    .await??;
                (Asked::Epoch, Ok(()))
            }
            Some(What::Renew(_)) => (Asked::Renew, Ok(())),
            Some(What::StaffNotice(notice)) => (
                Asked::Nothing,
                crate::notice::keep(self.shared.store.folder(), &notice),
            ),
            // The answer is all that is asked for.
            Some(What::Present(_)) => (Asked::Nothing, Ok(())),
            Some(What::Rekey(rekey)) => match self.rekey(Zeroizing::new(rekey.token)).await? {
                Ok(identity) => (Asked::Identity(Box::new(identity)), Ok(())),
                Err(why) => (Asked::Nothing, Err(why)),
            },
            None => (
                Asked::Nothing,
                Err("this agent does not know that directive".to_owned()),
            ),
        };
        if let Err(end) = out.send(Frame::DirectiveDone(done_frame(id, done))).await {
            return Ok(Err(end));
        }
        Ok(Ok(asked))
    }

    /// Becomes a device of its own: a new key, and nothing of what the other one left.
    async fn rekey(&self, token: Zeroizing<String>) -> Result<Result<Identity, String>, Error> {
        tracing::warn!(
            "this installation shares its identity with another one; it becomes a device of its own"
        );
        let department = self.shared.department.to_string();
        let hints = self
            .shared
            .recorder
            .ask(move |recorder| {
                let mut hints = deskwarden_platform::host_hints(recorder.root());
                hints.department = department;
                hints
            })
            .await?;
        let request = Enrolment {
            endpoint: &self.shared.endpoint,
            trust: Trust::Roots(self.identity.roots().to_vec()),
            token,
            hints,
        };
        let identity = match identity::enrol(&self.shared.store, &self.shared.clock, request).await {
            Ok(Outcome::Enrolled(identity)) => identity,
            Ok(Outcome::Pending(_)) => return Ok(Err("the new identity waits for approval".to_owned())),
            Err(error) => {
                tracing::warn!(%error, "there is no new identity");
                return Ok(Err("the new identity was refused".to_owned()));
            }
        };
        let device = identity.device.to_string();
        self.shared
            .recorder
            .ask(move |recorder| recorder.become_device(&device))
            .await??;
        Ok(Ok(identity))
    }

    /// Renews when it is time, while the stream lives.
    pub(super) fn schedule_renewal(&self, fresh: mpsc::Sender<Box<Identity>>, stop: CancellationToken) {
        let now = self.shared.clock.best_ms(wall_ms());
        let wait = Duration::from_millis(u64::try_from(self.renew_at_ms.saturating_sub(now)).unwrap_or(0));
        let (shared, identity, channel) = (self.shared.clone(), self.identity.clone(), self.channel.clone());
        drop(tokio::spawn(async move {
            let mut wait = wait;
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(wait) => {}
                }
                if renew(&shared, &identity, channel.clone(), &fresh).await {
                    return;
                }
                wait = RENEW_AGAIN;
            }
        }));
    }

    /// Renews now.
    pub(super) fn renew(&self, fresh: mpsc::Sender<Box<Identity>>) {
        let (shared, identity, channel) = (self.shared.clone(), self.identity.clone(), self.channel.clone());
        drop(tokio::spawn(async move {
            renew(&shared, &identity, channel, &fresh).await
        }));
    }
}

async fn renew(
    shared: &Shared,
    identity: &Identity,
    channel: Channel,
    fresh: &mpsc::Sender<Box<Identity>>,
) -> bool {
    match identity::renew(&shared.store, &shared.clock, identity, channel).await {
        Ok(renewed) => {
            // The stream may have ended meanwhile; the next one loads what was stored.
            fresh.send(Box::new(renewed)).await.ok();
            true
        }
        Err(error) => {
            tracing::warn!(%error, "the certificate could not be renewed yet");
            false
        }
    }
}

async fn report(reply: &mpsc::Sender<AgentFrame>, id: u64, done: Result<(), String>) {
    let frame = AgentFrame {
        frame: Some(Frame::DirectiveDone(done_frame(id, done))),
    };
    // Nobody to tell when the stream ended meanwhile.
    reply.send(frame).await.ok();
}

fn done_frame(id: u64, done: Result<(), String>) -> DirectiveDone {
    DirectiveDone {
        id,
        done: done.is_ok(),
        reason: done.err().unwrap_or_default(),
    }
}

fn sections(numbers: &[i32]) -> Vec<Section> {
    numbers
        .iter()
        .filter_map(|number| Section::try_from(*number).ok())
        .collect()
}
