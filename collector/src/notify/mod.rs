//! Telling people: channels (mail, chat, webhook, syslog, log) and the dispatcher that empties the transactional outbox
//! into them. Decides nothing about findings; an alert exists because a commit made it.

mod backoff;
mod dispatcher;
mod http;
mod log;
mod message;
mod robot;
mod smtp;
#[cfg(test)]
mod standin;
mod syslog;
mod webhook;
mod words;

use std::{path::Path, sync::Arc, time::Duration};

use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use crate::config::{Channel, ChannelKind};

pub use backoff::{TRIES, pause};
pub use dispatcher::{Dispatcher, Route, RuleWordsOf};
pub use log::LogChannel;
pub use message::{Message, RuleWords, SCHEMA, Style, compose};
pub use robot::{DingtalkRobot, FeishuRobot, PER_MINUTE, WecomApp, WecomRobot};
pub use smtp::SmtpChannel;
pub use syslog::SyslogChannel;
pub use webhook::{WebhookChannel, signature};
pub use words::{clean, clean_json, inert};

/// Takes a message to somebody. Blocks until the other side has it, or has not.
pub trait Sender: Send + Sync {
    /// Sends one message; the same idempotency key may come again after a failure.
    fn send(&self, message: &Message) -> Result<(), SendError>;
}

/// Why a message was not taken, in one line for a person, and what then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct SendError {
    why: String,
    then: Then,
}

/// What becomes of a message that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It is tried again, later each time.
    Again,
    /// The channel takes nothing for so long; it is tried again after that.
    NotBefore(Duration),
    /// It will never be taken as it is.
    Never,
}

impl SendError {
    /// Says why; it is tried again.
    pub fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            then: Then::Again,
        }
    }

    /// The channel wants nothing for so long.
    #[must_use]
    pub fn not_before(self, pause: Duration) -> Self {
        Self {
            then: Then::NotBefore(pause),
            ..self
        }
    }

    /// Another try would end the same way.
    #[must_use]
    pub fn never(self) -> Self {
        Self {
            then: Then::Never,
            ..self
        }
    }

    /// What then.
    pub const fn then(&self) -> Then {
        self.then
    }
}

/// Why a channel cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SetupError(String);

impl SetupError {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// Sets up the configured channels. In observation only those of kind `log` are told.
pub fn routes(channels: &[Channel], observation: bool) -> Result<Vec<Route>, SetupError> {
    let told = channels
        .iter()
        .filter(|channel| !observation || channel.kind == ChannelKind::Log);
    told.map(|channel| {
        let sender: Arc<dyn Sender> = match &channel.kind {
            ChannelKind::Smtp(smtp) => Arc::new(SmtpChannel::new(smtp)?),
            ChannelKind::Webhook(webhook) => Arc::new(WebhookChannel::new(webhook)?),
            ChannelKind::WecomRobot(robot) => Arc::new(WecomRobot::new(robot)?),
            ChannelKind::WecomApp(app) => Arc::new(WecomApp::new(app)?),
            ChannelKind::DingtalkRobot(robot) => Arc::new(DingtalkRobot::new(robot)?),
            ChannelKind::FeishuRobot(robot) => Arc::new(FeishuRobot::new(robot)?),
            ChannelKind::Syslog(syslog) => Arc::new(SyslogChannel::new(syslog)?),
            ChannelKind::Log => Arc::new(LogChannel::stdout()),
        };
        Ok(Route {
            name: channel.name.clone(),
            min_severity: channel.min_severity,
            sender,
        })
    })
    .collect()
}

/// The certificates of a PEM file.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let fault = |why: &dyn std::fmt::Display| SetupError::new(format!("ca_file {}: {why}", file.display()));
    let found = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|error| fault(&error))?;
    if found.is_empty() {
        Err(fault(&"there is no certificate in it"))
    } else {
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Secret, Webhook};

    #[test]
    fn in_observation_only_the_log_is_told() {
        let webhook = Webhook {
            url: "https://hook.example.com/".to_owned(),
            secret: Secret::new("key".to_owned()),
            allow: Vec::new(),
            ca_file: None,
        };
        let hook = Channel {
            name: "hook".to_owned(),
            kind: ChannelKind::Webhook(webhook),
            ..Channel::log("hook")
        };
        let channels = [Channel::log("log"), hook];
        let told = |observation| -> Vec<String> {
            routes(&channels, observation)
                .unwrap()
                .into_iter()
                .map(|route| route.name)
                .collect()
        };
        assert_eq!(told(false), ["log", "hook"]);
        assert_eq!(told(true), ["log"]);
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "no certificate").unwrap();
        assert!(
            certificates(file.path())
                .unwrap_err()
                .to_string()
                .contains("no certificate in it")
        );
    }
}
