//! Alerts by mail. The client is synchronous and runs on a blocking thread of the dispatcher.

use std::{net::IpAddr, time::Duration};

use lettre::{
    Message as Mail, SmtpTransport, Transport as _,
    message::{Mailbox, header},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};

use crate::{
    config::{Smtp, SmtpTls},
    outbound,
};

use super::{Message, SendError, Sender, SetupError};

/// Longest wait for any answer of the server.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A mail server and whom to write to.
pub struct SmtpChannel {
    config: Smtp,
    tls: Tls,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl SmtpChannel {
    /// Prepares the client; connects to nothing.
    pub fn new(config: &Smtp) -> Result<Self, SetupError> {
        let tls = match config.tls {
            SmtpTls::StartTls => Tls::Required(parameters(config)?),
            SmtpTls::Tls => Tls::Wrapper(parameters(config)?),
            SmtpTls::Plain => Tls::None,
        };
        let to = config.to.iter().map(|to| mailbox(to)).collect::<Result<_, _>>()?;
        Ok(Self {
            config: config.clone(),
            tls,
            from: mailbox(&config.from)?,
            to,
        })
    }

    /// A client of one address of the server: the very address that was judged.
    fn client(&self, address: IpAddr) -> SmtpTransport {
        let mut builder = SmtpTransport::builder_dangerous(address.to_string())
            .port(self.config.port)
            .tls(self.tls.clone())
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = &self.config.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
        }
        builder.build()
    }

    fn mail(&self, message: &Message) -> Result<Mail, SendError> {
        let domain = self.from.email.domain();
        let id = format!(
            "<deskwarden.{}.{}@{domain}>",
            message.idempotency_key.replace(':', "."),
            message.at
        );
        let mut mail = Mail::builder()
            .from(self.from.clone())
            .subject(message.subject.clone())
            .message_id(Some(id))
            .header(AutoSubmitted)
            .header(header::ContentType::TEXT_PLAIN);
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        mail.body(message.body.clone())
            .map_err(|error| SendError::new(format!("the mail cannot be composed: {error}")))
    }
}

impl Sender for SmtpChannel {
    fn send(&self, message: &Message) -> Result<(), SendError> {
        let mail = self.mail(message)?;
        let Smtp {
            host, port, guard, ..
        } = &self.config;
        let places = outbound::resolve(host, *port, guard)
            .map_err(|unreached| SendError::new(format!("the mail server: {unreached}")))?;
        let mut last = SendError::new("the mail server has no address");
        for place in places {
            match self.client(place.ip()).send(&mail) {
                Ok(_) => return Ok(()),
                Err(error) => {
                    let answered = error.is_permanent() || error.is_transient();
                    last = SendError::new(reason(&error));
                    // A server that answered is the right one; only one that cannot be reached has a next.
                    if answered {
                        break;
                    }
                }
            }
        }
        Err(last)
    }
}

/// Keeps out-of-office answers away.
#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn parameters(config: &Smtp) -> Result<TlsParameters, SetupError> {
    let setup = |error: lettre::transport::smtp::Error| {
        SetupError::new(format!("TLS to {}: {}", config.host, chain(&error)))
    };
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(file) = &config.ca_file {
        for der in super::certificates(file)? {
            builder = builder.add_root_certificate(Certificate::from_der(der.to_vec()).map_err(setup)?);
        }
    }
    builder.build().map_err(setup)
}

fn mailbox(text: &str) -> Result<Mailbox, SetupError> {
    text.parse()
        .map_err(|error| SetupError::new(format!("{text:?} is not a mail address: {error}")))
}

/// Why a mail was not taken, and what to do where it is known.
fn reason(error: &lettre::transport::smtp::Error) -> String {
    let said = chain(error);
    let code = error.status().map(u16::from);
    match code {
        // RFC 4954 and 3207: not accepted, too weak, needed, encryption needed first.
        Some(530 | 534 | 535 | 538) => {
            format!("the mail server does not take user or password: {said}")
        }
        _ if said.contains("invalid peer certificate") => {
            format!(
                "the certificate of the mail server is not trusted (name its authority in ca_file): {said}"
            )
        }
        _ => said,
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    super::words::clean(&text)
}

#[cfg(test)]
mod tests;
