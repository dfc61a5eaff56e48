//! A harmless question to a port of this PC: are you a proxy? Asked only where the policy allows it, once per
//! socket, and never over the network.

use std::{
    collections::HashMap,
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use deskwarden_parse::proxy_answer::{is_http_proxy, is_socks5};

/// Where to is a name that never exists, and nobody may pass it on.
const HTTP: &[u8] = b"OPTIONS http://deskwarden.invalid/ HTTP/1.1\r\nHost: deskwarden.invalid\r\n\
Max-Forwards: 0\r\nConnection: close\r\n\r\n";
/// Version 5, one way to sign in: none.
const SOCKS: &[u8] = &[5, 1, 0];
/// How long an answer may take: it comes from the same PC.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long one look may ask; who is left is asked in the next.
const MAX_LOOK: Duration = Duration::from_secs(2);
const MAX_ANSWER: usize = 2_048;

/// Answers by socket, kept while it is open.
#[derive(Default)]
pub(in crate::linux) struct Questions(Mutex<HashMap<u64, &'static str>>);

impl Questions {
    /// What each socket speaks as a proxy, by inode; nothing for those that speak something else, and for
    /// those whose turn has not come.
    pub(in crate::linux) fn ask(&self, sockets: &[(u64, IpAddr, u16)]) -> HashMap<u64, &'static str> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|inode, _| sockets.iter().any(|(open, ..)| open == inode));
        let begin = Instant::now();
        for (inode, address, port) in sockets {
            if begin.elapsed() > MAX_LOOK {
                break;
            }
            known
                .entry(*inode)
                .or_insert_with(|| kind(reachable(*address), *port));
        }
        known.clone()
    }

    /// Forgets every answer.
    pub(in crate::linux) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Where a socket on that address is reached from this PC itself.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        one => one,
    }
}

fn kind(address: IpAddr, port: u16) -> &'static str {
    let at = SocketAddr::new(address, port);
    let http = answer(at, HTTP, |so_far| so_far.windows(4).any(|end| end == b"\r\n\r\n"));
    let http = is_http_proxy(&http);
    match (http, is_socks5(&answer(at, SOCKS, |so_far| so_far.len() >= 2))) {
        (true, true) => "http+socks",
        (true, false) => "http",
        (false, true) => "socks",
        (false, false) => "",
    }
}

/// What comes back until it is enough, too much, too late or over.
fn answer(at: SocketAddr, question: &[u8], enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut got = Vec::new();
    let Ok(mut stream) = TcpStream::connect_timeout(&at, PATIENCE) else {
        return got;
    };
    let begin = Instant::now();
    if stream.write_all(question).is_err() {
        return got;
    }
    let mut part = [0; 512];
    while got.len() < MAX_ANSWER && !enough(&got) {
        let left = PATIENCE.saturating_sub(begin.elapsed());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            break;
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => break,
            Ok(length) => got.extend_from_slice(part.get(..length).unwrap_or_default()),
        }
    }
    got
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::TcpListener, thread};

    /// Answers every connection as told, until the listener goes.
    fn server(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().take(2) {
                let mut stream = stream.unwrap();
                let mut question = [0; 512];
                let length = stream.read(&mut question).unwrap_or_default();
                stream.write_all(&answer(&question[..length])).ok();
            }
        });
        port
    }

    #[test]
    fn a_proxy_is_known_by_its_answer_and_is_asked_once() {
        let mixed = server(|question| match question {
            SOCKS => vec![5, 0],
            _ => b"HTTP/1.1 502 Bad Gateway\r\n\r\n".to_vec(),
        });
        let web = server(|_| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
        let local = IpAddr::from(Ipv4Addr::LOCALHOST);
        let questions = Questions::default();
        let sockets = [(1, IpAddr::from(Ipv4Addr::UNSPECIFIED), mixed), (2, local, web)];
        let found = questions.ask(&sockets);
        assert_eq!((found[&1], found[&2]), ("http+socks", ""));
        // The servers have taken their two connections: another would get no answer.
        assert_eq!(questions.ask(&sockets), found);
        assert!(questions.ask(&[]).is_empty());
    }

    #[test]
    fn nobody_there_is_no_proxy() {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        assert_eq!(kind(Ipv4Addr::LOCALHOST.into(), port), "");
    }
}
