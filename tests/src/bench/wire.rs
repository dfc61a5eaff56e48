//! Bytes on the wire, counted by a relay between an agent and a collector: every burst with its time and direction.
//! The relay sees ciphertext only, so that what it counts is what a network would carry above TCP.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use crate::wait::PATIENCE;

/// Silence after which a conversation is over.
const SILENCE: Duration = Duration::from_secs(3);

/// Who sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Agent to collector.
    Up,
    /// Collector to agent.
    Down,
}

/// One read of the relay.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    /// Which connection, counted from 0.
    pub connection: usize,
    /// Who sent.
    pub direction: Direction,
    /// When.
    pub at: Instant,
    /// How much.
    pub bytes: usize,
}

/// A relay that counts.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    bursts: Arc<Mutex<Vec<Burst>>>,
}

impl Wire {
    /// Relays to an address of this machine. Ends with the process.
    ///
    /// # Errors
    /// When no port can be opened.
    pub fn to(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let bursts = Arc::new(Mutex::new(Vec::new()));
        let counted = Arc::clone(&bursts);
        thread::spawn(move || {
            for (connection, agent) in listener.incoming().map_while(Result::ok).enumerate() {
                let Ok(collector) = TcpStream::connect(target) else {
                    continue;
                };
                let relays = [
                    (agent.try_clone(), collector.try_clone(), Direction::Up),
                    (collector.try_clone(), agent.try_clone(), Direction::Down),
                ];
                for (from, to, direction) in relays {
                    if let (Ok(from), Ok(to)) = (from, to) {
                        let counted = Arc::clone(&counted);
                        thread::spawn(move || relay(from, to, connection, direction, &counted));
                    }
                }
            }
        });
        Ok(Self { address, bursts })
    }

    /// Where agents connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything so far.
    pub fn bursts(&self) -> Vec<Burst> {
        lock(&self.bursts).clone()
    }

    /// Waits until nobody has said anything for a while; the bursts since there were `before`.
    ///
    /// # Errors
    /// When they do not stop, or nothing is said at all.
    pub fn settled(&self, before: usize) -> Result<Vec<Burst>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let bursts = self.bursts();
            let last = bursts
                .last()
                .filter(|_| bursts.len() > before)
                .map(|burst| burst.at);
            if last.is_some_and(|last| last.elapsed() > SILENCE) {
                return Ok(bursts.get(before..).unwrap_or_default().to_vec());
            }
            ensure!(Instant::now() < deadline, "the wire did not fall silent");
            thread::sleep(SILENCE / 10);
        }
    }
}

/// Sum of what was sent in a direction.
pub fn sum(bursts: &[Burst], direction: Direction) -> f64 {
    let matching = bursts.iter().filter(|burst| burst.direction == direction);
    matching.map(|burst| burst.bytes as f64).sum()
}

fn relay(
    mut from: TcpStream,
    mut to: TcpStream,
    connection: usize,
    direction: Direction,
    bursts: &Mutex<Vec<Burst>>,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(bytes @ 1..) = from.read(&mut buffer) {
        lock(bursts).push(Burst {
            connection,
            direction,
            at: Instant::now(),
            bytes,
        });
        if to.write_all(buffer.get(..bytes).unwrap_or_default()).is_err() {
            break;
        }
    }
    // The other side may have ended already.
    to.shutdown(Shutdown::Write).ok();
}

fn lock(bursts: &Mutex<Vec<Burst>>) -> MutexGuard<'_, Vec<Burst>> {
    bursts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_are_counted_apart() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Wire::to(server.local_addr().unwrap()).unwrap();
        let mut client = TcpStream::connect(wire.address()).unwrap();
        client.write_all(b"hello").unwrap();
        let (mut served, _) = server.accept().unwrap();
        let mut heard = [0; 5];
        served.read_exact(&mut heard).unwrap();
        served.write_all(b"hi").unwrap();
        let mut answer = [0; 2];
        client.read_exact(&mut answer).unwrap();
        let bursts = wire.bursts();
        assert_eq!(
            (sum(&bursts, Direction::Up), sum(&bursts, Direction::Down)),
            (5.0, 2.0)
        );
    }
}
