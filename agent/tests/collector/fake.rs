//! A collector that does what the test says: enrolment with knobs, sessions handed to the test.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use deskwarden_agent::endpoint::Endpoint;
use deskwarden_proto::v1::{
    Ack, AgentFrame, CollectorFrame, EnrolRequest, EnrolResponse, EnrolState, Hello, PackageChunk,
    PackageRequest, Record, RecoverRequest, RecoverResponse, RenewRequest, RenewResponse, SectionRevision,
    Welcome,
    agent_frame::Frame,
    collector_frame::Frame as Reply,
    enrolment_server::{Enrolment, EnrolmentServer},
    session_server::{Session, SessionServer},
};
use ring::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey},
};
use rustls::{RootCertStore, ServerConfig, crypto::ring::default_provider, server::WebPkiClientVerifier};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Response, Status, Streaming,
    codec::CompressionEncoding,
    transport::{Server, server::Connected},
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::pki::{Pki, Valid};

pub const TOKEN: &str = "one-use-token-of-the-test";

/// What the test turns and reads.
pub struct Knobs {
    /// Answers that say "waits for approval" before one says "enrolled".
    pub pending: u32,
    /// Enrolments whose answer is lost after the device was made.
    pub lose_answers: u32,
    /// Validity of device certificates.
    pub valid: Valid,
    /// Who signs device certificates, when it is somebody else.
    pub issuer: Option<Pki>,
    /// Enrolment requests that came.
    pub enrolments: Vec<EnrolRequest>,
    /// Device by nonce.
    pub devices: HashMap<Vec<u8>, String>,
    /// Renewals that came.
    pub renewals: usize,
    /// Recoveries that came.
    pub recoveries: usize,
    /// Validity of regained certificates.
    pub regained: Valid,
    /// Handshakes that came to nothing.
    pub refused: usize,
    /// Seconds to wait in answers that say so.
    pub retry_after: u32,
}

/// The fake.
#[derive(Clone)]
pub struct Fake {
    pub pki: Arc<Pki>,
    pub endpoint: Endpoint,
    knobs: Arc<Mutex<Knobs>>,
    conversations: Arc<tokio::sync::Mutex<mpsc::Receiver<Conversation>>>,
}

impl Fake {
    pub async fn start() -> Self {
        Self::with(Pki::new(&["localhost"], Valid::days(-1, 30))).await
    }

    pub async fn with(pki: Pki) -> Self {
        let pki = Arc::new(pki);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let knobs = Arc::new(Mutex::new(Knobs {
            pending: 0,
            lose_answers: 0,
            valid: Valid::days(-1, 29),
            issuer: None,
            enrolments: Vec::new(),
            devices: HashMap::new(),
            renewals: 0,
            recoveries: 0,
            regained: Valid::days(-1, 29),
            refused: 0,
            retry_after: 1,
        }));
        let (sender, conversations) = mpsc::channel(8);
        let service = Service {
            pki: Arc::clone(&pki),
            knobs: Arc::clone(&knobs),
            sender,
        };
        let (accepted, incoming) = mpsc::channel::<std::io::Result<Tls>>(8);
        let acceptor = acceptor(&pki);
        let counted = Arc::clone(&knobs);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, accepted) = (acceptor.clone(), accepted.clone());
                let counted = Arc::clone(&counted);
                tokio::spawn(async move {
                    match acceptor.accept(stream).await {
                        Ok(stream) => {
                            accepted.send(Ok(Tls(stream))).await.ok();
                        }
                        Err(_) => counted.lock().unwrap().refused += 1,
                    }
                });
            }
        });
        tokio::spawn(async move {
            Server::builder()
                .add_service(EnrolmentServer::new(service.clone()))
                .add_service(
                    SessionServer::new(service)
                        .accept_compressed(CompressionEncoding::Gzip)
                        .send_compressed(CompressionEncoding::Gzip),
                )
                .serve_with_incoming(ReceiverStream::new(incoming))
                .await
        });
        Self {
            pki,
            endpoint: format!("https://localhost:{port}").parse().unwrap(),
            knobs,
            conversations: Arc::new(tokio::sync::Mutex::new(conversations)),
        }
    }

    /// Turns or reads the knobs.
    pub fn knobs<T>(&self, act: impl FnOnce(&mut Knobs) -> T) -> T {
        act(&mut self.knobs.lock().unwrap())
    }

    /// The next session that the agent opens.
    pub async fn session(&self) -> Conversation {
        self.conversations.lock().await.recv().await.unwrap()
    }
}

