//! Alerts by mail. The client is synchronous and runs on a blocking thread of the dispatcher.

use std::time::Duration;

use lettre::{
    Message as Mail, SmtpTransport, Transport as _,
    message::{Mailbox, header},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};

use crate::config::{Smtp, SmtpTls};

use super::{Message, SendError, Sender, SetupError};

/// Longest wait for any answer of the server.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A mail server and whom to write to.
pub struct SmtpChannel {
    transport: SmtpTransport,
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
        let mut builder = SmtpTransport::builder_dangerous(&config.host)
            .port(config.port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = &config.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
        }
        let to = config.to.iter().map(|to| mailbox(to)).collect::<Result<_, _>>()?;
        Ok(Self {
            transport: builder.build(),
            from: mailbox(&config.from)?,
            to,
        })
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
        self.transport
            .send(&mail)
            .map(drop)
            .map_err(|error| SendError::new(chain(&error)))
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
