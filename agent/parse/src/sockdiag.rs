//! Messages of the kernel's socket netlink family: the same facts as `proc/net/{tcp,udp}`, for only the states that
//! were asked for. The kernel then passes over what nobody wants instead of spelling it out, which on a PC with a
//! large table is a twentieth of the work. Asking and receiving is the platform's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    procnet::{Socket, State},
    rtnetlink,
};

/// Kind of the request and of its answers: `SOCK_DIAG_BY_FAMILY`.
pub const BY_FAMILY: u16 = 20;

/// States of a socket as bits, as the kernel numbers them.
pub mod states {
    /// Has a peer, or is asking for one.
    pub const CONNECTED: u32 = 1 << 1 | 1 << 2;
    /// UDP without a peer.
    pub const UNCONNECTED: u32 = 1 << 7;
    /// TCP that waits for connections.
    pub const LISTENING: u32 = 1 << 10;
}

const IPV4: u8 = 2;
const IPV6: u8 = 10;
/// Length of an answer without attributes.
const ANSWER: usize = 72;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// IPv6 instead of IPv4.
    pub six: bool,
    /// 6 for TCP, 17 for UDP.
    pub protocol: u8,
    /// See [`states`].
    pub states: u32,
}

/// Request for every socket of a family, a protocol and some states.
pub fn dump_request(question: Question, sequence: u32) -> Vec<u8> {
    let family = if question.six { IPV6 } else { IPV4 };
    let mut body = vec![family, question.protocol, 0, 0];
    body.extend(question.states.to_ne_bytes());
    // Neither a port nor an address nor a cookie is asked for.
    body.resize(56, 0);
    rtnetlink::request(BY_FAMILY, sequence, &body)
}

/// One socket.
pub fn parse_socket(payload: &[u8]) -> Option<Socket> {
    let payload = payload.get(..ANSWER)?;
    let family = *payload.first()?;
    let state = match *payload.get(1)? {
        1 | 2 => State::Connected,
        10 => State::Listening,
        _ => State::Other,
    };
    Some(Socket {
        local: address(family, payload.get(8..)?)?,
        local_port: port(payload.get(4..)?)?,
        remote: address(family, payload.get(24..)?)?,
        remote_port: port(payload.get(6..)?)?,
        state,
        inode: u64::from(u32::from_ne_bytes(*payload.get(68..)?.first_chunk()?)),
    })
}

fn address(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        IPV4 => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()),
        IPV6 => Some(Ipv6Addr::from(*bytes.first_chunk::<16>()?).to_canonical()),
        _ => None,
    }
}

fn port(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|chunk| u16::from_be_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(family: u8, state: u8, local: &[u8], inode: u32) -> Vec<u8> {
        let mut out = vec![family, state, 0, 0];
        out.extend(8080u16.to_be_bytes());
        out.extend(25u16.to_be_bytes());
        out.extend(local);
        out.resize(24, 0);
        out.extend([192, 0, 2, 7]);
        out.resize(68, 0);
        out.extend(inode.to_ne_bytes());
        out
    }

    #[test]
    fn an_answer_is_the_socket_that_the_table_would_show() {
        let socket = parse_socket(&answer(IPV4, 1, &[127, 0, 0, 1], 99)).unwrap();
        assert_eq!(
            (
                socket.local.to_string(),
                socket.local_port,
                socket.state,
                socket.inode
            ),
            ("127.0.0.1".to_owned(), 8080, State::Connected, 99)
        );
        assert_eq!(
            (socket.remote.to_string(), socket.remote_port),
            ("192.0.2.7".to_owned(), 25)
        );
    }

    #[test]
    fn a_mapped_address_is_the_one_that_it_maps() {
        let mapped = Ipv4Addr::new(10, 0, 0, 5).to_ipv6_mapped().octets();
        let socket = parse_socket(&answer(IPV6, 10, &mapped, 1)).unwrap();
        assert_eq!(
            (socket.local.to_string(), socket.state),
            ("10.0.0.5".to_owned(), State::Listening)
        );
    }

    #[test]
    fn a_request_is_one_message_of_its_stated_length() {
        let question = Question {
            six: true,
            protocol: 6,
            states: states::LISTENING,
        };
        let bytes = dump_request(question, 7);
        let messages: Vec<_> = rtnetlink::messages(&bytes).collect();
        assert_eq!(
            (messages.len(), messages[0].payload.len(), messages[0].sequence),
            (1, 56, 7)
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse_socket(&bytes);
        }
    }
}
