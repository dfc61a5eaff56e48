//! What the kernel tells about network and devices while it happens: netlink multicast, folded into few
//! kinds. Reads no state and starts no thread; the caller blocks in the iterator, and a stopper ends it.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use deskwarden_parse::rtnetlink::{self as rt, kind};
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, eventfd, poll},
    io::{Errno, retry_on_intr},
    net::SocketFlags,
};

use deskwarden_parse::uevent::subsystem;

use super::rtnl::Socket;
use crate::{KernelEvent, Unavailable};

/// Links, neighbours, IPv4 addresses and routes, IPv6 addresses and routes.
const GROUPS: u32 = 0x1 | 0x4 | 0x10 | 0x40 | 0x100 | 0x400;
/// Kinds of devices whose coming and going matters.
const SUBSYSTEMS: [&[u8]; 8] = [
    b"block", b"drm", b"memory", b"mmc", b"net", b"nvme", b"pci", b"usb",
];
/// Neighbours that are remembered; a full memory starts anew and tells each once more.
const MAX_NEIGHBOURS: usize = 4_096;

/// Blocking iterator over what changed: one batch per wake-up, each kind once. Ends after a stop.
pub struct KernelEvents {
    socket: Socket,
    /// Missing where the kernel does not tell of devices.
    devices: Option<Socket>,
    waker: Arc<OwnedFd>,
    neighbours: HashMap<(u32, IpAddr), Vec<u8>>,
    broken: bool,
}

/// Ends the iterator that it came from, from any thread.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<OwnedFd>);

impl Stopper {
    /// The iterator returns `None` from now on, also when it is waiting.
    pub fn stop(&self) {
        // A full counter means that it was stopped already.
        rustix::io::write(&self.0, &1u64.to_ne_bytes()).ok();
    }
}

/// Listens to the kernel's events of the own network namespace, and to those of devices.
pub fn kernel_events() -> Result<KernelEvents, Unavailable> {
    let waker = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
        .map_err(|errno| Unavailable::Failed(format!("eventfd: {}", std::io::Error::from(errno))))?;
    Ok(KernelEvents {
        socket: Socket::open(GROUPS, SocketFlags::NONBLOCK)?,
        devices: Socket::open_devices(SocketFlags::NONBLOCK).ok(),
        waker: Arc::new(waker),
        neighbours: HashMap::new(),
        broken: false,
    })
}

impl KernelEvents {
    /// A handle that ends the iteration.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.waker))
    }

    fn drain(&mut self) -> Result<BTreeSet<KernelEvent>, Errno> {
        let mut found = BTreeSet::new();
        if self.drain_devices() {
            found.insert(KernelEvent::Device);
        }
        loop {
            let datagram = match self.socket.receive() {
                Ok(datagram) => datagram,
                Err(Errno::AGAIN) => return Ok(found),
                Err(Errno::NOBUFS | Errno::MSGSIZE) => {
                    // The kernel dropped some: anything may have changed.
                    found.extend([KernelEvent::Link, KernelEvent::Address, KernelEvent::Route]);
                    found.insert(KernelEvent::Neighbour);
                    continue;
                }
                Err(errno) => return Err(errno),
            };
            for message in rt::messages(datagram) {
                match message.kind {
                    kind::NEW_LINK | kind::DEL_LINK => found.insert(KernelEvent::Link),
                    kind::NEW_ADDRESS | kind::DEL_ADDRESS => found.insert(KernelEvent::Address),
                    kind::NEW_ROUTE | kind::DEL_ROUTE => found.insert(KernelEvent::Route),
                    kind::NEW_NEIGHBOUR => {
                        learn(&mut self.neighbours, message.payload) && found.insert(KernelEvent::Neighbour)
                    }
                    _ => false,
                };
            }
        }
    }
}

impl KernelEvents {
    /// Whether a device of interest changed. A socket that fails is closed: the network's goes on.
    fn drain_devices(&mut self) -> bool {
        let mut any = false;
        while let Some(socket) = &mut self.devices {
            match socket.receive() {
                Ok(datagram) => {
                    any |= subsystem(datagram).is_some_and(|name| SUBSYSTEMS.contains(&name));
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::NOBUFS | Errno::MSGSIZE) => any = true,
                Err(_) => self.devices = None,
            }
        }
        any
    }
}

impl Iterator for KernelEvents {
    type Item = Result<BTreeSet<KernelEvent>, Unavailable>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.broken {
            let mut fds = vec![
                PollFd::from_borrowed_fd(self.waker.as_fd(), PollFlags::IN),
                PollFd::new(self.socket.fd(), PollFlags::IN),
            ];
            fds.extend(
                self.devices
                    .iter()
                    .map(|socket| PollFd::new(socket.fd(), PollFlags::IN)),
            );
            let waited = retry_on_intr(|| poll(&mut fds, None));
            let stopped = fds.first().is_some_and(|waker| !waker.revents().is_empty());
            drop(fds);
            if stopped {
                break;
            }
            match waited.and_then(|_| self.drain()) {
                Ok(found) if found.is_empty() => {}
                Ok(found) => return Some(Ok(found)),
                Err(errno) => {
                    self.broken = true;
                    let text = format!("netlink: cannot listen: {}", std::io::Error::from(errno));
                    return Some(Err(Unavailable::Failed(text)));
                }
            }
        }
        None
    }
}

/// Whether the neighbour has a hardware address that was not known: the kernel repeats itself with every
/// change of reachability.
fn learn(known: &mut HashMap<(u32, IpAddr), Vec<u8>>, payload: &[u8]) -> bool {
    let Some(neighbour) = rt::parse_neighbour(payload).filter(rt::Neighbour::is_known) else {
        return false;
    };
    if known.len() >= MAX_NEIGHBOURS {
        known.clear();
    }
    let before = known.insert((neighbour.index, neighbour.ip), neighbour.mac.clone());
    before.is_none_or(|mac| mac != neighbour.mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_iterator_ends_without_an_event() {
        let mut events = kernel_events().unwrap();
        let stopper = events.stopper();
        let waiting = std::thread::spawn(move || events.find(|batch| batch.is_err()).is_none());
        stopper.stop();
        assert!(waiting.join().unwrap());
    }
}