pub fn acceptor(pki: &Pki) -> TlsAcceptor {
    let provider = Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(pki.root.clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(pki.presented(), pki.server_key())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// One session, seen from the collector.
pub struct Conversation {
    /// Common name of the client's certificate.
    pub device: String,
    frames: Streaming<AgentFrame>,
    replies: mpsc::Sender<Result<CollectorFrame, Status>>,
}

impl Conversation {
    /// The next frame; `None` when the agent ended the stream.
    pub async fn frame(&mut self) -> Option<Frame> {
        self.frames
            .message()
            .await
            .ok()
            .flatten()
            .and_then(|frame| frame.frame)
    }

    pub async fn hello(&mut self) -> Hello {
        match self.frame().await {
            Some(Frame::Hello(hello)) => hello,
            other => panic!("a hello, not {other:?}"),
        }
    }

    /// The next record; heartbeats and reports before it are passed over.
    pub async fn record(&mut self) -> Record {
        loop {
            match self.frame().await {
                Some(Frame::Record(record)) => return record,
                Some(Frame::Heartbeat(_) | Frame::DirectiveDone(_)) => {}
                other => panic!("a record, not {other:?}"),
            }
        }
    }

    pub async fn reply(&self, reply: Reply) {
        let frame = CollectorFrame { frame: Some(reply) };
        self.replies.send(Ok(frame)).await.unwrap();
    }

    pub async fn ack(&self, record: &Record) {
        self.reply(Reply::Ack(Ack {
            epoch: record.epoch,
            sequence: record.sequence,
            resume_token: record.sequence.to_le_bytes().to_vec(),
        }))
        .await;
    }

    /// Hello and a usual welcome to it.
    pub async fn greet(&mut self, epoch: u64, next_sequence: u64) -> Hello {
        let hello = self.hello().await;
        self.reply(Reply::Welcome(welcome(&hello, epoch, next_sequence)))
            .await;
        hello
    }
}

/// A welcome that accepts what the agent has.
pub fn welcome(hello: &Hello, epoch: u64, next_sequence: u64) -> Welcome {
    Welcome {
        protocol: hello.protocol,
        epoch,
        next_sequence,
        sections: hello.sections.clone(),
        server_time_ms: i64::try_from(time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000)
            .unwrap(),
        heartbeat_seconds: 600,
        resume_token: b"welcome".to_vec(),
        ..Welcome::default()
    }
}

/// The sections of a hello without one.
pub fn without(hello: &Hello, section: deskwarden_proto::v1::Section) -> Vec<SectionRevision> {
    let all = hello.sections.iter().cloned();
    all.filter(|s| s.section != section as i32).collect()
}

#[derive(Clone)]
struct Service {
    pki: Arc<Pki>,
    knobs: Arc<Mutex<Knobs>>,
    sender: mpsc::Sender<Conversation>,
}

#[tonic::async_trait]
impl Enrolment for Service {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolResponse>, Status> {
        let request = request.into_inner();
        let mut knobs = self.knobs.lock().unwrap();
        knobs.enrolments.push(request.clone());
        if request.token != TOKEN {
            return Err(Status::permission_denied("the token is not valid"));
        }
        let state = if knobs.pending > 0 {
            knobs.pending -= 1;
            EnrolState::PendingApproval
        } else {
            EnrolState::Enrolled
        };
        let mut answer = EnrolResponse {
            state: state.into(),
            retry_after_seconds: knobs.retry_after,
            ..EnrolResponse::default()
        };
        if state == EnrolState::Enrolled {
            let next = format!("{:032x}", knobs.devices.len() + 1);
            let device = knobs.devices.entry(request.nonce).or_insert(next).clone();
            let issuer = knobs.issuer.as_ref().unwrap_or(&self.pki);
            answer.chain = issuer.issue(&request.csr, &device, knobs.valid);
            answer.device_id = device;
            answer.roots = vec![self.pki.root.to_vec()];
            answer.server_time_ms = 1_000;
            if knobs.lose_answers > 0 {
                knobs.lose_answers -= 1;
                return Err(Status::unavailable("the answer is lost"));
            }
        }
        Ok(Response::new(answer))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        let device = device_of(&request).ok_or_else(|| Status::unauthenticated("no certificate"))?;
        let mut knobs = self.knobs.lock().unwrap();
        knobs.renewals += 1;
        knobs.valid = Valid::days(-1, 29);
        Ok(Response::new(RenewResponse {
            chain: self.pki.issue(&request.into_inner().csr, &device, knobs.valid),
            roots: vec![self.pki.root.to_vec()],
            server_time_ms: 2_000,
        }))
    }

    async fn recover(&self, request: Request<RecoverRequest>) -> Result<Response<RecoverResponse>, Status> {
        let request = request.into_inner();
        let (_, old) = X509Certificate::from_der(&request.certificate).unwrap();
        let device = common_name(&old);
        let mut message = b"deskwarden-recover-v1".to_vec();
        message.extend_from_slice(device.as_bytes());
        message.extend_from_slice(&request.at_ms.to_be_bytes());
        message.extend_from_slice(&request.nonce);
        message.extend_from_slice(digest(&SHA256, &request.csr).as_ref());
        let key = old.public_key().subject_public_key.data.to_vec();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
            .verify(&message, &request.signature)
            .map_err(|_| Status::permission_denied("another key"))?;
        let mut knobs = self.knobs.lock().unwrap();
        knobs.recoveries += 1;
        if knobs.pending > 0 {
            knobs.pending -= 1;
            return Ok(Response::new(RecoverResponse {
                state: EnrolState::PendingApproval.into(),
                retry_after_seconds: knobs.retry_after,
                ..RecoverResponse::default()
            }));
        }
        knobs.valid = knobs.regained;
        Ok(Response::new(RecoverResponse {
            state: EnrolState::Enrolled.into(),
            chain: self.pki.issue(&request.csr, &device, knobs.valid),
            roots: vec![self.pki.root.to_vec()],
            server_time_ms: 0,
            retry_after_seconds: 0,
        }))
    }
}

#[tonic::async_trait]
impl Session for Service {
    type RunStream = ReceiverStream<Result<CollectorFrame, Status>>;
    type PackageStream = ReceiverStream<Result<PackageChunk, Status>>;

    async fn package(&self, _: Request<PackageRequest>) -> Result<Response<Self::PackageStream>, Status> {
        Err(Status::not_found("this collector has no packages"))
    }

    async fn run(
        &self,
        request: Request<Streaming<AgentFrame>>,
    ) -> Result<Response<Self::RunStream>, Status> {
        let device = device_of(&request).ok_or_else(|| Status::unauthenticated("no certificate"))?;
        let (replies, stream) = mpsc::channel(64);
        let conversation = Conversation {
            device,
            frames: request.into_inner(),
            replies,
        };
        self.sender.send(conversation).await.ok();
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

fn device_of<T>(request: &Request<T>) -> Option<String> {
    let Peer(certificate) = request.extensions().get::<Peer>()?;
    let certificate = certificate.as_ref()?;
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(common_name(&parsed))
}

fn common_name(certificate: &X509Certificate<'_>) -> String {
    let name = certificate.subject().iter_common_name().next().unwrap();
    name.as_str().unwrap().to_owned()
}

/// The leaf that the client presented.
#[derive(Clone)]
struct Peer(Option<Vec<u8>>);

struct Tls(TlsStream<TcpStream>);

impl Connected for Tls {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        let presented = self.0.get_ref().1.peer_certificates();
        Peer(
            presented
                .and_then(|chain| chain.first())
                .map(|leaf| leaf.to_vec()),
        )
    }
}

impl AsyncRead for Tls {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tls {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
