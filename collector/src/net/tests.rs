//! Real TLS over loopback against the listener, with the authority's own certificates.

use std::{net::SocketAddr, path::Path, pin::pin, sync::Arc, time::Duration};

use deskwarden_domain::model::Millis;
use deskwarden_proto::ids::DeviceId;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    entropy::OsEntropy,
    pki::{Pki, SigningRequest, device_of},
};

const DAY: Millis = 86_400_000;
/// Long for a machine under load; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(30);

/// The real time: TLS checks certificates against the system's clock.
fn now() -> Millis {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn authority(folder: &Path, at: Millis) -> Pki {
    Pki::open_or_create(folder, at, Arc::new(OsEntropy)).unwrap()
}

struct Server {
    _home: TempDir,
    pki: Pki,
    identity: Arc<ServerIdentity>,
    listener: TlsListener,
    cancel: CancellationToken,
}

async fn agents_port(limits: Limits) -> Server {
    let home = tempfile::tempdir().unwrap();
    // Old enough that it can have issued a certificate that is over by now.
    let pki = authority(&home.path().join("pki"), now() - 100 * DAY);
    let names = ["localhost".to_owned()];
    let identity = Arc::new(ServerIdentity::new(&pki.server_identity(&names, now()).unwrap()).unwrap());
    let config = agents_config(Arc::clone(&identity), pki.roots()).unwrap();
    let cancel = CancellationToken::new();
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = TlsListener::bind(address, config, limits, cancel.clone())
        .await
        .unwrap();
    Server {
        _home: home,
        pki,
        identity,
        listener,
        cancel,
    }
}

type Client = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn device(pki: &Pki, id: DeviceId, at: Millis) -> Client {
    let pair = rcgen::KeyPair::generate().unwrap();
    let csr = rcgen::CertificateParams::default()
        .serialize_request(&pair)
        .unwrap();
    let issued = pki
        .issue_device(&SigningRequest::check(csr.der()).unwrap(), id, at)
        .unwrap();
    (
        issued.chain,
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der())),
    )
}

