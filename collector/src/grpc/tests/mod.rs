//! The agents' port as agents meet it: real mutual TLS, the generated client, the embedded store.

mod clones;
mod enrolment;
mod hostile;
mod observers;
mod refusals;
mod session;
mod staff;
mod withheld;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use deskwarden_domain::{
    model::{AuditEntry, DeviceStatus, Millis, TokenId, TokenRow},
    port::Store,
    token::Token,
};
use deskwarden_proto::{
    Message as _, PROTOCOL, PROTOCOL_OLDEST,
    ids::DeviceId,
    v1::{
        self, AgentFrame, CollectorFrame, Delta, EnrolRequest, EnrolResponse, Facet, Hello, Item, Look,
        Payload, Record, Refusal, RefusalCode, Section, SourceState, Stamp, Welcome,
        agent_frame::Frame as Said, collector_frame::Frame, enrolment_client::EnrolmentClient, payload::Body,
        session_client::SessionClient,
    },
};
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tempfile::TempDir;
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle, time::timeout};
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{
    Status, Streaming,
    transport::{Channel, Endpoint},
};

use super::{Parts, SessionSettings, Sessions, Standing};
use crate::{
    entropy::{Entropy, OsEntropy},
    ingest::{self, Contexts, Ingest, Now},
    meter::Meter,
    net::{Limits, ServerIdentity, TlsListener, agents_config},
    pki::Pki,
};

const DAY: Millis = 86_400_000;
/// Long for a machine under load; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// A collector's agents' port and everything behind it.
struct Bed {
    _home: TempDir,
    store: Arc<dyn Store>,
    pki: Arc<Pki>,
    standing: Arc<Standing>,
    sessions: Sessions,
    address: SocketAddr,
    cancel: CancellationToken,
    /// Added to the real time, in milliseconds.
    ahead: Arc<AtomicI64>,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
    writing: JoinHandle<Result<(), ingest::IngestError>>,
}

/// A key and what it was certified as.
struct Agent {
    key: KeyPair,
    id: DeviceId,
    chain: Vec<CertificateDer<'static>>,
}

impl Agent {
    fn own(&self) -> Own {
        (
            self.chain.clone(),
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der())),
        )
    }
}

