//! A connection that is cut in the middle: passes bytes on to a real port until as many came back as a test
//! wants, then holds everything still.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::wait::PATIENCE;

/// Passes the bytes of one direction on, up to a limit.
const NEVER: usize = usize::MAX;

/// Which direction is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What the agent says.
    There,
    /// What the collector answers.
    Back,
}

/// A port that leads to another one and can be cut.
#[derive(Debug)]
pub struct Cut {
    address: SocketAddr,
    reached: mpsc::Receiver<()>,
    passed: [Arc<AtomicUsize>; 2],
}

impl Cut {
    /// Leads to `port` on this machine. After `after` bytes in one direction nothing passes any more.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn start(port: SocketAddr, direction: Direction, after: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (tell, reached) = mpsc::channel();
        let passed: [Arc<AtomicUsize>; 2] = Default::default();
        let counts = passed.clone();
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(port) else { return };
                let limits = match direction {
                    Direction::There => [after, NEVER],
                    Direction::Back => [NEVER, after],
                };
                let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else {
                    return;
                };
                let [there, back] = counts.clone();
                pass(near, far, limits[0], there, tell.clone());
                pass(far_too, near_too, limits[1], back, tell.clone());
            }
        });
        Ok(Self {
            address,
            reached,
            passed,
        })
    }

    /// The address that leads there, as an agent is told.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Waits until the connection was cut.
    ///
    /// # Errors
    /// When it was not.
    pub fn was_reached(&self, patience: Duration) -> Result<()> {
        self.reached
            .recv_timeout(patience.min(PATIENCE))
            .context("the connection was not cut")
    }

    /// Bytes that passed in one direction.
    pub fn passed(&self, direction: Direction) -> usize {
        let [there, back] = &self.passed;
        match direction {
            Direction::There => there.load(Ordering::SeqCst),
            Direction::Back => back.load(Ordering::SeqCst),
        }
    }
}

fn pass(
    mut from: TcpStream,
    mut to: TcpStream,
    limit: usize,
    count: Arc<AtomicUsize>,
    tell: mpsc::Sender<()>,
) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        let mut passed = 0;
        loop {
            let room = limit.saturating_sub(passed).min(buffer.len());
            if room == 0 {
                // Nobody may be waiting any more.
                tell.send(()).ok();
                // Both ends stay open and silent until the agent is gone.
                while matches!(from.read(&mut buffer), Ok(1..)) {}
                break;
            }
            match from.read(&mut buffer[..room]) {
                Ok(read @ 1..) => {
                    if to.write_all(&buffer[..read]).is_err() {
                        break;
                    }
                    passed += read;
                    count.fetch_add(read, Ordering::SeqCst);
                }
                _ => break,
            }
        }
        to.shutdown(Shutdown::Both).ok();
    });
}
