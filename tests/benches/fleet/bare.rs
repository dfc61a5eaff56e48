//! What the handshake alone costs: a process that accepts connections with mutual TLS, by rustls and nothing else, and
//! keeps them.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context as _, Result};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream};

use super::echo::Echo;

/// First argument of the process that accepts; a folder with its certificates follows.
pub(crate) const SERVE: &str = "--serve-bare";

/// Accepts until it is killed.
#[expect(clippy::print_stdout, reason = "the port is told on standard output")]
pub(crate) fn serve(folder: &Path) -> Result<()> {
    let read = |name: &str| fs::read(folder.join(name));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&read("root")?)?)?;
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let leaf = CertificateDer::from_pem_slice(&read("leaf")?)?;
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![leaf], PrivateKeyDer::from_pem_slice(&read("key")?)?)?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept().await?;
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(_kept) = acceptor.accept(stream).await else {
                    return;
                };
                std::future::pending::<()>().await;
            });
        }
    })
}

/// One handshake with it.
pub(crate) async fn connect(server: &Echo) -> Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).await?;
    let name = ServerName::try_from("localhost").context("a name")?;
    let connector = TlsConnector::from(Arc::clone(&server.client));
    Ok(connector.connect(name, stream).await?)
}