type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Bed {
    async fn new() -> Self {
        Self::with(SessionSettings::default(), Arc::new(OsEntropy)).await
    }

    async fn with(settings: SessionSettings, entropy: Arc<dyn Entropy>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let ahead = Arc::<AtomicI64>::default();
        let offset = Arc::clone(&ahead);
        let now: Now = Arc::new(move || crate::clock::now() + offset.load(Ordering::SeqCst));
        let pki = Arc::new(
            Pki::open_or_create(&home.path().join("pki"), crate::clock::now(), Arc::new(OsEntropy)).unwrap(),
        );
        let store =
            deskwarden_store::open(&format!("sqlite:{}", home.path().join("dw.db").display())).unwrap();
        let cancel = CancellationToken::new();
        let contexts = Arc::new(Contexts::load(Arc::clone(&store)).unwrap());
        let meter = Arc::<Meter>::default();
        let parts = ingest::Parts {
            store: Arc::clone(&store),
            contexts: Arc::clone(&contexts),
            entropy: Arc::new(OsEntropy),
            now: Arc::clone(&now),
            meter: Arc::clone(&meter),
            committed: Box::new(|_| {}),
        };
        let (ingest, writing) = Ingest::start(parts, cancel.clone()).unwrap();
        let identity = pki
            .server_identity(&["localhost".to_owned()], crate::clock::now())
            .unwrap();
        let identity = Arc::new(ServerIdentity::new(&identity).unwrap());
        let config = agents_config(identity, pki.roots()).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TlsListener::bind(any, config, Limits::default(), cancel.clone())
            .await
            .unwrap();
        let address = listener.address();
        let standing = Arc::new(Standing::load(store.as_ref()).unwrap());
        let sessions = Sessions::default();
        let parts = Parts {
            store: Arc::clone(&store),
            contexts,
            pki: Arc::clone(&pki),
            ingest,
            standing: Arc::clone(&standing),
            sessions: sessions.clone(),
            entropy,
            now,
            settings,
            anonymous: None,
            link: crate::arrivals::LinkRule {
                serials: 2,
                expected: true,
            },
            shelf: Arc::new(crate::updates::Shelf::of(home.path())),
            meter: Arc::clone(&meter),
        };
        let serving = tokio::spawn(super::serve(listener, parts, cancel.clone()));
        let writing = tokio::spawn(writing);
        Self {
            _home: home,
            store,
            pki,
            standing,
            sessions,
            address,
            cancel,
            ahead,
            serving,
            writing,
        }
    }

    fn now(&self) -> Millis {
        crate::clock::now() + self.ahead.load(Ordering::SeqCst)
    }

    fn audit(&self) -> AuditEntry {
        let [actor, action, object] = ["test", "test", "test"].map(str::to_owned);
        AuditEntry {
            at: self.now(),
            actor,
            action,
            object,
            detail: String::new(),
        }
    }

    fn token(&self, change: impl FnOnce(&mut TokenRow)) -> String {
        let token = Token::from_random(crate::entropy::bytes(&OsEntropy).unwrap());
        let mut row = TokenRow {
            id: TokenId(0),
            label: "test".into(),
            hash: token.hash(),
            max_uses: 1,
            uses: 0,
            expires_at: self.now() + DAY,
            cidr: None,
            needs_approval: false,
            department: None,
            created_at: self.now(),
            created_by: "test".into(),
            revoked_at: None,
        };
        change(&mut row);
        self.store.create_token(&row, &self.audit()).unwrap();
        token.reveal().to_owned()
    }

    /// What makes TLS to the port, with the certificate of an agent or without any.
    fn connector(&self, own: Option<Own>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.pki.roots()[0].clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsConnector::from(Arc::new(config))
    }

    /// A connection, with the certificate of an agent or without any.
    async fn channel(&self, own: Option<Own>) -> Result<Channel, tonic::transport::Error> {
        let (connector, address) = (self.connector(own), self.address);
        let dial = tower::service_fn(move |_: http::Uri| {
            let connector = connector.clone();
            async move {
                let stream = TcpStream::connect(address).await?;
                let name = ServerName::try_from("localhost").unwrap();
                Ok::<_, std::io::Error>(TokioIo::new(connector.connect(name, stream).await?))
            }
        });
        // TLS is made by the connector above; with `https` a tonic that was built with TLS wants to make it itself.
        Endpoint::from_static("http://localhost")
            .connect_with_connector(dial)
            .await
    }

    async fn anonymous(&self) -> EnrolmentClient<Channel> {
        EnrolmentClient::new(self.channel(None).await.unwrap())
    }

    async fn enrolled(&self) -> Agent {
        let key = KeyPair::generate().unwrap();
        let token = self.token(|_| {});
        let answer = self
            .anonymous()
            .await
            .enrol(enrol_request(&token, &key))
            .await
            .unwrap()
            .into_inner();
        agent(key, &answer)
    }

    /// Opens a session: the sender, and the stream.
    async fn dial(&self, agent: &Agent) -> Talk {
        let channel = self.channel(Some(agent.own())).await.unwrap();
        let (say, said) = mpsc::channel(200);
        let mut client = SessionClient::new(channel).max_decoding_message_size(1 << 20);
        let heard = client.run(ReceiverStream::new(said)).await.unwrap().into_inner();
        Talk { say, heard }
    }

    /// Opens a session and says hello.
    async fn welcomed(&self, agent: &Agent, hello: Hello) -> (Talk, Welcome) {
        let mut talk = self.dial(agent).await;
        talk.say(Said::Hello(hello)).await;
        match talk.next().await {
            Frame::Welcome(welcome) => (talk, welcome),
            other => panic!("no welcome: {other:?}"),
        }
    }

    /// Waits until the collector noticed that the device's session is over.
    async fn nobody_is_here(&self, id: DeviceId) {
        let gone = async {
            while self.sessions.is_live(id) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, gone).await.expect("the session goes on");
    }

    async fn set_status(&self, id: DeviceId, status: DeviceStatus) {
        self.store.set_device_status(id, status, &self.audit()).unwrap();
        self.standing.refresh(self.store.as_ref()).unwrap();
    }

    fn gaps(&self, id: DeviceId) -> Vec<String> {
        self.store
            .gaps(id, 10)
            .unwrap()
            .into_iter()
            .map(|(_, _, _, reason)| reason)
            .collect()
    }

    fn keys(&self, id: DeviceId) -> Vec<String> {
        let paging = deskwarden_domain::port::Paging {
            offset: 0,
            limit: 100,
        };
        let page = self.store.items(id, Section::Software, paging).unwrap();
        page.rows.into_iter().map(|row| row.item.id.key).collect()
    }

    /// Ends everything, in order.
    async fn stop(self) -> (TempDir, Arc<dyn Store>) {
        self.cancel.cancel();
        timeout(PATIENCE, self.serving).await.unwrap().unwrap().unwrap();
        timeout(PATIENCE, self.writing).await.unwrap().unwrap().unwrap();
        (self._home, self.store)
    }
}

