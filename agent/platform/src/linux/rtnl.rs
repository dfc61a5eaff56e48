//! Netlink sockets, most of them of the route family: ask for a dump, receive it whole. Parsing is the parse crate's; what it
//! means is the network source's.

use std::{os::fd::OwnedFd, time::Duration};

use deskwarden_parse::rtnetlink::{self as rt, Message, kind};
use rustix::{
    io::Errno,
    net::{
        AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind,
        netlink::{self, SocketAddrNetlink},
        recv, sendto, socket_with, sockopt,
    },
};

use crate::Unavailable;

/// Above the largest datagram that the kernel makes for a dump.
const BUFFER: usize = 64 << 10;
/// Dumps that were disturbed are repeated so often.
const ATTEMPTS: u32 = 5;
/// Most messages of one dump.
const MAX_MESSAGES: usize = 100_000;
/// The kernel answers at once; longer means that something is broken.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open socket.
pub(super) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens one that listens to the multicast groups of the mask, or to none.
    pub(super) fn open(groups: u32, flags: SocketFlags) -> Result<Self, Unavailable> {
        Self::open_family(groups, flags, None)
    }

    /// Opens one that hears of devices, from the kernel itself.
    pub(super) fn open_devices(flags: SocketFlags) -> Result<Self, Unavailable> {
        Self::open_family(1, flags, Some(netlink::KOBJECT_UEVENT))
    }

    /// Opens one that is asked about sockets.
    pub(super) fn open_sockets() -> Result<Self, Unavailable> {
        Self::open_family(0, SocketFlags::empty(), Some(netlink::SOCK_DIAG))
    }

    fn open_family(groups: u32, flags: SocketFlags, family: Option<Protocol>) -> Result<Self, Unavailable> {
        let fd = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            flags | SocketFlags::CLOEXEC,
            family,
        )
        .map_err(|errno| refused("open", errno))?;
        sockopt::set_socket_timeout(&fd, sockopt::Timeout::Recv, Some(PATIENCE))
            .map_err(|errno| refused("prepare", errno))?;
        bind(&fd, &SocketAddrNetlink::new(0, groups)).map_err(|errno| refused("bind", errno))?;
        Ok(Self {
            fd,
            sequence: 0,
            buffer: vec![0; BUFFER],
        })
    }

    /// Descriptor to wait on.
    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Everything of one kind, parsed; a dump that changed under way is repeated.
    pub(super) fn dump<T>(
        &mut self,
        request: u16,
        answer: u16,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, Unavailable> {
        self.dump_of(|sequence| rt::dump_request(request, sequence), answer, parse)
    }

    /// The same for a request of another family, made with the sequence number that it is given.
    pub(super) fn dump_of<T>(
        &mut self,
        request: impl Fn(u32) -> Vec<u8>,
        answer: u16,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, Unavailable> {
        for _ in 0..ATTEMPTS {
            if let Some(found) = self.dump_once(&request, answer, &parse)? {
                return Ok(found);
            }
        }
        Err(Unavailable::Failed(
            "netlink: the network kept changing while it was read".to_owned(),
        ))
    }

    /// One datagram, without waiting when the socket does not block.
    pub(super) fn receive(&mut self) -> Result<&[u8], Errno> {
        loop {
            match recv(&self.fd, self.buffer.as_mut_slice(), RecvFlags::TRUNC) {
                Ok((_, length)) if length > BUFFER => return Err(Errno::MSGSIZE),
                Ok((_, length)) => return Ok(self.buffer.get(..length).unwrap_or_default()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    fn dump_once<T>(
        &mut self,
        request: &impl Fn(u32) -> Vec<u8>,
        answer: u16,
        parse: &impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<Vec<T>>, Unavailable> {
        self.sequence += 1;
        let sequence = self.sequence;
        let bytes = request(sequence);
        sendto(
            &self.fd,
            &bytes,
            SendFlags::empty(),
            &SocketAddrNetlink::new(0, 0),
        )
        .map_err(|errno| refused("ask", errno))?;
        let mut found = Vec::new();
        let mut whole = true;
        loop {
            let datagram = match self.receive() {
                Ok(datagram) => datagram,
                Err(Errno::NOBUFS) => {
                    whole = false;
                    continue;
                }
                Err(errno) => return Err(refused("read", errno)),
            };
            for Message {
                kind,
                flags,
                sequence: of,
                payload,
            } in rt::messages(datagram)
            {
                if of != sequence {
                    continue;
                }
                whole &= flags & rt::FLAG_DUMP_INTERRUPTED == 0;
                match kind {
                    kind::DONE => return Ok(whole.then_some(found)),
                    kind::ERROR => {
                        let errno = Errno::from_raw_os_error(rt::parse_error(payload).unwrap_or_default());
                        return Err(refused("dump", errno));
                    }
                    _ if kind == answer && found.len() < MAX_MESSAGES => found.extend(parse(payload)),
                    _ => {}
                }
            }
        }
    }
}

fn refused(action: &str, errno: Errno) -> Unavailable {
    let text = format!("netlink: cannot {action}: {}", std::io::Error::from(errno));
    match errno {
        Errno::ACCESS | Errno::PERM => Unavailable::Denied(text),
        Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT => Unavailable::Unsupported(text),
        _ => Unavailable::Failed(text),
    }
}
