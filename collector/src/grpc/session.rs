//! How a session begins: the call, the hello, the welcome. What follows is the conversation.

use std::sync::Arc;

use deskwarden_proto::{
    describe, limits,
    v1::{self, AgentFrame, agent_frame::Frame as Said, collector_frame::Frame, session_server::Session},
};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::{Instrument as _, info, info_span, warn};

use super::{
    check::{self, BadHello},
    conversation::{Build, Conversation, OPENING},
    end::{End, busy, malformed, unread},
    guard::Caller,
    outgoing::{self, Frames, Outgoing, Refused, numbers},
    package, rekey,
    room::Room,
    standing::Entry,
};
use crate::{
    ingest::{Company, NotOpened, Opened},
    net::Peer,
};

/// The service.
pub(super) struct SessionService(pub(super) Room);

#[tonic::async_trait]
impl Session for SessionService {
    type RunStream = Frames;
    type PackageStream = ReceiverStream<Result<v1::PackageChunk, Status>>;

    async fn package(
        &self,
        request: Request<v1::PackageRequest>,
    ) -> Result<Response<Self::PackageStream>, Status> {
        let caller = *request
            .extensions()
            .get::<Caller>()
            .ok_or_else(|| Status::unauthenticated("this call needs the certificate of a device"))?;
        package::send(&self.0, caller, request.into_inner().sha256).await
    }

    async fn run(
        &self,
        request: Request<Streaming<AgentFrame>>,
    ) -> Result<Response<Self::RunStream>, Status> {
        let caller = *request
            .extensions()
            .get::<Caller>()
            .ok_or_else(|| Status::unauthenticated("this call needs the certificate of a device"))?;
        let (out, stream) = outgoing::channel(Arc::clone(&self.0.meter));
        // The connection is in use as long as the session lasts.
        let call = request
            .extensions()
            .get::<Peer>()
            .map(|peer| peer.activity.begin());
        let span = info_span!("session", device = %caller.device);
        let talk = talk(self.0.clone(), caller, request.into_inner(), out);
        // A panic in it ends this stream only: the task is its own.
        tokio::spawn(
            async move {
                talk.await;
                drop(call);
            }
            .instrument(span),
        );
        Ok(Response::new(stream))
    }
}

async fn talk(room: Room, caller: Caller, mut frames: Streaming<AgentFrame>, out: Outgoing) {
    match greet(&room, caller, &mut frames, &out).await {
        Err(End::Refused(refused)) => {
            info!(?refused, "no session");
            out.refuse(refused).await;
        }
        Err(_) => {}
        Ok(Greeted::Clone) => rekey::rekey(&room, caller, &mut frames, &out).await,
        Ok(Greeted::Session(entry, opened, build)) => {
            let mut conversation = Conversation::new(room, caller, entry, &opened, out, build);
            let end = conversation.run(&mut frames).await;
            conversation.finish(end).await;
        }
    }
}

/// Who said hello.
enum Greeted {
    /// The device.
    Session(Entry, Opened, Build),
    /// A second installation of a device that has a session.
    Clone,
}

