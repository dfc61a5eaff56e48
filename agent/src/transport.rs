//! One HTTP/2 connection to a collector over TLS. No pool, no reconnect: a session owns its connection
//! and decides when to make the next.

use std::{
    error::Error as StdError,
    future::poll_fn,
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::{
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{AlertDescription, ClientConfig};
use socket2::{SockRef, TcpKeepalive};
use tokio::{io::AsyncBufRead, net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::body::Body;
use tower_service::Service;

use crate::{endpoint::Endpoint, web_proxy};

/// How long each step of connecting may take.
const STEP: Duration = Duration::from_secs(15);
/// The kernel asks a silent peer after this; no process wakes for it.
const KEEPALIVE: Duration = Duration::from_secs(120);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers there.
    #[error("cannot reach {endpoint}: {source}; check the address and the network")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The proxy on the way does not answer.
    #[error("cannot reach the web proxy {proxy}: {source}; check the setting proxy, and the network")]
    ProxyUnreachable {
        /// Where.
        proxy: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The proxy on the way lets nobody through.
    #[error("no way to {endpoint} through the web proxy {proxy}: {source}")]
    ProxyRefused {
        /// Where to.
        endpoint: String,
        /// Which proxy.
        proxy: String,
        /// Why not.
        #[source]
        source: web_proxy::Refused,
    },
    /// A step took too long.
    #[error("{endpoint} did not answer in time while {step}")]
    TimedOut {
        /// Where.
        endpoint: String,
        /// Doing what.
        step: &'static str,
    },
    /// One of the two does not believe the other.
    #[error("no trusted connection to {endpoint}: {source}")]
    Tls {
        /// Where.
        endpoint: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is not HTTP/2.
    #[error("{endpoint} does not speak the agents' protocol: {source}")]
    Http {
        /// Where.
        endpoint: String,
        /// Why not.
        #[source]
        source: hyper::Error,
    },
}

/// A connection; clones share it. It ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Channel {
    requests: SendRequest<Body>,
    origin: http::Uri,
    local: Option<IpAddr>,
}

impl Channel {
    /// Address of this PC that the connection began at.
    pub fn local(&self) -> Option<IpAddr> {
        self.local
    }

    /// Scheme and authority of the requests.
    pub fn origin(&self) -> http::Uri {
        self.origin.clone()
    }
}

impl Service<http::Request<Body>> for Channel {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.requests.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.requests.send_request(request))
    }
}

/// Connects, shakes hands, hears the collector's first word, and leaves the connection to a task of its own.
pub async fn connect(endpoint: &Endpoint, tls: &Arc<ClientConfig>) -> Result<Channel, Error> {
    let place = endpoint.to_string();
    let timed_out = |step| Error::TimedOut {
        endpoint: endpoint.to_string(),
        step,
    };
    let stream = timeout(STEP, reach(endpoint))
        .await
        .map_err(|_| timed_out("connecting"))??;
    let local = stream.local_addr().ok().map(|address| address.ip());
    let connector = TlsConnector::from(Arc::clone(tls));
    let tls_error = |source| Error::Tls {
        endpoint: place.clone(),
        source,
    };
    let mut stream = timeout(STEP, connector.connect(endpoint.server_name(), stream))
        .await
        .map_err(|_| timed_out("shaking hands"))?
        .map_err(tls_error)?;
    timeout(STEP, first_word(&mut stream))
        .await
        .map_err(|_| timed_out("taking the certificate"))?
        .map_err(tls_error)?;
    let http = |source| Error::Http {
        endpoint: place.clone(),
        source,
    };
    let (requests, connection) = timeout(
        STEP,
        Builder::new(TokioExecutor::new())
            .initial_stream_window_size(64 << 10)
            .initial_connection_window_size(128 << 10)
            .max_send_buf_size(64 << 10)
            .handshake(TokioIo::new(stream)),
    )
    .await
    .map_err(|_| timed_out("opening the session"))?
    .map_err(http)?;
    // It ends with the last clone of the channel; what it ends with is also what a request gets.
    drop(tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection ended");
        }
    }));
    Ok(Channel {
        requests,
        origin: place.parse().unwrap_or_default(),
        local,
    })
}

/// A connection that leads to the collector: straight, or through the proxy on the way.
async fn reach(endpoint: &Endpoint) -> Result<TcpStream, Error> {
    let Some(proxy) = endpoint.via() else {
        return TcpStream::connect((endpoint.host(), endpoint.port()))
            .await
            .and_then(prepare)
            .map_err(|source| Error::Unreachable {
                endpoint: endpoint.to_string(),
                source,
            });
    };
    let mut stream = TcpStream::connect(proxy.address())
        .await
        .and_then(prepare)
        .map_err(|source| Error::ProxyUnreachable {
            proxy: proxy.to_string(),
            source,
        })?;
    proxy
        .ask(&mut stream, endpoint.host(), endpoint.port())
        .await
        .map_err(|source| Error::ProxyRefused {
            endpoint: endpoint.to_string(),
            proxy: proxy.to_string(),
            source,
        })?;
    Ok(stream)
}

/// Waits for the collector's first bytes and leaves them unread. A TLS 1.3 client is done with its handshake before
/// its certificate was looked at: a refusal is an alert in the place of these bytes. It has to be read before
/// anything is written, because a write to a connection that the other end has closed may discard it. An HTTP/2
/// server speaks first (its SETTINGS), without waiting for the client.
async fn first_word(stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
    let ended = poll_fn(|cx| match Pin::new(&mut *stream).poll_fill_buf(cx) {
        Poll::Ready(bytes) => Poll::Ready(bytes.map(<[u8]>::is_empty)),
        Poll::Pending => Poll::Pending,
    });
    if ended.await? {
        let why = "it closed the connection without a word";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
    }
    Ok(())
}

/// The TLS alert with which the peer refused, anywhere in the chain of causes.
pub fn alert(error: &(dyn StdError + 'static)) -> Option<AlertDescription> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &(dyn StdError + 'static));
        for candidate in [Some(error), inner].into_iter().flatten() {
            if let Some(rustls::Error::AlertReceived(alert)) = candidate.downcast_ref::<rustls::Error>() {
                return Some(*alert);
            }
        }
        next = inner.or_else(|| error.source());
    }
    None
}

fn prepare(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE / 6);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}
