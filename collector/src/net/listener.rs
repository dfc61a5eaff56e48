//! The accept loop: caps before the handshake, a time limit on it, finished connections handed on. Slow
//! peers cost a task each, never the loop.

use std::{
    convert::Infallible,
    future::pending,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use rustls::ServerConfig;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    caps::{Caps, Counted, Counters, Place},
    connection::Connection,
};

/// Finished handshakes that wait for the HTTP server.
const HANDED_ON: usize = 128;
/// Connections that the system keeps until they are accepted, or as many as it allows. One that finds no room is made
/// again by its peer seconds later, and who is polite waits behind who is not.
const BACKLOG: i32 = 4096;
/// Pause after the system could not accept, as with no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Bounds of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at a time, handshakes included.
    pub connections: usize,
    /// Most of one peer: an IPv4 address or an IPv6 /64. An office behind one address counts as one peer.
    pub per_peer: usize,
    /// Longest handshake, and longest silence after it.
    pub handshake: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            per_peer: 4_000,
            handshake: Duration::from_secs(10),
        }
    }
}

/// The port cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}; is another program using the port?")]
pub struct NetError {
    /// Where.
    pub address: SocketAddr,
    /// The system's reason.
    #[source]
    pub source: io::Error,
}

/// A bound port that yields connections whose handshake is done. As a `Stream` it ends when cancelled; as
/// axum's `Listener` it then waits for ever.
#[derive(Debug)]
pub struct TlsListener {
    ready: mpsc::Receiver<Connection>,
    address: SocketAddr,
    counters: Arc<Counters>,
}

impl TlsListener {
    /// Binds `address` (port 0: any) and accepts until `cancel`.
    pub async fn bind(
        address: SocketAddr,
        tls: Arc<ServerConfig>,
        limits: Limits,
        cancel: CancellationToken,
    ) -> Result<Self, NetError> {
        let failed = |source| NetError { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        // The library listens with a queue that a few hundred agents fill.
        SockRef::from(&socket).listen(BACKLOG).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let counters = Arc::<Counters>::default();
        let (sender, ready) = mpsc::channel(HANDED_ON);
        let door = Door {
            acceptor: TlsAcceptor::from(tls),
            caps: Caps::new(limits.connections, limits.per_peer),
            counters: Arc::clone(&counters),
            handshake: limits.handshake,
            sender,
            cancel,
        };
        tokio::spawn(door.accept(socket));
        Ok(Self {
            ready,
            address,
            counters,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was let in or not so far.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }
}

impl Stream for TlsListener {
    type Item = Result<Connection, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // What is served as a stream says when a call begins.
        self.ready
            .poll_recv(cx)
            .map(|next| next.map(|connection| Ok(connection.only_for_calls())))
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        match self.ready.recv().await {
            Some(connection) => {
                let address = connection.peer().address;
                (connection, address)
            }
            None => pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// What a handshake needs.
#[derive(Clone)]
struct Door {
    acceptor: TlsAcceptor,
    caps: Caps,
    counters: Arc<Counters>,
    handshake: Duration,
    sender: mpsc::Sender<Connection>,
    cancel: CancellationToken,
}

impl Door {
    async fn accept(self, socket: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.cancel.cancelled() => return,
                () = self.sender.closed() => return,
                accepted = socket.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) if of_one_connection(&error) => continue,
                Err(error) => {
                    warn!(%error, "cannot accept connections for a moment");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            self.counters.count(Counted::Accepted);
            match self.caps.take(address.ip()) {
                Ok(place) => {
                    tokio::spawn(self.clone().admit(stream, address, place));
                }
                // Dropping the stream closes it; the peer comes back with its own delay.
                Err(why) => self.counters.count(why),
            }
        }
    }

    async fn admit(self, stream: TcpStream, address: SocketAddr, place: Place) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%address, %error, "the peer was gone at once");
            return;
        }
        let handshake = timeout(self.handshake, self.acceptor.accept(stream));
        let finished = tokio::select! {
            () = self.cancel.cancelled() => return,
            finished = handshake => finished,
        };
        match finished {
            Ok(Ok(stream)) => {
                self.counters.count(Counted::Served);
                let connection = Connection::new(stream, address, self.handshake, place);
                // Nobody is left to serve it while the collector shuts down.
                self.sender.send(connection).await.ok();
            }
            Ok(Err(error)) => {
                self.counters.count(Counted::HandshakeFailed);
                debug!(%address, %error, "handshake failed");
            }
            Err(_) => {
                self.counters.count(Counted::HandshakeTimedOut);
                debug!(%address, "handshake took too long");
            }
        }
    }
}

/// Whether the fault is of the connection that was about to be accepted, not of the port.
fn of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
