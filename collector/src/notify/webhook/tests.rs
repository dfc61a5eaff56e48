//! Posts to a real HTTP server on this machine, and to names that lie.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    sync::mpsc,
    thread,
};

use ureq::{
    config::Config,
    http::Uri,
    unversioned::{resolver::ResolvedSocketAddrs, transport::NextTimeout},
};

use super::*;
use crate::{
    notify::{
        Style,
        message::tests::{compose, delivery},
    },
    outbound::HostPort,
};

/// A request as it came: head lines and body.
struct Seen {
    head: Vec<String>,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        let found = self.head.iter().filter_map(|line| line.split_once(": "));
        found
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
            .unwrap_or_default()
    }
}

fn server(answers: Vec<&'static str>) -> (SocketAddr, mpsc::Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    let _detached = thread::spawn(move || {
        for answer in answers {
            let (mut out, _) = listener.accept().unwrap();
            let mut input = BufReader::new(out.try_clone().unwrap());
            let mut seen = Seen {
                head: Vec::new(),
                body: String::new(),
            };
            for line in input
                .by_ref()
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
            {
                seen.head.push(line);
            }
            let length = seen.header("content-length").parse().unwrap();
            input.take(length).read_to_string(&mut seen.body).unwrap();
            out.write_all(answer.as_bytes()).unwrap();
            sender.send(seen).ok();
        }
    });
    (address, receiver)
}

fn config(url: String, allow: &[&str]) -> Webhook {
    Webhook {
        url,
        secret: Secret::new("s3cret".to_owned()),
        allow: allow
            .iter()
            .map(|place| HostPort::parse(place).unwrap())
            .collect(),
        ca_file: None,
    }
}

fn message() -> Message {
    compose(&delivery("QQ"), None, &Style::default())
}

const OK: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

#[test]
fn a_post_is_signed_and_carries_its_idempotency_key() {
    let (address, seen) = server(vec![OK]);
    let channel =
        WebhookChannel::new(&config(format!("http://{address}/hook"), &[&address.to_string()])).unwrap();
    channel.send(&message()).unwrap();
    let seen = seen.recv().unwrap();
    assert_eq!(seen.head[0], "POST /hook HTTP/1.1");
    assert_eq!(seen.header("idempotency-key"), "mail:12");
    let at = seen.header("deskwarden-timestamp").parse().unwrap();
    assert_eq!(
        seen.header("deskwarden-signature"),
        signature(&Secret::new("s3cret".to_owned()), at, &seen.body)
    );
    let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(body["finding"]["subject_name"], "QQ");
}

#[test]
fn the_signature_is_what_another_implementation_computes() {
    // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
    let expected = "v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03";
    let got = signature(&Secret::new("key".to_owned()), 1_700_000_000, r#"{"a":1}"#);
    assert_eq!(got, expected);
}

#[test]
fn a_redirect_is_not_followed() {
    let redirect = "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (address, _seen) = server(vec![redirect]);
    let channel =
        WebhookChannel::new(&config(format!("http://{address}/"), &[&address.to_string()])).unwrap();
    let error = channel.send(&message()).unwrap_err().to_string();
    assert!(error.contains("redirect") && error.contains("307"), "{error}");
}

#[test]
fn a_server_that_fails_is_an_error() {
    let (address, _seen) = server(vec![
        "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ]);
    let channel =
        WebhookChannel::new(&config(format!("http://{address}/"), &[&address.to_string()])).unwrap();
    assert!(channel.send(&message()).unwrap_err().to_string().contains("500"));
}

/// Answers every name with the same addresses.
#[derive(Debug)]
struct Lies(Vec<SocketAddr>);

impl Resolver for Lies {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut found = self.empty();
        self.0.iter().for_each(|address| found.push(*address));
        Ok(found)
    }
}

#[test]
fn a_name_that_turns_to_an_inner_address_is_not_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let here = listener.local_addr().unwrap();
    let mapped = SocketAddr::new("::ffff:127.0.0.1".parse().unwrap(), here.port());
    let public: SocketAddr = "192.0.43.8:443".parse().unwrap();
    for lies in [vec![here], vec![mapped], vec![public, here]] {
        let resolver = GuardedResolver::over(Lies(lies), Vec::new());
        let channel =
            WebhookChannel::with_resolver(&config("https://hook.example.com/".to_owned(), &[]), resolver)
                .unwrap();
        let error = channel.send(&message()).unwrap_err().to_string();
        assert!(error.contains("this machine"), "{error}");
    }
    assert!(listener.accept().is_err(), "nobody connected");
}

#[test]
fn other_spellings_of_this_machine_are_not_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in [
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::ffff:7f00:1]",
        "[::1]",
    ] {
        let channel = WebhookChannel::new(&config(format!("https://{host}:{port}/"), &[])).unwrap();
        let error = channel.send(&message()).unwrap_err().to_string();
        assert!(!error.is_empty(), "{host}");
    }
    assert!(listener.accept().is_err(), "nobody connected");
}
