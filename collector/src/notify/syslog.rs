//! Alerts to a SIEM: RFC 5424 messages whose text is the JSON of the alert, over TLS with the framing of RFC 5425,
//! or one per UDP datagram (RFC 5426).
//!
//! Neither way is acknowledged by the receiver. Over TLS a message counts as taken when the receiver has ended the
//! connection in good order after ours was closed, or said nothing against it for a moment; over UDP when it left
//! this machine. RFC 5425 asks receivers to take 8192 bytes, RFC 5426 recommends at most 2048 per datagram.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    sync::Arc,
    time::Duration,
};

use deskwarden_domain::model::Severity;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::ServerName;
use serde_json::{Value, json};

use crate::{
    clock::rfc3339,
    config::{Syslog, SyslogTransport},
    outbound,
};

use super::{Message, SendError, Sender, SetupError};

/// Longest wait for connecting, writing and reading.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the receiver may take to end the connection.
const GOODBYE: Duration = Duration::from_secs(2);
/// Longest message over TLS, in bytes.
const LONGEST_TLS: usize = 8_192;
/// Longest datagram, in bytes.
const LONGEST_UDP: usize = 2_048;

/// A receiver of syslog.
pub struct SyslogChannel {
    config: Syslog,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    host: String,
}

impl SyslogChannel {
    /// Prepares the client; connects to nothing.
    pub fn new(config: &Syslog) -> Result<Self, SetupError> {
        let tls = match config.transport {
            SyslogTransport::Udp => None,
            SyslogTransport::Tls => Some(client(config)?),
        };
        let name = deskwarden_system::machine_name();
        Ok(Self {
            config: config.clone(),
            tls,
            host: token(&name, 255),
        })
    }

    fn line(&self, message: &Message) -> String {
        let most = match self.config.transport {
            SyslogTransport::Tls => LONGEST_TLS,
            SyslogTransport::Udp => LONGEST_UDP,
        };
        let priority = u16::from(self.config.facility) * 8 + level(message.severity);
        let head = format!(
            "<{priority}>1 {} {} deskwarden-collector - {} - \u{feff}",
            rfc3339(message.at),
            self.host,
            token(&message.event, 32)
        );
        format!(
            "{head}{}",
            json_within(&message.json, most.saturating_sub(head.len()))
        )
    }

    fn over_udp(&self, to: &[SocketAddr], line: &str) -> io::Result<()> {
        let to = to.first().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let any: SocketAddr = if to.is_ipv4() {
            ([0u8; 4], 0).into()
        } else {
            ([0u16; 8], 0).into()
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(to)?;
        socket.send(line.as_bytes()).map(drop)
    }

    fn over_tls(&self, to: &[SocketAddr], line: &str) -> io::Result<()> {
        let Some((config, name)) = &self.tls else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let stream = connect(to)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let session = ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, stream);
        write!(stream, "{} {line}", line.len())?;
        stream.conn.send_close_notify();
        stream.flush()?;
        stream.sock.set_read_timeout(Some(GOODBYE))?;
        let mut rest = [0u8; 256];
        loop {
            match stream.read(&mut rest) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // An end without the goodbye of TLS loses nothing of ours: all of it was written before.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Sender for SyslogChannel {
    fn send(&self, message: &Message) -> Result<(), SendError> {
        let Syslog {
            host, port, guard, ..
        } = &self.config;
        let to = outbound::resolve(host, *port, guard)
            .map_err(|unreached| SendError::new(unreached.to_string()))?;
        let line = self.line(message);
        let sent = match self.config.transport {
            SyslogTransport::Udp => self.over_udp(&to, &line),
            SyslogTransport::Tls => self.over_tls(&to, &line),
        };
        sent.map_err(|error| {
            SendError::new(super::words::clean(&format!("syslog to {host}:{port}: {error}")))
        })
    }
}

fn client(config: &Syslog) -> Result<(Arc<ClientConfig>, ServerName<'static>), SetupError> {
    let mut roots = RootCertStore::empty();
    match &config.ca_file {
        // An own authority is the only one: a SIEM of the house has no certificate of a public one.
        Some(file) => roots.add_parsable_certificates(super::certificates(file)?),
        None => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
    };
    let fault = |why: &dyn std::fmt::Display| SetupError::new(format!("TLS to {}: {why}", config.host));
    let name = ServerName::try_from(config.host.clone()).map_err(|error| fault(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok((Arc::new(tls), name))
}

fn connect(to: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in to {
        match TcpStream::connect_timeout(address, TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// RFC 5424's levels: how bad, as a SIEM sorts it.
const fn level(severity: Severity) -> u16 {
    match severity {
        Severity::Critical => 2,
        Severity::High => 3,
        Severity::Medium => 4,
        Severity::Low => 5,
    }
}

/// A header field: printable ASCII without spaces, or `-`.
fn token(text: &str, most: usize) -> String {
    let plain: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if plain.is_empty() { "-".to_owned() } else { plain }
}

/// The JSON, or as much of it as fits and still is JSON.
fn json_within(json: &Value, most: usize) -> String {
    let whole = json.to_string();
    if whole.len() <= most {
        return whole;
    }
    let mut less = json.clone();
    for key in ["evidence", "findings", "asset", "finding"] {
        if let Some(fields) = less.as_object_mut() {
            fields.insert(key.to_owned(), Value::Null);
            fields.insert("cut".to_owned(), Value::Bool(true));
        }
        let text = less.to_string();
        if text.len() <= most {
            return text;
        }
    }
    json!({"id": json.get("id"), "schema": json.get("schema"), "cut": true}).to_string()
}

#[cfg(test)]
mod tests;
