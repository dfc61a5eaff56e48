//! One connection whose handshake is done: a byte stream that knows its peer and its place under the caps.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use rustls_pki_types::CertificateDer;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::caps::Place;

/// How long a connection may stay open without a call under way. A session is a call.
const UNUSED: Duration = Duration::from_secs(300);

/// What is going on on a connection: whoever serves it says when a call begins and ends.
#[derive(Clone, Debug, Default)]
pub struct Activity(Arc<Calls>);

#[derive(Debug, Default)]
struct Calls {
    under_way: AtomicUsize,
    begun: AtomicU64,
}

/// A call under way; it ends when this is dropped.
#[derive(Debug)]
pub struct Call(Arc<Calls>);

impl Activity {
    /// A call begins.
    pub fn begin(&self) -> Call {
        self.0.under_way.fetch_add(1, Ordering::Relaxed);
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        Call(Arc::clone(&self.0))
    }

    /// Whether nothing is under way and nothing began since `begun` calls had; and how many did.
    fn unused_since(&self, begun: u64) -> (bool, u64) {
        let now = self.0.begun.load(Ordering::Relaxed);
        (now == begun && self.0.under_way.load(Ordering::Relaxed) == 0, now)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Address that it comes from.
    pub address: SocketAddr,
    /// Its verified certificate chain, leaf first; empty without a client certificate.
    pub chain: Arc<[CertificateDer<'static>]>,
    /// What is going on.
    pub activity: Activity,
}

/// A connection that is ready for HTTP.
#[derive(Debug)]
pub struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    /// Ends a connection that says nothing after its handshake, or on which nothing is called.
    watch: Watch,
    _place: Place,
}

impl Connection {
    pub(super) fn new(
        stream: TlsStream<TcpStream>,
        address: SocketAddr,
        silence: Duration,
        place: Place,
    ) -> Self {
        let chain = stream
            .get_ref()
            .1
            .peer_certificates()
            .map(Arc::from)
            .unwrap_or_default();
        let peer = Peer {
            address,
            chain,
            activity: Activity::default(),
        };
        Self {
            stream,
            peer,
            watch: Watch {
                next: Some(Box::pin(sleep(silence))),
                begun: 0,
                calls: false,
            },
            _place: place,
        }
    }

    /// Ends the connection when no call is made on it in the time of a handshake, or later for a long time.
    #[must_use]
    pub fn only_for_calls(mut self) -> Self {
        self.watch.calls = true;
        self
    }

    /// Who is at the other end.
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        if let Poll::Ready(why) = this.watch.poll(&this.peer.activity, polled.is_pending(), cx) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
        }
        if buf.filled().len() > before {
            this.watch.heard();
        }
        polled
    }
}

#[derive(Debug)]
struct Watch {
    next: Option<Pin<Box<Sleep>>>,
    /// Calls begun when it was looked last.
    begun: u64,
    /// Whether only calls count, and not bytes: a peer that sends a byte now and then says nothing either.
    calls: bool,
}

impl Watch {
    /// Bytes came: that is enough where nobody says when a call begins.
    fn heard(&mut self) {
        if !self.calls {
            self.next = None;
        }
    }

    /// Ready with the reason when it is time to end the connection.
    fn poll(&mut self, activity: &Activity, pending: bool, cx: &mut Context<'_>) -> Poll<&'static str> {
        let Some(next) = self.next.as_mut() else {
            return Poll::Pending;
        };
        if !self.calls {
            if !pending {
                return Poll::Pending;
            }
            ready!(next.as_mut().poll(cx));
            return Poll::Ready("the peer said nothing after its handshake");
        }
        while next.as_mut().poll(cx).is_ready() {
            let (unused, begun) = activity.unused_since(self.begun);
            if unused {
                return Poll::Ready("the peer called nothing");
            }
            self.begun = begun;
            next.as_mut().reset(Instant::now() + UNUSED);
        }
        Poll::Pending
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
