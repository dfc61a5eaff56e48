//! Thousands of connections that say nothing, from several addresses of this machine.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
};

use anyhow::Result;
use rustix::{
    net::{AddressFamily, SocketType, bind, connect, socket},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

/// Connections that stay half open.
pub const CROWD: u16 = 5_000;
/// Addresses that they come from: the cap of one address must not be what saves the day.
const ADDRESSES: u16 = 5;
/// Files that both sides and the rest need.
const FILES: u64 = 12_000;

/// They stay as long as this value.
#[derive(Debug)]
pub struct Crowd {
    _connections: Vec<TcpStream>,
}

impl Crowd {
    /// Whether this process may hold so many; what it starts afterwards may, too.
    pub fn is_possible() -> bool {
        let limit = getrlimit(Resource::Nofile);
        if limit.maximum.is_some_and(|most| most < FILES) {
            return false;
        }
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).is_ok()
    }

    /// Connections that a process holds: those that the kernel made for it and that it took.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn held_by(process: u32) -> Result<usize> {
        let mut sockets = 0;
        for entry in fs::read_dir(format!("/proc/{process}/fd"))? {
            // A descriptor may be gone by the time that it is asked.
            let Ok(target) = fs::read_link(entry?.path()) else {
                continue;
            };
            sockets += usize::from(target.to_string_lossy().starts_with("socket:"));
        }
        Ok(sockets)
    }

    /// Connects them.
    ///
    /// # Panics
    /// When one cannot be made.
    pub fn around(to: SocketAddr) -> Self {
        let connections = (0..CROWD).map(|number| {
            let address = u8::try_from(2 + number % ADDRESSES).unwrap_or(2);
            let made = from(address, to);
            assert!(made.is_ok(), "connection {number}: {made:?}");
            made
        });
        Self {
            _connections: connections.flatten().collect(),
        }
    }
}

/// A connection from another address of this machine.
fn from(number: u8, to: SocketAddr) -> rustix::io::Result<TcpStream> {
    let made = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&made, &SocketAddr::from((Ipv4Addr::new(127, 0, 0, number), 0)))?;
    connect(&made, &to)?;
    Ok(TcpStream::from(made))
}
