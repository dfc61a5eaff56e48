//! The kernel's tables of sockets, `proc/net/{tcp,tcp6,udp,udp6}`, and the two facts of `proc/PID/stat` that
//! tell a kernel thread. Who owns a socket is not in them but for its inode.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::text;

/// Most sockets of one table.
pub const MAX_SOCKETS: usize = 200_000;
/// `PF_KTHREAD` among the flags of a task.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What a socket does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Has a peer, or is asking for one.
    Connected,
    /// TCP that waits for connections.
    Listening,
    /// UDP without a peer, or TCP that is closed or closing.
    Other,
}

/// One line of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Own address.
    pub local: IpAddr,
    /// Own port.
    pub local_port: u16,
    /// The peer's address; all zeros without a peer.
    pub remote: IpAddr,
    /// The peer's port; 0 without a peer.
    pub remote_port: u16,
    /// What it does.
    pub state: State,
    /// Names the socket in `proc/PID/fd`; 0 when no process holds it any more.
    pub inode: u64,
}

/// The sockets of a table. Lines that are none are skipped, the heading among them.
pub fn parse_sockets(bytes: &[u8]) -> Vec<Socket> {
    text::lines(bytes).filter_map(socket).take(MAX_SOCKETS).collect()
}

/// Whether a `proc/PID/stat` is that of a kernel thread.
pub fn is_kernel_thread(stat: &[u8]) -> bool {
    // The name stands in parentheses and may hold any character.
    let text = text::decode(stat);
    let Some((_, after)) = text.rsplit_once(')') else {
        return false;
    };
    after
        .split_ascii_whitespace()
        .nth(6)
        .and_then(|flags| flags.parse::<u64>().ok())
        .is_some_and(|flags| flags & KERNEL_THREAD != 0)
}

fn socket(line: &[u8]) -> Option<Socket> {
    let line = std::str::from_utf8(line).ok()?;
    let mut fields = line.split_ascii_whitespace();
    let (local, local_port) = endpoint(fields.nth(1)?)?;
    let (remote, remote_port) = endpoint(fields.next()?)?;
    let state = match fields.next()? {
        "01" | "02" => State::Connected,
        "0A" => State::Listening,
        _ => State::Other,
    };
    Some(Socket {
        local,
        local_port,
        remote,
        remote_port,
        state,
        inode: fields.nth(5)?.parse().ok()?,
    })
}

/// `0100007F:0016`: words of the address in the byte order of the processor, the port in hexadecimal.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok();
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?.to_ne_bytes())),
        32 => {
            let mut octets = [0u8; 16];
            for (at, chunk) in octets.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?.to_ne_bytes());
            }
            Ipv6Addr::from(octets).to_canonical()
        }
        _ => return None,
    };
    Some((ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 16386 1 0000000000000000 100 0 0 10 0\n\
   1: 0500000A:C350 070200C0:0019 01 00000000:00000000 02:000006B4 00000000  1000        0 99 2 0000000000000000 20 4 30 10 -1\n\
 damaged\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn listeners_and_connections_are_told_apart() {
        let found = parse_sockets(TCP.as_bytes());
        assert_eq!(found.len(), 2);
        assert_eq!(
            (
                found[0].local.to_string(),
                found[0].local_port,
                found[0].state,
                found[0].inode
            ),
            ("127.0.0.1".to_owned(), 8080, State::Listening, 16386)
        );
        assert_eq!(
            (
                found[1].remote.to_string(),
                found[1].remote_port,
                found[1].state,
                found[1].inode
            ),
            ("192.0.2.7".to_owned(), 25, State::Connected, 99)
        );
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_mapped_address_is_the_one_that_it_maps() {
        let (ip, port) = endpoint("0000000000000000FFFF00000100007F:0035").unwrap();
        assert_eq!((ip.to_string(), port), ("127.0.0.1".to_owned(), 53));
        let (ip, _) = endpoint("00000000000000000000000001000000:0035").unwrap();
        assert_eq!(ip.to_string(), "::1");
    }

    #[test]
    fn a_kernel_thread_is_known_by_its_flags() {
        assert!(is_kernel_thread(b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0"));
        assert!(!is_kernel_thread(b"812 (a) 9 S) S 1 812 812 0 -1 4194560 0 0"));
        assert!(!is_kernel_thread(b"nonsense"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            parse_sockets(&bytes);
            is_kernel_thread(&bytes);
        }

        #[test]
        fn arbitrary_lines_never_panic(line in "[0-9A-F: ]{0,200}") {
            parse_sockets(line.as_bytes());
        }
    }
}
