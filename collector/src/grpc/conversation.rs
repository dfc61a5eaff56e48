//! A session after its welcome: records in, acknowledgements after the commit, heartbeats, directives.
//! Checks the device's standing at every frame. Judges and stores nothing: records go to the writer.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use deskwarden_domain::advance::Incoming;
use deskwarden_proto::{
    Bytes,
    decode::{self, Malformed, ValidPayload},
    digest, limits, packed,
    v1::{self, AgentFrame, Section, agent_frame::Frame as Said, collector_frame::Frame, directive::What},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until, timeout},
};
use tonic::Streaming;
use tracing::{debug, info, warn};

use super::{
    end::{End, busy, malformed, unread},
    guard::Caller,
    outgoing::{Outgoing, Refused, numbers},
    rate::Purse,
    room::Room,
    standing::{Command, Entry},
};
use crate::{
    ingest::{Answer, NotOpened, Opened},
    notify::clean,
};

/// A record of this size or more is checked where it may take its time.
const LARGE: usize = 64 << 10;
/// The same of one that is packed.
const LARGE_PACKED: usize = 12 << 10;
/// How long the acknowledgements of what was queued may take after the agent said goodbye.
const DRAIN: Duration = Duration::from_secs(20);
/// Frames that are taken one after the other before anything else gets its turn.
const FRAMES: usize = 32;
/// How long the writer may take to open a session.
pub(super) const OPENING: Duration = Duration::from_secs(30);

/// One session after its welcome.
pub(super) struct Conversation {
    room: Room,
    caller: Caller,
    entry: Entry,
    out: Outgoing,
    epoch: u64,
    changes: watch::Receiver<()>,
    reply: mpsc::UnboundedSender<Answer>,
    answers: mpsc::UnboundedReceiver<Answer>,
    /// Records that are queued and not answered.
    waiting: u32,
    directives: u64,
    /// Who waits for the agent to say that it is here, by the directive that asked.
    proofs: Vec<(u64, oneshot::Sender<()>)>,
    build: Build,
    /// The directive that offered a package, and its version.
    offered: Option<(u64, String)>,
    purse: Purse,
    /// The session ends.
    ends: Instant,
    heard: Instant,
}

/// What an agent runs, as its hello says.
pub(super) struct Build {
    pub(super) version: String,
    pub(super) platform: String,
}

impl Conversation {
    pub(super) fn new(
        room: Room,
        caller: Caller,
        entry: Entry,
        opened: &Opened,
        out: Outgoing,
        build: Build,
    ) -> Self {
        let now = Instant::now();
        let certificate = caller.certificate_ends_at.saturating_sub((room.now)());
        let certificate = Duration::from_millis(u64::try_from(certificate).unwrap_or(0));
        let (reply, answers) = mpsc::unbounded_channel();
        Self {
            changes: room.standing.changes(),
            epoch: opened.epoch,
            waiting: 0,
            directives: 0,
            proofs: Vec::new(),
            build,
            offered: None,
            purse: room.allowances.of(caller.device, now),
            ends: now + room.settings.age.min(certificate),
            heard: now,
            room,
            caller,
            entry,
            out,
            reply,
            answers,
        }
    }

