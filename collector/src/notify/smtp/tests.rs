//! Conversations with a mail server that is written here: only what the client may rely on.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
};

use super::*;
use crate::notify::{
    Style,
    message::tests::{compose, delivery},
};

/// Answers one conversation per element: `None` takes the mail, `Some` refuses RCPT with that line.
/// Sends the commands and the mail of each conversation.
fn server(answers: Vec<Option<&'static str>>) -> (SocketAddr, mpsc::Receiver<String>) {
    serve(answers, |stream| stream)
}

/// The same over a stream that `wrap` makes, as for TLS.
fn serve<S: Read + Write>(
    answers: Vec<Option<&'static str>>,
    wrap: impl Fn(TcpStream) -> S + Send + 'static,
) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    let _detached = thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            sender.send(converse(wrap(stream), answer)).ok();
        }
    });
    (address, receiver)
}

fn converse<S: Read + Write>(mut stream: S, answer: Option<&str>) -> String {
    let mut seen = String::new();
    if write!(stream, "220 test\r\n").is_err() {
        return seen;
    }
    while let Some(line) = line(&mut stream) {
        seen.push_str(&line);
        seen.push('\n');
        let say = match line.split(' ').next().unwrap() {
            "EHLO" => "250-test\r\n250 8BITMIME",
            "RCPT" => answer.unwrap_or("250 ok"),
            "DATA" => {
                write!(stream, "354 go on\r\n").unwrap();
                while let Some(line) = self::line(&mut stream).filter(|line| line != ".") {
                    seen.push_str(&line);
                    seen.push('\n');
                }
                "250 taken"
            }
            "QUIT" => break,
            _ => "250 ok",
        };
        write!(stream, "{say}\r\n").unwrap();
    }
    seen
}

/// One line, or `None` when the other side is gone.
fn line(stream: &mut impl Read) -> Option<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read_exact(&mut byte).is_ok() {
        match byte {
            [b'\n'] => return String::from_utf8(line).ok(),
            [b'\r'] => {}
            [other] => line.push(other),
        }
    }
    None
}

/// A mail server with implicit TLS, and the certificate authority of its certificate in a file.
fn server_with_tls(folder: &Path) -> (SocketAddr, mpsc::Receiver<String>, PathBuf) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["127.0.0.1".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let file = folder.join("ca.pem");
    std::fs::write(&file, certificate.pem()).unwrap();
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap();
    let config = Arc::new(config);
    let wrap = move |stream| {
        rustls::StreamOwned::new(
            rustls::ServerConnection::new(Arc::clone(&config)).unwrap(),
            stream,
        )
    };
    let (address, seen) = serve(vec![None], wrap);
    (address, seen, file)
}

fn channel(address: SocketAddr, tls: SmtpTls) -> SmtpChannel {
    channel_with(address, tls, None)
}

fn channel_with(address: SocketAddr, tls: SmtpTls, ca_file: Option<PathBuf>) -> SmtpChannel {
    SmtpChannel::new(&Smtp {
        host: address.ip().to_string(),
        port: address.port(),
        tls,
        login: None,
        from: "Deskwarden <desk@example.com>".to_owned(),
        to: vec!["it@example.com".to_owned(), "boss@example.com".to_owned()],
        ca_file,
        guard: crate::outbound::Guard::Named,
    })
    .unwrap()
}

#[test]
fn a_mail_reaches_every_receiver_with_a_stable_message_id() {
    let (address, seen) = server(vec![None, None]);
    let (channel, message) = (
        channel(address, SmtpTls::Plain),
        compose(&delivery("腾讯QQ"), None, &Style::default()),
    );
    channel.send(&message).unwrap();
    channel.send(&message).unwrap();
    let (first, second) = (seen.recv().unwrap(), seen.recv().unwrap());
    for part in [
        "RCPT TO:<it@example.com>",
        "RCPT TO:<boss@example.com>",
        "Auto-Submitted: auto-generated",
    ] {
        assert!(first.contains(part), "{part} in {first}");
    }
    let id = "Message-ID: <deskwarden.mail.12.1764000000000@example.com>";
    assert!(first.contains(id) && second.contains(id), "{first}");
}

#[test]
fn a_program_name_adds_no_header_and_no_receiver() {
    let (address, seen) = server(vec![None]);
    let hostile = "QQ\r\nBcc: all@evil.example\r\nX-Evil: 1";
    channel(address, SmtpTls::Plain)
        .send(&compose(&delivery(hostile), None, &Style::default()))
        .unwrap();
    let seen = seen.recv().unwrap();
    assert!(
        !seen
            .lines()
            .any(|line| line.starts_with("Bcc:") || line.starts_with("X-Evil:")),
        "{seen}"
    );
    assert_eq!(seen.matches("RCPT TO:").count(), 2);
}

#[test]
fn a_server_that_refuses_is_quoted() {
    let (address, _seen) = server(vec![Some("550 no such mailbox")]);
    let error = channel(address, SmtpTls::Plain)
        .send(&compose(&delivery("QQ"), None, &Style::default()))
        .unwrap_err();
    assert!(error.to_string().contains("no such mailbox"), "{error}");
}

#[test]
fn a_server_without_encryption_gets_nothing_when_encryption_is_asked_for() {
    let (address, seen) = server(vec![None]);
    let error = channel(address, SmtpTls::StartTls)
        .send(&compose(&delivery("QQ"), None, &Style::default()))
        .unwrap_err();
    assert!(error.to_string().to_lowercase().contains("starttls"), "{error}");
    assert!(!seen.recv().unwrap().contains("MAIL FROM"));
}

#[test]
fn an_own_certificate_authority_is_trusted_when_configured_and_not_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let message = compose(&delivery("QQ"), None, &Style::default());
    let (address, seen, ca) = server_with_tls(folder.path());
    channel_with(address, SmtpTls::Tls, Some(ca))
        .send(&message)
        .unwrap();
    assert!(seen.recv().unwrap().contains("MAIL FROM:<desk@example.com>"));
    let (address, seen, _) = server_with_tls(folder.path());
    assert!(channel(address, SmtpTls::Tls).send(&message).is_err());
    assert!(!seen.recv().unwrap().contains("MAIL FROM"));
}
