//! A network line that breaks: it carries connections to the collector and cuts each after some bytes, wherever that is:
//! in a handshake, in a frame, before an acknowledgement arrives. Or it goes silent: what it carried stays open, and
//! nothing comes through any more. TLS keeps what was carried in order and once, so a
//! cut is all that a network can do to a report.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Handle,
    task::JoinHandle,
};

/// A listening end. It closes when this is dropped.
#[derive(Debug)]
pub struct Line {
    address: SocketAddr,
    cuts: Arc<AtomicU64>,
    /// How often it went silent: connections of an earlier time carry nothing.
    silences: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Line {
    /// Carries to `collector` on a port of its own. Each connection lives for a seeded number of bytes below
    /// `longest`.
    ///
    /// # Errors
    /// When there is no port.
    pub fn open(runtime: &Handle, collector: SocketAddr, seed: u64, longest: usize) -> Result<Self> {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let cuts = Arc::<AtomicU64>::default();
        let rng = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
        let silences = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&cuts);
        let silent = Arc::clone(&silences);
        let task = runtime.spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let life = rng
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .usize(0..longest);
                let (counted, silent) = (Arc::clone(&counted), Arc::clone(&silent));
                tokio::spawn(async move {
                    if let Ok(far) = TcpStream::connect(collector).await
                        && carry(near, far, life, &silent).await
                    {
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        Ok(Self {
            address,
            cuts,
            silences,
            task,
        })
    }

    /// Where agents connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that it carries now stays open for ever, and no byte comes through: neither side is told. Later
    /// connections are carried.
    pub fn go_silent(&self) {
        self.silences.fetch_add(1, Ordering::SeqCst);
    }

    /// Connections that were cut.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether the connection was cut, and did not end by itself.
async fn carry(mut near: TcpStream, mut far: TcpStream, mut left: usize, silences: &AtomicU64) -> bool {
    let began = silences.load(Ordering::SeqCst);
    let (mut up, mut down) = (vec![0; 4 << 10], vec![0; 4 << 10]);
    while left > 0 {
        let (read, upwards) = tokio::select! {
            read = near.read(&mut up) => (read, true),
            read = far.read(&mut down) => (read, false),
        };
        if silences.load(Ordering::SeqCst) != began {
            // What is sent is taken by the system until its buffers are full, as on a line into nowhere.
            return std::future::pending().await;
        }
        let done = match upwards {
            true => pass(read, &up, &mut far, &mut left).await,
            false => pass(read, &down, &mut near, &mut left).await,
        };
        if done.is_err() {
            return false;
        }
    }
    true
}

async fn pass(
    read: std::io::Result<usize>,
    bytes: &[u8],
    to: &mut TcpStream,
    left: &mut usize,
) -> std::io::Result<()> {
    let length = match read? {
        0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
        length => length.min(*left),
    };
    *left -= length;
    to.write_all(bytes.get(..length).unwrap_or_default()).await
}
