//! One stream: hello, welcome, records within the window, acknowledgements, heartbeats, goodbye. A record
//! is done when its acknowledgement came, and never before.

use std::{collections::VecDeque, time::Duration};

use deskwarden_proto::{
    limits::{FRAME_BYTES, RECORDS_IN_FLIGHT},
    packed,
    v1::{
        self, CollectorFrame, EpochRequest, Goodbye, GoodbyeReason, Heartbeat, agent_frame::Frame,
        collector_frame::Frame as Reply, session_client::SessionClient,
    },
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::{
    Shared,
    ending::{End, Error},
    flow::{Outgoing, PATIENCE, Window},
    leave::Leave,
};
use crate::{
    identity::Identity,
    outbox,
    scan::{engine::Gone, recorder::Welcomed},
    transport::Channel,
};

/// How long a goodbye waits for the last acknowledgements.
const FAREWELL: Duration = Duration::from_secs(2);
/// Bytes of records that are taken from the outbox at once.
const PORTION: usize = 512 << 10;
/// Frames that may wait for the connection.
const QUEUE: usize = 4;
/// Where the collector names no period.
const HEARTBEAT: Duration = Duration::from_secs(600);

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// A stream and what became of it.
pub(super) struct Stream {
    pub(super) shared: Shared,
    pub(super) identity: Identity,
    pub(super) channel: Channel,
    /// The collector took the identity.
    pub(super) welcomed: bool,
    /// Acknowledgements that came.
    pub(super) acknowledgements: u64,
    /// When the certificate is to be renewed, Unix milliseconds.
    pub(super) renew_at_ms: i64,
}

/// What a directive asks of the stream that it came on.
pub(super) enum Asked {
    /// Nothing: it is done, or a task does it.
    Nothing,
    /// A new epoch began.
    Epoch,
    /// The certificate is to be renewed now.
    Renew,
    /// The identity changed.
    Identity(Box<Identity>),
}

impl Stream {
    /// Runs until the stream ends, whoever ends it.
    pub(super) async fn run(&mut self, leave: &Leave) -> Result<End, Error> {
        let (hello, position) = self.hello().await?;
        let (frames, outgoing) = mpsc::channel(QUEUE);
        let mut outgoing_half = Outgoing {
            frames,
            last: Instant::now(),
        };
        if let Err(end) = outgoing_half.send(Frame::Hello(hello)).await {
            return Ok(end);
        }
        let origin = self.channel.origin();
        // Records are packed one by one; to compress every frame would make heartbeats longer than they are.
        let mut client =
            SessionClient::with_origin(self.channel.clone(), origin).max_decoding_message_size(FRAME_BYTES);
        let opening = async {
            let mut replies = client.run(ReceiverStream::new(outgoing)).await?.into_inner();
            let first = replies.message().await?;
            Ok::<_, Status>((replies, first))
        };
        let (replies, first) = tokio::select! {
            () = leave.wanted() => return Ok(End::Shutdown),
            opened = timeout(PATIENCE, opening) => match opened {
                Ok(opened) => opened?,
                Err(_) => return Ok(End::Stalled("no answer to the hello")),
            },
        };
        let welcome = match first.and_then(|frame| frame.frame) {
            Some(Reply::Welcome(welcome)) => welcome,
            Some(Reply::Refusal(refusal)) => return Ok(End::Refused(refusal)),
            Some(_) => return Err(Error::Protocol("its first frame is no welcome")),
            None => return Ok(End::Closed),
        };
        self.welcomed = true;
        self.shared.updates.welcomed();
        self.told(welcome.server_time_ms);
        let heartbeat = match welcome.heartbeat_seconds {
            0 => HEARTBEAT,
            seconds => Duration::from_secs(u64::from(seconds)),
        };
        let announced = welcome
            .limits
            .as_ref()
            .map_or(0, |limits| limits.records_in_flight);
        let size = match announced {
            0 => RECORDS_IN_FLIGHT,
            announced => announced.min(RECORDS_IN_FLIGHT),
        };
        let packed = welcome.packed;
        let answer = self
            .shared
            .recorder
            .ask(move |recorder| recorder.welcomed(&welcome, &position))
            .await??;
        let mut window = Window {
            size: size as usize,
            sent: 0,
            in_flight: VecDeque::new(),
            held: false,
            packed,
            heard: Instant::now(),
        };
        match answer {
            Welcomed::Ready { acknowledged } => window.restart(acknowledged),
            Welcomed::WantsEpoch(reason) => {
                window.held = true;
                if let Err(end) = outgoing_half
                    .send(Frame::EpochRequest(EpochRequest { reason }))
                    .await
                {
                    return Ok(end);
                }
            }
        }
        tracing::info!(device = %self.identity.device, "connected");
        self.converse(outgoing_half, replies, window, heartbeat, leave)
            .await
    }

    async fn converse(
        &mut self,
        mut out: Outgoing,
        mut replies: Streaming<CollectorFrame>,
        mut window: Window,
        heartbeat: Duration,
        leave: &Leave,
    ) -> Result<End, Error> {
        let mut progress = self.shared.recorder.progress();
        let renumbered = progress.borrow().renumbered;
        let renewed = CancellationToken::new();
        let (fresh, mut identities) = mpsc::channel(1);
        self.schedule_renewal(fresh.clone(), renewed.clone());
        let _stop = renewed.drop_guard();
        loop {
            let now = *progress.borrow_and_update();
            if now.renumbered != renumbered {
                return Ok(End::BeginAgain);
            }
            if window.room() > 0 && now.enqueued > window.sent {
                match self.send_records(&mut out, &mut window).await? {
                    None => {}
                    Some(end) => return Ok(end),
                }
            }
            let waits = window.held || !window.in_flight.is_empty();
            tokio::select! {
                biased;
                () = leave.wanted() => {
                    return Ok(self.farewell(out, replies, leave.reason()).await);
                }
                reply = replies.message() => {
                    let Some(reply) = reply? else {
                        return Ok(End::Closed);
                    };
                    window.heard = Instant::now();
                    match reply.frame {
                        Some(Reply::Ack(ack)) => self.acknowledged(ack, &mut window).await?,
                        Some(Reply::Refusal(refusal)) => return Ok(End::Refused(refusal)),
                        Some(Reply::Directive(directive)) => match self.obey(directive, &mut out).await? {
                            Ok(Asked::Nothing) => {}
                            Ok(Asked::Epoch) => {
                                window.restart(0);
                                window.held = false;
                            }
                            Ok(Asked::Renew) => self.renew(fresh.clone()),
                            Ok(Asked::Identity(identity)) => return Ok(End::Identity(identity)),
                            Err(end) => return Ok(end),
                        },
                        Some(Reply::Welcome(_)) => return Err(Error::Protocol("a second welcome")),
                        // A frame of a later protocol says nothing to this agent.
                        None => {}
                    }
                }
                Some(identity) = identities.recv() => {
                    // Whoever connects next does so with it; this connection has done its part.
                    let end = self.farewell(out, replies, GoodbyeReason::Restart).await;
                    return Ok(match end {
                        End::Shutdown => End::Identity(identity),
                        other => other,
                    });
                }
                changed = progress.changed() => changed.map_err(|_| Gone)?,
                () = sleep_until(window.heard + PATIENCE), if waits => {
                    return Ok(End::Stalled("no acknowledgement came"));
                }
                () = sleep_until(out.last + heartbeat) => {
                    if let Err(end) = out.send(Frame::Heartbeat(Heartbeat {})).await {
                        return Ok(end);
                    }
                }
            }
        }
    }

    /// Sends what fits into the window.
    async fn send_records(&self, out: &mut Outgoing, window: &mut Window) -> Result<Option<End>, Error> {
        let (after, room) = (window.sent, window.room());
        let records = self
            .shared
            .recorder
            .ask(move |recorder| recorder.records(after, room, PORTION))
            .await??;
        let Some(records) = records else {
            return Ok(Some(End::BeginAgain));
        };
        if records.is_empty() {
            // What was given a sequence and does not wait any more was dropped or acknowledged.
            window.sent = self.shared.recorder.progress().borrow().enqueued;
        }
        for record in records {
            if window.in_flight.is_empty() {
                window.heard = Instant::now();
            }
            let sequence = record.sequence;
            let record = laid_out(record, window.packed);
            if let Err(end) = out.send(Frame::Record(record)).await {
                return Ok(Some(end));
            }
            window.sent = sequence;
            window.in_flight.push_back(sequence);
        }
        Ok(None)
    }

    async fn acknowledged(&mut self, ack: v1::Ack, window: &mut Window) -> Result<(), Error> {
        if !window.in_flight.contains(&ack.sequence) {
            tracing::debug!(
                sequence = ack.sequence,
                "an acknowledgement of nothing that is under way"
            );
        }
        while window
            .in_flight
            .front()
            .is_some_and(|first| *first <= ack.sequence)
        {
            window.in_flight.pop_front();
        }
        self.acknowledgements += 1;
        let done = self
            .shared
            .recorder
            .ask(move |recorder| recorder.acknowledged(&ack))
            .await?;
        match done {
            // It is done all the same; the next acknowledgement writes it down.
            Err(error @ outbox::Error::Io { .. }) => {
                tracing::warn!(%error, "an acknowledgement could not be written down");
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Says goodbye and takes the acknowledgements that still come.
    async fn farewell(
        &mut self,
        mut out: Outgoing,
        mut replies: Streaming<CollectorFrame>,
        reason: GoodbyeReason,
    ) -> End {
        let goodbye = Frame::Goodbye(Goodbye {
            reason: reason.into(),
        });
        let said = timeout(FAREWELL, out.send(goodbye)).await;
        if !matches!(said, Ok(Ok(()))) {
            return End::Shutdown;
        }
        drop(out);
        let rest = async {
            while let Ok(Some(reply)) = replies.message().await {
                if let Some(Reply::Ack(ack)) = reply.frame {
                    let done = self
                        .shared
                        .recorder
                        .ask(move |recorder| recorder.acknowledged(&ack));
                    if !matches!(done.await, Ok(Ok(()))) {
                        return;
                    }
                }
            }
        };
        if timeout(FAREWELL, rest).await.is_err() {
            tracing::debug!("the collector keeps the stream open after the goodbye");
        }
        End::Shutdown
    }
}

/// The record as it travels: packed where the collector reads that and it pays.
fn laid_out(record: v1::Record, packed: bool) -> v1::Record {
    if !packed {
        return record;
    }
    match packed::pack(&record.payload) {
        Some(packed) => v1::Record {
            payload: packed.into(),
            packed: true,
            ..record
        },
        None => record,
    }
}