fn client(pki: &Pki, own: Option<Client>, alpn: &[u8]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(pki.roots()[0].clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn connect(server: &Server, own: Option<Client>) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(server.listener.address()).await?;
    client(&server.pki, own, b"h2")
        .connect(ServerName::try_from("localhost").unwrap(), stream)
        .await
}

/// In TLS 1.3 the client learns of a refused certificate with its first read.
async fn refused(server: &Server, own: Client) {
    let outcome = async {
        let mut stream = connect(server, Some(own)).await?;
        stream.read_u8().await
    };
    tokio::time::timeout(PATIENCE, outcome)
        .await
        .unwrap()
        .unwrap_err();
    eventually(|| server.listener.counters().snapshot().handshake_failed == 1).await;
    assert_eq!(server.listener.counters().snapshot().served, 0);
}

async fn eventually(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("it never came to hold");
}

async fn next(server: &mut Server) -> Connection {
    let Ok(connection) = tokio::time::timeout(PATIENCE, server.listener.next())
        .await
        .unwrap()
        .unwrap();
    connection
}

/// Closed by the other side, whichever way.
async fn closed(mut stream: TcpStream) {
    let mut byte = [0];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut byte))
        .await
        .unwrap();
    assert!(matches!(read, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_device_is_known_by_its_certificate() {
    let mut server = agents_port(Limits::default()).await;
    let id = DeviceId::from_random([7; 16]);
    let mut stream = connect(&server, Some(device(&server.pki, id, now())))
        .await
        .unwrap();
    let mut connection = next(&mut server).await;
    assert_eq!(device_of(&connection.peer().chain).unwrap(), id);
    assert!(connection.peer().address.ip().is_loopback());
    stream.write_all(b"ping").await.unwrap();
    stream.flush().await.unwrap();
    let mut got = [0; 4];
    connection.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"ping");
}

#[tokio::test]
async fn a_client_without_certificate_is_let_in_with_an_empty_chain() {
    let mut server = agents_port(Limits::default()).await;
    let _stream = connect(&server, None).await.unwrap();
    assert!(next(&mut server).await.peer().chain.is_empty());
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let server = agents_port(Limits::default()).await;
    let home = tempfile::tempdir().unwrap();
    let other = authority(&home.path().join("pki"), now());
    refused(&server, device(&other, DeviceId::from_random([7; 16]), now())).await;
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let server = agents_port(Limits::default()).await;
    refused(
        &server,
        device(&server.pki, DeviceId::from_random([7; 16]), now() - 31 * DAY),
    )
    .await;
}

#[tokio::test]
async fn the_certificate_of_a_server_is_refused_as_a_devices() {
    let server = agents_port(Limits::default()).await;
    let own = server
        .pki
        .server_identity(&["localhost".to_owned()], now())
        .unwrap();
    refused(&server, (own.chain, own.key)).await;
}

#[tokio::test]
async fn tls_1_2_is_refused_for_agents() {
    let server = agents_port(Limits::default()).await;
    let mut roots = RootCertStore::empty();
    roots.add(server.pki.roots()[0].clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.listener.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    assert!(
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn the_cap_per_peer_closes_what_is_too_many() {
    let mut server = agents_port(Limits {
        per_peer: 2,
        ..Limits::default()
    })
    .await;
    let first = connect(&server, None).await.unwrap();
    let held = next(&mut server).await;
    let _second = connect(&server, None).await.unwrap();
    let _held = next(&mut server).await;
    closed(TcpStream::connect(server.listener.address()).await.unwrap()).await;
    assert_eq!(server.listener.counters().snapshot().over_peer, 1);
    drop((first, held));
    let _third = connect(&server, None).await.unwrap();
    drop(next(&mut server).await);
}

#[tokio::test]
async fn the_cap_in_all_closes_what_is_too_many() {
    let mut server = agents_port(Limits {
        connections: 1,
        ..Limits::default()
    })
    .await;
    let _first = connect(&server, None).await.unwrap();
    let _held = next(&mut server).await;
    closed(TcpStream::connect(server.listener.address()).await.unwrap()).await;
    assert_eq!(server.listener.counters().snapshot().over_total, 1);
}

#[tokio::test]
async fn a_peer_that_never_starts_its_handshake_is_dropped() {
    let server = agents_port(Limits {
        handshake: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    closed(TcpStream::connect(server.listener.address()).await.unwrap()).await;
    eventually(|| server.listener.counters().snapshot().handshake_timed_out == 1).await;
}

#[tokio::test]
async fn a_peer_that_says_nothing_after_its_handshake_is_dropped() {
    let mut server = agents_port(Limits {
        handshake: Duration::from_millis(200),
        ..Limits::default()
    })
    .await;
    let _stream = connect(&server, None).await.unwrap();
    let mut connection = next(&mut server).await;
    let error = tokio::time::timeout(PATIENCE, connection.read_u8())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn a_peer_that_sends_bytes_and_calls_nothing_is_dropped() {
    let mut server = agents_port(Limits {
        handshake: Duration::from_millis(200),
        ..Limits::default()
    })
    .await;
    let mut slow = connect(&server, None).await.unwrap();
    let mut dropped = next(&mut server).await;
    slow.write_all(b"PRI * HTTP/2").await.unwrap();
    slow.flush().await.unwrap();
    let ended = async {
        let mut bytes = [0; 64];
        loop {
            if let Err(error) = dropped.read(&mut bytes).await {
                return error;
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, ended).await.unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    // One with a call under way stays.
    let _busy = connect(&server, None).await.unwrap();
    let mut kept = next(&mut server).await;
    let call = kept.peer().activity.begin();
    let quiet = tokio::time::timeout(Duration::from_millis(600), kept.read_u8()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    drop(call);
}

#[tokio::test]
async fn what_is_no_tls_is_refused() {
    let server = agents_port(Limits::default()).await;
    let mut stream = TcpStream::connect(server.listener.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    eventually(|| server.listener.counters().snapshot().handshake_failed == 1).await;
}

#[tokio::test]
async fn a_replaced_certificate_serves_the_next_handshake() {
    let mut server = agents_port(Limits::default()).await;
    let leaf = |stream: &TlsStream<TcpStream>| stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    let before = connect(&server, None).await.unwrap();
    let _held = next(&mut server).await;
    let next_identity = server
        .pki
        .server_identity(&["localhost".to_owned()], now())
        .unwrap();
    server.identity.replace(&next_identity).unwrap();
    let after = connect(&server, None).await.unwrap();
    assert_ne!(leaf(&before), leaf(&after));
    assert_eq!(leaf(&after), next_identity.chain[0]);
}

#[tokio::test]
async fn cancelling_closes_the_port_and_ends_the_stream() {
    let mut server = agents_port(Limits::default()).await;
    server.cancel.cancel();
    assert!(
        tokio::time::timeout(PATIENCE, server.listener.next())
            .await
            .unwrap()
            .is_none()
    );
    assert!(TcpStream::connect(server.listener.address()).await.is_err());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let server = agents_port(Limits::default()).await;
    let config = agents_config(Arc::clone(&server.identity), server.pki.roots()).unwrap();
    let address = server.listener.address();
    let error = TlsListener::bind(address, config, Limits::default(), CancellationToken::new())
        .await
        .unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn the_dashboards_port_asks_for_no_certificate_and_feeds_axum() {
    let home = tempfile::tempdir().unwrap();
    let pki = authority(&home.path().join("pki"), now());
    let identity = pki.issue_dashboard(&["localhost".to_owned()], now()).unwrap();
    let config = dashboard_config(Arc::new(ServerIdentity::new(&identity).unwrap())).unwrap();
    let cancel = CancellationToken::new();
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut listener = TlsListener::bind(address, config, Limits::default(), cancel)
        .await
        .unwrap();
    let port = listener.address();
    let own = device(&pki, DeviceId::from_random([7; 16]), now());
    let connector = client(&pki, Some(own), b"http/1.1");
    let mut accepting = pin!(axum::serve::Listener::accept(&mut listener));
    let connecting = async {
        let stream = TcpStream::connect(port).await.unwrap();
        connector
            .connect(ServerName::try_from("localhost").unwrap(), stream)
            .await
            .unwrap()
    };
    let (_stream, (connection, peer)) = tokio::join!(connecting, &mut accepting);
    assert!(connection.peer().chain.is_empty() && peer.ip().is_loopback());
}
