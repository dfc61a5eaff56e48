//! Conversations with a mail server that is written here: only what the client may rely on.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener},
    sync::mpsc,
    thread,
};

use super::*;
use crate::notify::{Style, compose, message::tests::delivery};

/// Answers one conversation per element: `None` takes the mail, `Some` refuses RCPT with that line.
/// Sends the commands and the mail of each conversation.
fn server(answers: Vec<Option<&'static str>>) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    let _detached = thread::spawn(move || {
        for answer in answers {
            let (mut out, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(out.try_clone().unwrap())
                .lines()
                .map_while(Result::ok);
            let mut seen = String::new();
            let mut say = |line: &str| out.write_all(format!("{line}\r\n").as_bytes()).unwrap();
            say("220 test");
            while let Some(line) = lines.next() {
                seen.push_str(&line);
                seen.push('\n');
                match line.split(' ').next().unwrap() {
                    "EHLO" => say("250-test\r\n250 8BITMIME"),
                    "RCPT" => say(answer.unwrap_or("250 ok")),
                    "DATA" => {
                        say("354 go on");
                        for line in lines.by_ref().take_while(|line| line != ".") {
                            seen.push_str(&line);
                            seen.push('\n');
                        }
                        say("250 taken");
                    }
                    "QUIT" => {
                        say("221 bye");
                        break;
                    }
                    _ => say("250 ok"),
                }
            }
            sender.send(seen).ok();
        }
    });
    (address, receiver)
}

fn channel(address: SocketAddr, tls: SmtpTls) -> SmtpChannel {
    SmtpChannel::new(&Smtp {
        host: address.ip().to_string(),
        port: address.port(),
        tls,
        login: None,
        from: "Deskwarden <desk@example.com>".to_owned(),
        to: vec!["it@example.com".to_owned(), "boss@example.com".to_owned()],
        ca_file: None,
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
