//! A courier between one agent and the collector that reads what it carries: it stands in for the collector with a
//! certificate of its authority, and for the agent with the agent's own. So it can do to messages what a line cannot:
//! carry them twice, late, again on a later connection, in another order; and lose the connection in between.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use deskwarden_agent::{endpoint::Endpoint, identity::Store, transport};
use deskwarden_proto::v1::{
    Ack, AgentFrame, CollectorFrame, PackageChunk, PackageRequest, Record,
    agent_frame::Frame,
    collector_frame::Frame as Reply,
    session_client::SessionClient,
    session_server::{Session, SessionServer},
};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::ClientConfig;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time::sleep};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Identity, Server, ServerTlsConfig},
};

use super::SimAgent;

/// Messages that it remembers, to carry them once more.
const REMEMBERED: usize = 32;
/// Largest frame that it carries.
const LARGEST: usize = 8 << 20;
/// Longest time that it keeps a message.
const DELAY_MS: u64 = 20;

/// What it did.
#[derive(Debug, Default)]
pub struct Deeds {
    /// Messages carried once more than they were sent.
    pub repeated: AtomicU64,
    /// Messages carried after younger ones.
    pub reordered: AtomicU64,
    /// Messages kept for a while.
    pub delayed: AtomicU64,
    /// Connections lost.
    pub lost: AtomicU64,
}

/// The courier of one agent; it carries as long as this value lives.
#[derive(Debug)]
pub struct Courier {
    /// Where the agent connects.
    pub endpoint: Endpoint,
    swaps: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Courier {
    /// Begins to carry, on the current runtime. `data` is the collector's data folder.
    ///
    /// # Errors
    /// When there is no port, or the authority's files cannot be read.
    pub async fn of(
        agent: &SimAgent,
        collector: &Endpoint,
        data: &Path,
        seed: u64,
        deeds: Arc<Deeds>,
    ) -> Result<Self> {
        let store = Store::open(&agent.state())?;
        let identity = store.load()?.context("the identity is gone")?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("https://{}", listener.local_addr()?).parse()?;
        let swaps = Arc::<AtomicBool>::default();
        let carrier = Carrier(Arc::new(Inner {
            collector: collector.clone(),
            tls: identity.mutual_tls(&store.clock())?,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            remembered: Mutex::default(),
            swaps: Arc::clone(&swaps),
            deeds,
        }));
        let mut server = Server::builder().tls_config(ServerTlsConfig::new().identity(stand_in(data)?))?;
        let router = server.add_service(SessionServer::new(carrier).max_decoding_message_size(LARGEST));
        let task = tokio::spawn(async move {
            router
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
                .ok();
        });
        Ok(Self {
            endpoint,
            swaps,
            task,
        })
    }

    /// From now on it also carries records before the ones that were sent before them.
    pub fn swap(&self) {
        self.swaps.store(true, Ordering::SeqCst);
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A certificate for this machine, signed as the collector signs its own.
fn stand_in(data: &Path) -> Result<Identity> {
    let read = |name: &str| fs::read_to_string(data.join("pki").join(name));
    let (intermediate, root) = (read("intermediate.crt")?, read("root.crt")?);
    let issuer = Issuer::from_ca_cert_pem(&intermediate, KeyPair::from_pem(&read("intermediate.key")?)?)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    let chain = format!("{}{intermediate}{root}", leaf.pem());
    Ok(Identity::from_pem(chain, key.serialize_pem()))
}

#[derive(Clone)]
struct Carrier(Arc<Inner>);

struct Inner {
    collector: Endpoint,
    tls: Arc<ClientConfig>,
    rng: Mutex<fastrand::Rng>,
    remembered: Mutex<Vec<Record>>,
    swaps: Arc<AtomicBool>,
    deeds: Arc<Deeds>,
}

impl Inner {
    /// True once in so many times.
    fn once_in(&self, times: u32) -> bool {
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .u32(..times)
            == 0
    }

    fn below(&self, limit: u64) -> u64 {
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .u64(..limit)
    }

    /// Keeps the record, and gives an earlier one of the same epoch that is to be carried once more. What was read on a
    /// connection that was lost, and comes anew, is none yet.
    fn remember(&self, record: &Record) -> Option<Record> {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.retain(|old| old.epoch == record.epoch && old.sequence < record.sequence);
        let at = self.below(4 * REMEMBERED as u64) as usize;
        let again = remembered.get(at).cloned();
        if remembered.len() >= REMEMBERED {
            remembered.remove(0);
        }
        remembered.push(record.clone());
        again
    }

    async fn wait(&self) {
        if self.once_in(6) {
            self.deeds.delayed.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(self.below(DELAY_MS))).await;
        }
    }
}

#[tonic::async_trait]
impl Session for Carrier {
    type RunStream = ReceiverStream<Result<CollectorFrame, Status>>;
    type PackageStream = ReceiverStream<Result<PackageChunk, Status>>;

    async fn package(&self, _: Request<PackageRequest>) -> Result<Response<Self::PackageStream>, Status> {
        Err(Status::not_found("a courier has no packages"))
    }

    async fn run(
        &self,
        request: Request<Streaming<AgentFrame>>,
    ) -> Result<Response<Self::RunStream>, Status> {
        let away = |_| Status::unavailable("the collector is away");
        let channel = transport::connect(&self.0.collector, &self.0.tls)
            .await
            .map_err(away)?;
        let (there, outgoing) = mpsc::channel(1);
        let origin = channel.origin();
        let mut client = SessionClient::with_origin(channel, origin).max_decoding_message_size(LARGEST);
        let mut said = request.into_inner();
        // The answer begins when the collector has heard a hello.
        let hello = said
            .message()
            .await?
            .ok_or_else(|| Status::cancelled("no hello"))?;
        there.send(hello).await.ok();
        let heard = client.run(ReceiverStream::new(outgoing)).await?.into_inner();
        let (back, answers) = mpsc::channel(1);
        let carrier = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = carrier.there(said, there) => {}
                () = carrier.back(heard, back) => {}
            }
        });
        Ok(Response::new(ReceiverStream::new(answers)))
    }
}

