//! The wire without an agent behind it: as many hellos and heartbeats as a connection takes, so that what is
//! measured is the other side.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use deskwarden_agent::{
    endpoint::Endpoint,
    identity::Store,
    transport::{self, Channel},
};
use deskwarden_platform::{Root, host_hints};
use deskwarden_proto::{
    PROTOCOL, PROTOCOL_OLDEST,
    describe::SECTIONS,
    v1::{
        AgentFrame, CollectorFrame, Heartbeat, Hello, SectionRevision, agent_frame::Frame,
        collector_frame::Frame as Reply, session_client::SessionClient,
    },
};
use deskwarden_tests::sim::{SimAgent, agent::Place};
use rustls::ClientConfig;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// A device that has reported everything: how it connects, and the hello that says so.
#[derive(Clone)]
pub(crate) struct Device {
    endpoint: Endpoint,
    tls: Arc<ClientConfig>,
    hello: Hello,
}

/// A connection of one.
#[derive(Clone)]
pub(crate) struct Caller {
    channel: Channel,
    hello: Hello,
}

/// A session that stays. It ends when this is dropped.
pub(crate) struct Open {
    _frames: mpsc::Sender<AgentFrame>,
    _replies: Streaming<CollectorFrame>,
}

impl Device {
    /// The hello of a running agent, which is ended then.
    pub(crate) async fn take_over(agent: &mut SimAgent, place: &Place) -> Result<Self> {
        agent.settled().await?;
        let introduction = agent.introduces().await?;
        agent.stop().await?;
        let store = Store::open(&agent.state())?;
        let clock = store.clock();
        let identity = store.load()?.context("the identity is gone")?;
        let tls = identity.mutual_tls(&clock)?;
        let root = agent.state().with_file_name("root");
        let hello = Hello {
            protocol: PROTOCOL,
            protocol_oldest: PROTOCOL_OLDEST,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: deskwarden_platform::platform_name(),
            epoch: introduction.position.epoch,
            acknowledged: introduction.position.acknowledged,
            enqueued: introduction.position.enqueued,
            resume_token: introduction.position.resume_token.clone(),
            digests: introduction.digests,
            hints: Some(host_hints(&Root::at(root))),
            sections: SECTIONS
                .iter()
                .map(|doc| SectionRevision {
                    section: doc.section.into(),
                    revision: doc.revision,
                })
                .collect(),
            ..Hello::default()
        };
        Ok(Self {
            endpoint: place.endpoint.clone(),
            tls,
            hello,
        })
    }

    /// Connects.
    pub(crate) async fn call(self) -> Result<Caller> {
        let channel = transport::connect(&self.endpoint, &self.tls).await?;
        let hello = self.hello;
        Ok(Caller { channel, hello })
    }
}

impl Caller {
    /// Says hello, is welcomed, and stays.
    pub(crate) async fn stay(&self) -> Result<Open> {
        let (frames, replies) = self.welcomed().await?;
        Ok(Open {
            _frames: frames,
            _replies: replies,
        })
    }

    /// Says hello, is welcomed, and hangs up; as often as asked, on one connection.
    pub(crate) async fn hellos(self, times: usize) -> Result<()> {
        for _ in 0..times {
            self.converse(0).await?;
        }
        Ok(())
    }

    /// One session with that many heartbeats.
    pub(crate) async fn heartbeats(self, times: usize) -> Result<()> {
        self.converse(times).await
    }

    async fn converse(&self, heartbeats: usize) -> Result<()> {
        let (frames, mut replies) = self.welcomed().await?;
        for _ in 0..heartbeats {
            frames.send(said(Frame::Heartbeat(Heartbeat {}))).await?;
        }
        drop(frames);
        while replies.message().await?.is_some() {}
        Ok(())
    }

    async fn welcomed(&self) -> Result<(mpsc::Sender<AgentFrame>, Streaming<CollectorFrame>)> {
        let (frames, outgoing) = mpsc::channel(64);
        let mut client = SessionClient::with_origin(self.channel.clone(), self.channel.origin());
        frames.send(said(Frame::Hello(self.hello.clone()))).await?;
        let mut replies = client.run(ReceiverStream::new(outgoing)).await?.into_inner();
        match replies.message().await?.and_then(|frame| frame.frame) {
            Some(Reply::Welcome(welcome)) if welcome.resync.is_empty() && !welcome.recorded_gap => {
                Ok((frames, replies))
            }
            other => bail!("the hello is not as it should be: {other:?}"),
        }
    }
}

fn said(frame: Frame) -> AgentFrame {
    AgentFrame { frame: Some(frame) }
}

/// The same frames to the echo, which answers each.
pub(crate) async fn echoed(channel: Channel, times: usize) -> Result<()> {
    let (frames, outgoing) = mpsc::channel(64);
    let mut client = SessionClient::with_origin(channel.clone(), channel.origin());
    let mut replies = client.run(ReceiverStream::new(outgoing)).await?.into_inner();
    let sending = tokio::spawn(async move {
        for _ in 0..times {
            if frames.send(said(Frame::Heartbeat(Heartbeat {}))).await.is_err() {
                return;
            }
        }
    });
    let mut heard = 0;
    while replies.message().await?.is_some() {
        heard += 1;
    }
    sending.await?;
    anyhow::ensure!(heard == times, "{heard} echoes of {times}");
    Ok(())
}