/// Hello and welcome.
async fn greet(
    room: &Room,
    caller: Caller,
    frames: &mut Streaming<AgentFrame>,
    out: &Outgoing,
) -> Result<Greeted, End> {
    let first = tokio::select! {
        () = room.cancel.cancelled() => return Err(End::Refused(room.restarting())),
        first = timeout(room.settings.hello, frames.message()) => first,
    };
    let said = match first {
        Err(_) => return Err(malformed("no hello came in time")),
        Ok(Err(status)) => return Err(unread(&status)),
        Ok(Ok(None)) => return Err(End::Closed),
        Ok(Ok(Some(frame))) => frame.frame,
    };
    // Who used up what it may say finds no more by connecting again.
    let purse = room.allowances.of(caller.device, Instant::now());
    tokio::select! {
        () = room.cancel.cancelled() => return Err(End::Refused(room.restarting())),
        () = sleep_until(purse.read_from()) => purse.hello(Instant::now()),
    }
    let Some(Said::Hello(hello)) = said else {
        return Err(malformed("the first frame must be a hello"));
    };
    let (protocol, hello) = check::hello(hello).map_err(|bad| match bad {
        BadHello::Protocol => End::Refused(Refused::Protocol),
        BadHello::Malformed(why) => malformed(why),
    })?;
    if let Some(status) = room.standing.bar(caller.device) {
        return Err(End::Refused(Refused::Barred(status)));
    }
    if is_copy(room, caller, &hello).await? {
        // Whoever is here already keeps the stream: nothing is taken from it.
        let opened = open(room, caller, Company::Beside, hello).await?;
        warn!("a second installation speaks for this device while the first is here: it is a clone");
        out.send(Frame::Welcome(rekey::welcome(welcome(
            room, caller, protocol, &opened,
        ))))
        .await?;
        return Ok(Greeted::Clone);
    }
    let entry = room.sessions.enter(caller.device, hello.instance.clone());
    let build = Build {
        version: hello.agent_version.clone(),
        platform: hello.platform.clone(),
    };
    let opened = open(room, caller, Company::Alone, hello).await?;
    room.ingest.seen(caller.device, (room.now)());
    if opened.forked {
        warn!(
            epoch = opened.epoch,
            "two outboxes speak for this device: restored or cloned"
        );
    }
    out.send(Frame::Welcome(welcome(room, caller, protocol, &opened)))
        .await?;
    info!(
        epoch = opened.epoch,
        next = opened.next_sequence,
        resync = opened.resync.len(),
        "welcome"
    );
    Ok(Greeted::Session(entry, opened, build))
}

/// Whether another installation speaks for a device that has a session. A connection that broke looks live
/// for minutes: a PC that lost its power, a virtual machine that was set back. So nothing counts as a copy
/// that is another run, or holds another outbox, unless whoever is here still answers.
async fn is_copy(room: &Room, caller: Caller, hello: &v1::Hello) -> Result<bool, End> {
    let Some(holder) = room.sessions.holder(caller.device) else {
        return Ok(false);
    };
    let another = !holder.is_empty() && !hello.instance.is_empty() && holder != hello.instance;
    if !another && !open(room, caller, Company::Look, hello.clone()).await?.forked {
        return Ok(false);
    }
    let Some(proof) = room.sessions.prove(caller.device) else {
        return Ok(false);
    };
    Ok(matches!(timeout(room.settings.proof, proof).await, Ok(Ok(()))))
}

async fn open(room: &Room, caller: Caller, company: Company, hello: v1::Hello) -> Result<Opened, End> {
    match timeout(OPENING, room.ingest.open(caller.device, company, hello)).await {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(NotOpened::Unknown)) => Err(End::Refused(Refused::Unknown)),
        Ok(Err(NotOpened::Busy | NotOpened::Closed)) | Err(_) => Err(End::Refused(busy())),
    }
}

fn welcome(room: &Room, caller: Caller, protocol: u32, opened: &Opened) -> v1::Welcome {
    v1::Welcome {
        protocol,
        epoch: opened.epoch,
        next_sequence: opened.next_sequence,
        sections: describe::SECTIONS
            .iter()
            .map(|doc| v1::SectionRevision {
                section: doc.section.into(),
                revision: doc.revision,
            })
            .collect(),
        resync: numbers(&opened.resync),
        server_time_ms: (room.now)(),
        heartbeat_seconds: u32::try_from(room.settings.heartbeat.as_secs()).unwrap_or(u32::MAX),
        policy: Some(room.sessions.policy(
            caller.device,
            &room.settings.policy,
            room.sessions.observes(caller.device),
        )),
        resume_token: opened.resume_token.to_vec(),
        limits: Some(limits::announced()),
        recorded_gap: opened.recorded_gap,
        packed: true,
    }
}