struct Talk {
    say: mpsc::Sender<AgentFrame>,
    heard: Streaming<CollectorFrame>,
}

impl Talk {
    async fn say(&self, frame: Said) {
        self.say.send(AgentFrame { frame: Some(frame) }).await.unwrap();
    }

    async fn record(&self, epoch: u64, sequence: u64, payload: &Payload) {
        let payload = payload.encode_to_vec().into();
        self.say(Said::Record(Record {
            epoch,
            sequence,
            payload,
            packed: false,
        }))
        .await;
    }

    async fn maybe(&mut self) -> Result<Option<Frame>, Status> {
        let next = timeout(PATIENCE, self.heard.message())
            .await
            .expect("nothing was said for a minute");
        Ok(next?.map(|frame| frame.frame.unwrap()))
    }

    async fn next(&mut self) -> Frame {
        self.maybe().await.unwrap().expect("the stream ended")
    }

    /// Acknowledgements name the highest sequence: waits for this one. Returns its token.
    async fn acknowledged(&mut self, sequence: u64) -> Vec<u8> {
        loop {
            match self.next().await {
                Frame::Ack(ack) if ack.sequence == sequence => return ack.resume_token,
                Frame::Ack(ack) => assert!(ack.sequence < sequence, "{ack:?}"),
                other => panic!("no acknowledgement: {other:?}"),
            }
        }
    }

    /// The refusal, and that the stream ends after it.
    async fn refusal(&mut self) -> Refusal {
        loop {
            match self.next().await {
                Frame::Refusal(refusal) => {
                    assert!(
                        matches!(self.maybe().await, Ok(None) | Err(_)),
                        "the stream goes on"
                    );
                    return refusal;
                }
                Frame::Ack(_) => {}
                other => panic!("no refusal: {other:?}"),
            }
        }
    }

    async fn refused(&mut self, code: RefusalCode) {
        let refusal = self.refusal().await;
        assert_eq!(refusal.code(), code, "{}", refusal.message);
    }
}

fn enrol_request(token: &str, key: &KeyPair) -> EnrolRequest {
    EnrolRequest {
        protocol: PROTOCOL,
        token: token.to_owned(),
        csr: csr(key),
        hints: None,
        nonce: vec![7; 16],
        agent_version: "1".into(),
        platform: "linux-x86_64".into(),
    }
}

fn csr(key: &KeyPair) -> Vec<u8> {
    CertificateParams::default()
        .serialize_request(key)
        .unwrap()
        .der()
        .to_vec()
}

fn agent(key: KeyPair, answer: &EnrolResponse) -> Agent {
    let chain = answer.chain.iter().cloned().map(CertificateDer::from).collect();
    Agent {
        key,
        id: answer.device_id.parse().unwrap(),
        chain,
    }
}

fn hello() -> Hello {
    Hello {
        protocol: PROTOCOL,
        protocol_oldest: PROTOCOL_OLDEST,
        agent_version: "1".into(),
        platform: "linux-x86_64".into(),
        stamp: Some(stamp()),
        ..Hello::default()
    }
}

/// A hello after acknowledgements in an epoch.
fn hello_again(epoch: u64, acknowledged: u64, token: &[u8]) -> Hello {
    Hello {
        epoch,
        acknowledged,
        enqueued: acknowledged,
        resume_token: token.to_vec(),
        ..hello()
    }
}

fn stamp() -> Stamp {
    Stamp {
        observed_at_ms: 1,
        boot_id: "b".into(),
        monotonic_ms: 1,
    }
}

fn software(key: &str) -> Item {
    let facet: Facet = v1::Software {
        name: key.into(),
        ..v1::Software::default()
    }
    .into();
    Item {
        section: Section::Software.into(),
        source: "dpkg".into(),
        key: key.into(),
        principal: String::new(),
        facet: facet.encode_to_vec().into(),
        local: Vec::new().into(),
    }
}

fn looked() -> SourceState {
    SourceState {
        section: Section::Software.into(),
        source: "dpkg".into(),
        look: Look::Looked.into(),
        reason: String::new(),
    }
}

/// Enough that a payload of them is shorter packed.
const SEVERAL: [&str; 6] = [
    "package-1",
    "package-2",
    "package-3",
    "package-4",
    "package-5",
    "package-6",
];

fn delta(keys: &[&str]) -> Payload {
    let put = keys.iter().map(|key| software(key)).collect();
    let delta = Delta {
        sources: vec![looked()],
        put,
        ..Delta::default()
    };
    Payload {
        stamp: Some(stamp()),
        body: Some(Body::Delta(delta)),
    }
}