    pub(super) async fn run(&mut self, frames: &mut Streaming<AgentFrame>) -> End {
        let cancel = self.room.cancel.clone();
        if let Err(end) = self.offer().await {
            return end;
        }
        loop {
            if let Err(end) = self.hear_what_came(frames).await {
                return end;
            }
            let reading = self.waiting < limits::RECORDS_IN_FLIGHT;
            let read_from = self.purse.read_from();
            let paused = read_from > Instant::now();
            let step = tokio::select! {
                biased;
                () = cancel.cancelled() => Err(End::Refused(self.room.restarting())),
                command = self.entry.commands.recv() => match command {
                    Some(Command::Direct(what)) => self.direct(what).await,
                    Some(Command::Prove(answer)) => self.prove(answer).await,
                    Some(Command::Replaced) | None => Err(End::Refused(Refused::Replaced)),
                },
                changed = self.changes.changed() => match changed {
                    Ok(()) => self.stands(),
                    Err(_) => Err(End::Refused(self.room.restarting())),
                },
                Some(answer) = self.answers.recv() => self.answered(answer).await,
                () = sleep_until(self.ends) => Err(End::Aged),
                () = sleep_until(self.heard + self.room.settings.idle) => Err(End::Closed),
                () = sleep_until(read_from), if paused => Ok(()),
                frame = frames.message(), if reading && !paused => match frame {
                    Ok(Some(frame)) => self.heard(frame).await,
                    Ok(None) => Err(End::Closed),
                    Err(status) => Err(unread(&status)),
                },
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Takes frames that are here already: arming and disarming all that might come instead would cost more than most
    /// of them do.
    async fn hear_what_came(&mut self, frames: &mut Streaming<AgentFrame>) -> Result<(), End> {
        for _ in 0..FRAMES {
            let reading = self.waiting < limits::RECORDS_IN_FLIGHT;
            if !reading || self.room.cancel.is_cancelled() || self.purse.read_from() > Instant::now() {
                return Ok(());
            }
            match ready(frames.message()).await {
                Some(Ok(Some(frame))) => self.heard(frame).await?,
                Some(Ok(None)) => return Err(End::Closed),
                Some(Err(status)) => return Err(unread(&status)),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    async fn heard(&mut self, frame: AgentFrame) -> Result<(), End> {
        self.heard = Instant::now();
        self.stands()?;
        match frame.frame {
            Some(Said::Record(record)) => self.record(record).await,
            Some(Said::Heartbeat(_)) => {
                self.spend(0);
                self.room.ingest.seen(self.caller.device, (self.room.now)());
                self.offer().await
            }
            Some(Said::Goodbye(goodbye)) => {
                debug!(reason = ?goodbye.reason(), "goodbye");
                Err(End::Goodbye)
            }
            Some(Said::DirectiveDone(done)) => {
                self.spend(0);
                debug!(id = done.id, done = done.done, "directive answered");
                self.proven(done.id);
                self.offer_answered(&done);
                Ok(())
            }
            Some(Said::EpochRequest(_)) => self.new_epoch().await,
            Some(Said::Hello(_)) => Err(malformed("a second hello")),
            // A frame of a newer contract that this build cannot name.
            None => Err(malformed("a frame of a kind that this collector does not know")),
        }
    }

    async fn record(&mut self, record: v1::Record) -> Result<(), End> {
        self.spend(record.payload.len());
        if record.epoch != self.epoch || record.sequence == 0 || record.sequence == u64::MAX {
            return Err(malformed(
                "a record is of another epoch than the welcome said, or has no sequence",
            ));
        }
        let sent = record.payload;
        let packed = record.packed;
        let checked = if sent.len() >= if packed { LARGE_PACKED } else { LARGE } {
            let task = tokio::task::spawn_blocking(move || check(sent, packed));
            task.await.unwrap_or(Err(Malformed::Encoding("record")))
        } else {
            check(sent, packed)
        };
        let (raw, payload) = checked.map_err(|fault| {
            End::Refused(match fault {
                Malformed::TooLarge { .. } => Refused::Limit(fault.to_string()),
                _ => Refused::Malformed(fault.to_string()),
            })
        })?;
        let incoming = Incoming {
            epoch: record.epoch,
            sequence: record.sequence,
            payload_hash: digest::payload(&raw),
            raw: raw.into(),
            payload,
        };
        if !self
            .room
            .ingest
            .record(self.caller.device, &self.entry.fence, incoming, &self.reply)
            .await
        {
            return Err(End::Refused(self.room.restarting()));
        }
        self.waiting += 1;
        Ok(())
    }

    /// Acknowledges as far as the answers reach: one frame names the highest sequence.
    async fn answered(&mut self, first: Answer) -> Result<(), End> {
        let mut answer = Some(first);
        let mut ack: Option<v1::Ack> = None;
        let mut missing: Vec<Section> = Vec::new();
        let mut refused = None;
        while let Some(next) = answer {
            self.waiting = self.waiting.saturating_sub(1);
            match next {
                Answer::Acknowledged {
                    sequence,
                    resume_token,
                    resync,
                } => {
                    // A record that came once more is answered behind younger ones.
                    if ack.as_ref().is_none_or(|before| before.sequence < sequence) {
                        ack = Some(v1::Ack {
                            epoch: self.epoch,
                            sequence,
                            resume_token: resume_token.to_vec(),
                        });
                    }
                    missing.extend(resync);
                }
                Answer::Forked => refused = Some(Refused::Fork),
                Answer::OtherEpoch | Answer::Fenced => refused = Some(Refused::Replaced),
                Answer::Unknown => refused = Some(Refused::Unknown),
                Answer::Busy => refused = Some(busy()),
                Answer::Failed => refused = Some(Refused::Malformed("a record cannot be stored".to_owned())),
            }
            answer = if refused.is_some() {
                None
            } else {
                self.answers.try_recv().ok()
            };
        }
        if let Some(ack) = ack {
            self.out.send(Frame::Ack(ack)).await?;
        }
        if let Some(refused) = refused {
            return Err(End::Refused(refused));
        }
        if !missing.is_empty() {
            let reason = "chunks of a snapshot are missing".to_owned();
            self.direct(What::Resync(v1::Resync {
                sections: numbers(&missing),
                reason,
            }))
            .await?;
        }
        Ok(())
    }

    async fn new_epoch(&mut self) -> Result<(), End> {
        self.spend(0);
        let opened = self
            .room
            .ingest
            .new_epoch(self.caller.device, &self.entry.fence, self.epoch);
        match timeout(OPENING, opened).await {
            Ok(Ok(opened)) => {
                info!(epoch = opened.epoch, "a new epoch, as the agent asked");
                self.epoch = opened.epoch;
                let resume_token = opened.resume_token.to_vec();
                self.direct(What::NewEpoch(v1::NewEpoch {
                    epoch: opened.epoch,
                    resume_token,
                }))
                .await
            }
            Ok(Err(NotOpened::Unknown)) => Err(End::Refused(Refused::Unknown)),
            Ok(Err(_)) | Err(_) => Err(End::Refused(busy())),
        }
    }

    /// Offers the newest package that the device's ring holds, unless that was done on this connection.
    async fn offer(&mut self) -> Result<(), End> {
        let found = self
            .room
            .shelf
            .offer(self.caller.device, &self.build.platform, &self.build.version);
        let (version, offer) = match found {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(()),
            Err(error) => {
                warn!(%error, "packages of the agent cannot be offered");
                return Ok(());
            }
        };
        if self
            .offered
            .as_ref()
            .is_some_and(|(_, offered)| *offered == version)
        {
            return Ok(());
        }
        info!(version, "a package is offered");
        self.offered = Some((self.directives + 1, version));
        self.direct(What::Update(offer)).await
    }

    fn offer_answered(&self, done: &v1::DirectiveDone) {
        if let Some((_, version)) = self.offered.as_ref().filter(|(id, _)| *id == done.id) {
            if done.done {
                info!(version, "the package is in place");
            } else {
                warn!(version, reason = %clean(&done.reason), "the package was not taken");
            }
        }
    }

    async fn direct(&mut self, what: What) -> Result<(), End> {
        self.directives += 1;
        Ok(self
            .out
            .send(Frame::Directive(v1::Directive {
                id: self.directives,
                what: Some(what),
            }))
            .await?)
    }

    /// Has the agent say that it is here. One that does not know the question answers it all the same.
    async fn prove(&mut self, answer: oneshot::Sender<()>) -> Result<(), End> {
        self.proofs.retain(|(_, waiting)| !waiting.is_closed());
        self.proofs.push((self.directives + 1, answer));
        self.direct(What::Present(v1::Present {})).await
    }

    fn proven(&mut self, directive: u64) {
        if let Some(at) = self.proofs.iter().position(|(asked, _)| *asked == directive) {
            // Whoever asked may have stopped waiting.
            self.proofs.swap_remove(at).1.send(()).ok();
        }
    }

    /// A device that speaks faster than its rate is read more slowly; nothing of it is lost.
    fn spend(&self, bytes: usize) {
        self.purse.frame(bytes, self.waiting > 0, Instant::now());
    }

    fn stands(&self) -> Result<(), End> {
        match self.room.standing.bar(self.caller.device) {
            None => Ok(()),
            Some(status) => Err(End::Refused(Refused::Barred(status))),
        }
    }

    /// Sends what is still to be acknowledged, unless the session does not count any more.
    pub(super) async fn finish(&mut self, end: End) {
        let drains = match &end {
            End::Closed
            | End::Goodbye
            | End::Aged
            | End::Refused(Refused::Malformed(_) | Refused::Limit(_)) => true,
            End::Refused(Refused::Busy(..)) => self.room.cancel.is_cancelled(),
            End::Refused(_) => false,
        };
        let goodbye = matches!(end, End::Goodbye);
        let mut refused = match end {
            End::Refused(refused) => Some(refused),
            End::Closed | End::Goodbye | End::Aged => None,
        };
        if drains {
            let rest = async {
                while self.waiting > 0 {
                    let Some(answer) = self.answers.recv().await else {
                        return Ok(());
                    };
                    self.answered(answer).await?;
                }
                Ok(())
            };
            if let Ok(Err(End::Refused(later))) = timeout(DRAIN, rest).await {
                refused = Some(later);
            }
        }
        if goodbye {
            self.room.ingest.goodbye(self.caller.device).await;
        }
        if let Some(refused) = refused {
            info!(?refused, "the session is ended");
            self.out.refuse(refused).await;
        }
    }
}

/// What a future has now, or nothing.
async fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(found) => Poll::Ready(Some(found)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// The payload as the agent enqueued it, and what it says.
fn check(sent: Bytes, is_packed: bool) -> Result<(Bytes, ValidPayload), Malformed> {
    let raw = if is_packed {
        packed::unpack(&sent)?.into()
    } else {
        sent
    };
    let payload = decode::payload(&raw)?;
    Ok((raw, payload))
}
