//! What the library alone costs: a service of tonic with mutual TLS that answers every frame and does nothing else.
//! In a process of its own, so that its CPU can be told from the client's.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use deskwarden_proto::v1::{
    AgentFrame, CollectorFrame, Directive, PackageChunk, PackageRequest,
    collector_frame::Frame,
    session_server::{Session, SessionServer},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Certificate, Identity, Server, ServerTlsConfig},
};

/// First argument of the process that serves; a folder with its certificates follows.
pub(crate) const SERVE: &str = "--serve-echo";

/// A running echo.
pub(crate) struct Echo {
    child: Child,
    pub(crate) port: u16,
    pub(crate) client: Arc<ClientConfig>,
}

impl Echo {
    /// Makes certificates and starts the process that serves what the argument says.
    pub(crate) fn start(serve: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        let leaf = leaf.signed_by(&key, &issuer)?;
        fs::write(folder.path().join("root"), root.pem())?;
        fs::write(folder.path().join("leaf"), leaf.pem())?;
        fs::write(folder.path().join("key"), key.serialize_pem())?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg(serve)
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![leaf.der().clone()], key)?;
        client.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self {
            child,
            port: line.trim().parse().context("the echo told no port")?,
            client: Arc::new(client),
        })
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Serves until it is killed.
#[expect(clippy::print_stdout, reason = "the port is told on standard output")]
pub(crate) fn serve(folder: &Path) -> Result<()> {
    let read = |name: &str| fs::read(folder.join(name));
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(read("leaf")?, read("key")?))
        .client_ca_root(Certificate::from_pem(read("root")?));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        Server::builder()
            .tls_config(tls)?
            .add_service(SessionServer::new(Answers))
            .serve_with_incoming(TcpListenerStream::new(listener))
            .await?;
        Ok(())
    })
}

struct Answers;

#[tonic::async_trait]
impl Session for Answers {
    type RunStream = ReceiverStream<Result<CollectorFrame, Status>>;
    type PackageStream = ReceiverStream<Result<PackageChunk, Status>>;

    async fn package(&self, _: Request<PackageRequest>) -> Result<Response<Self::PackageStream>, Status> {
        Err(Status::not_found("an echo has no packages"))
    }

    async fn run(
        &self,
        request: Request<Streaming<AgentFrame>>,
    ) -> Result<Response<Self::RunStream>, Status> {
        let mut frames = request.into_inner();
        let (answers, stream) = mpsc::channel(64);
        tokio::spawn(async move {
            while let Ok(Some(_)) = frames.message().await {
                let frame = Some(Frame::Directive(Directive::default()));
                if answers.send(Ok(CollectorFrame { frame })).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}
