//! Syslog as a receiver reads it: frames of RFC 5425 over TLS, and datagrams.

use std::{
    io::{BufReader, Read as _},
    net::{TcpListener, UdpSocket},
    sync::mpsc,
    thread,
};

use super::*;
use crate::{
    notify::{
        Style,
        message::tests::{compose, delivery},
    },
    outbound::{Guard, HostPort},
};

fn config(port: u16, transport: SyslogTransport) -> Syslog {
    Syslog {
        host: "localhost".to_owned(),
        port,
        transport,
        facility: 13,
        ca_file: None,
        guard: Guard::Named,
    }
}

fn message() -> Message {
    compose(&delivery("QQ\n<0>1 - forged"), None, &Style::default())
}

/// Header fields and text of an RFC 5424 message, or why it is none.
fn parse(line: &str) -> (Vec<String>, Value) {
    let (priority, rest) = line.strip_prefix('<').unwrap().split_once('>').unwrap();
    let priority: u16 = priority.parse().unwrap();
    assert!(priority <= 191);
    let mut fields: Vec<String> = rest.splitn(8, ' ').map(str::to_owned).collect();
    let text = fields.pop().unwrap();
    assert_eq!(
        fields.len(),
        7,
        "version, time, host, program, process, id, structured data"
    );
    assert!(fields.iter().all(|field| !field.is_empty() && field.is_ascii()));
    fields.insert(0, priority.to_string());
    (
        fields,
        serde_json::from_str(text.strip_prefix('\u{feff}').unwrap()).unwrap(),
    )
}

fn receiver() -> (u16, std::path::PathBuf, mpsc::Receiver<String>, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = home.path().join("ca.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, lines) = mpsc::channel();
    let tls = Arc::new(tls);
    let _detached = thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let session = rustls::ServerConnection::new(Arc::clone(&tls)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(session, stream));
            // MSG-LEN SP SYSLOG-MSG, again and again until the end.
            loop {
                let mut length = String::new();
                let mut byte = [0u8];
                while stream.read_exact(&mut byte).is_ok() && byte[0] != b' ' {
                    length.push(char::from(byte[0]));
                }
                let Ok(length) = length.parse::<usize>() else {
                    break;
                };
                let mut text = vec![0; length];
                stream.read_exact(&mut text).unwrap();
                sender.send(String::from_utf8(text).unwrap()).ok();
            }
        }
    });
    (port, file, lines, home)
}

#[test]
fn a_message_over_tls_is_framed_and_well_formed() {
    let (port, ca, lines, _home) = receiver();
    let mut config = config(port, SyslogTransport::Tls);
    config.ca_file = Some(ca);
    let channel = SyslogChannel::new(&config).unwrap();
    channel.send(&message()).unwrap();
    channel.send(&message()).unwrap();
    for _ in 0..2 {
        let (fields, text) = parse(&lines.recv().unwrap());
        assert_eq!(fields[0], "107", "facility 13, level error for a high severity");
        assert_eq!(fields[1], "1");
        assert_eq!(fields[2], "2025-11-24T16:00:00Z");
        assert_eq!(
            (fields[4].as_str(), fields[6].as_str()),
            ("deskwarden-collector", "opened")
        );
        assert_eq!(
            text["finding"]["subject_name"], "QQ <0>1 - forged",
            "one line, whatever a PC says"
        );
    }
}

#[test]
fn a_receiver_with_a_strange_certificate_gets_nothing() {
    let (port, _, lines, _home) = receiver();
    let (_, other, _, _other_home) = receiver();
    let mut config = config(port, SyslogTransport::Tls);
    config.ca_file = Some(other);
    let error = SyslogChannel::new(&config).unwrap().send(&message()).unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(lines.try_recv().is_err());
}

#[test]
fn a_datagram_is_one_message_and_never_too_long() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut config = config(socket.local_addr().unwrap().port(), SyslogTransport::Udp);
    config.host = "127.0.0.1".to_owned();
    let channel = SyslogChannel::new(&config).unwrap();
    let mut long = message();
    long.json["evidence"] = json!({"path": "x".repeat(10_000)});
    for (message, cut) in [(message(), false), (long, true)] {
        channel.send(&message).unwrap();
        let mut bytes = [0u8; 70_000];
        let length = socket.recv(&mut bytes).unwrap();
        assert!(length <= LONGEST_UDP);
        let (_, text) = parse(std::str::from_utf8(&bytes[..length]).unwrap());
        assert_eq!(text["id"], "mail:12");
        assert_eq!(text["cut"] == true, cut);
    }
}

#[test]
fn a_place_that_a_user_named_inside_the_network_needs_the_list() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let port = socket.local_addr().unwrap().port();
    let mut config = config(port, SyslogTransport::Udp);
    config.guard = Guard::Listed(Vec::new());
    for host in [
        "localhost",
        "127.0.0.1",
        "::ffff:127.0.0.1",
        "2130706433",
        "169.254.169.254",
    ] {
        config.host = host.to_owned();
        let error = SyslogChannel::new(&config).unwrap().send(&message()).unwrap_err();
        assert!(
            error.to_string().contains("this machine") || error.to_string().contains("metadata"),
            "{error}"
        );
    }
    assert!(socket.recv(&mut [0u8; 16]).is_err(), "nothing was sent");
    config.host = "127.0.0.1".to_owned();
    config.guard = Guard::Listed(vec![HostPort::parse(&format!("127.0.0.1:{port}")).unwrap()]);
    SyslogChannel::new(&config).unwrap().send(&message()).unwrap();
}