impl Carrier {
    /// What the agent says, to the collector; ends when the connection is lost.
    async fn there(&self, mut said: Streaming<AgentFrame>, to: mpsc::Sender<AgentFrame>) {
        let carry = async |record: Record| {
            let frame = AgentFrame {
                frame: Some(Frame::Record(record)),
            };
            to.send(frame).await.is_ok()
        };
        let deeds = &self.0.deeds;
        let mut held = None;
        loop {
            // A record that is held is carried behind the next one, or alone if there is none soon.
            let next = match &held {
                None => said.message().await,
                Some(_) => tokio::select! {
                    next = said.message() => next,
                    () = sleep(Duration::from_millis(DELAY_MS)) => {
                        if let Some(record) = held.take() && !carry(record).await {
                            return;
                        }
                        continue;
                    }
                },
            };
            let Ok(Some(frame)) = next else {
                return self.hang_up(said).await;
            };
            let Some(Frame::Record(record)) = frame.frame else {
                if to.send(frame).await.is_err() {
                    return;
                }
                continue;
            };
            self.0.wait().await;
            if held.is_none() && self.0.swaps.load(Ordering::SeqCst) && self.0.once_in(2) {
                held = Some(record);
                continue;
            }
            let again = self.0.remember(&record);
            let twice = self.0.once_in(4).then(|| record.clone());
            let mut carried = carry(record).await;
            if let Some(record) = held.take() {
                deeds.reordered.fetch_add(1, Ordering::Relaxed);
                carried &= carry(record).await;
            }
            for record in again.into_iter().chain(twice) {
                deeds.repeated.fetch_add(1, Ordering::Relaxed);
                carried &= carry(record).await;
            }
            if self.0.once_in(24) {
                deeds.lost.fetch_add(1, Ordering::Relaxed);
                return;
            }
            if !carried {
                return;
            }
        }
    }

    /// The agent has said all: what the collector still answers is carried by the other half, which ends then.
    async fn hang_up(&self, said: Streaming<AgentFrame>) {
        drop(said);
        sleep(Duration::from_millis(DELAY_MS)).await;
    }

    /// What the collector answers, to the agent; ends when the collector hung up.
    async fn back(
        &self,
        mut heard: Streaming<CollectorFrame>,
        to: mpsc::Sender<Result<CollectorFrame, Status>>,
    ) {
        let deeds = &self.0.deeds;
        let mut older: Option<Ack> = None;
        while let Ok(Some(frame)) = heard.message().await {
            self.0.wait().await;
            let ack = match &frame.frame {
                Some(Reply::Ack(ack)) => Some(ack.clone()),
                _ => None,
            };
            if to.send(Ok(frame)).await.is_err() {
                return;
            }
            let Some(ack) = ack else { continue };
            // The one before comes once more, behind the younger one.
            if let Some(late) = older.take().filter(|late| late.epoch == ack.epoch)
                && self.0.once_in(3)
            {
                deeds.reordered.fetch_add(1, Ordering::Relaxed);
                let frame = CollectorFrame {
                    frame: Some(Reply::Ack(late)),
                };
                if to.send(Ok(frame)).await.is_err() {
                    return;
                }
            }
            older = Some(ack);
        }
    }
}
