//! A device without an agent behind it: what an agent had, and the wire from then on.

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
        AgentFrame, CollectorFrame, Hello, SectionRevision, agent_frame::Frame,
        collector_frame::Frame as Reply, session_client::SessionClient,
    },
};

use rustls::ClientConfig;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{SimAgent, agent::Place};

/// A device that has reported everything: how it connects, and the hello that says so.
#[derive(Clone, Debug)]
pub struct Device {
    endpoint: Endpoint,
    tls: Arc<ClientConfig>,
    /// What it says first.
    pub hello: Hello,
}

/// What is said, and what is answered.
pub type Halves = (mpsc::Sender<AgentFrame>, Streaming<CollectorFrame>);

/// A connection of one.
#[derive(Clone, Debug)]
pub struct Caller {
    channel: Channel,
    hello: Hello,
}

impl Device {
    /// The hello of a running agent, which is ended then.
    ///
    /// # Errors
    /// When the agent does not run or cannot be ended.
    pub async fn take_over(agent: &mut SimAgent, place: &Place) -> Result<Self> {
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
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn call(self) -> Result<Caller> {
        let channel = transport::connect(&self.endpoint, &self.tls).await?;
        let hello = self.hello;
        Ok(Caller { channel, hello })
    }
}

impl Caller {
    /// Says hello, and is welcomed: the two halves of a session, which ends when they are dropped.
    ///
    /// # Errors
    /// When the collector answers with anything else, or asks for more.
    pub async fn welcomed(&self) -> Result<Halves> {
        let (frames, mut replies) = self.opened().await?;
        match replies.message().await?.and_then(|frame| frame.frame) {
            Some(Reply::Welcome(welcome)) if welcome.resync.is_empty() && !welcome.recorded_gap => {
                Ok((frames, replies))
            }
            other => bail!("the hello is not as it should be: {other:?}"),
        }
    }

    /// Says hello; the answer is the first reply.
    ///
    /// # Errors
    /// When there is no stream.
    pub async fn opened(&self) -> Result<Halves> {
        let (frames, outgoing) = mpsc::channel(64);
        let mut client = SessionClient::with_origin(self.channel.clone(), self.channel.origin());
        frames.send(said(Frame::Hello(self.hello.clone()))).await?;
        let replies = client.run(ReceiverStream::new(outgoing)).await?.into_inner();
        Ok((frames, replies))
    }
}

/// A frame as it goes on the wire.
pub fn said(frame: Frame) -> AgentFrame {
    AgentFrame { frame: Some(frame) }
}
