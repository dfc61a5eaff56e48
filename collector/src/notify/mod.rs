//! Telling people: channels (mail, chat, webhook, syslog, log) and the dispatcher that empties the transactional outbox
//! into them. Decides nothing about findings; an alert exists because a commit made it.

mod backoff;
mod book;
mod desk;
mod dispatcher;
pub(crate) mod http;
mod log;
mod message;
mod outage;
mod robot;
mod smtp;
#[cfg(test)]
mod standin;
mod syslog;
mod template;
mod vault;
mod webhook;
mod words;

use std::{path::Path, time::Duration};

use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use crate::config::Channel;

pub use backoff::{TRIED_FOR, pause};
pub use book::{Actor, Book, BookError, SECRETS};
pub use desk::{Desk, DeskSource, Live, Origin};
pub use dispatcher::{Clock, DeskOf, Dispatcher, RuleWordsOf};
pub use log::LogChannel;
pub use message::{Composer, LIST_SCHEMA, Message, RuleWords, SCHEMA, Style};
pub use outage::OutageWatch;
pub use robot::{APP_PER_MINUTE, DingtalkRobot, FeishuRobot, PER_MINUTE, WecomApp, WecomRobot};
pub use smtp::SmtpChannel;
pub use syslog::SyslogChannel;
pub use template::{TemplateFault, Templates};
pub use vault::{Vault, VaultError};
pub use webhook::{WebhookChannel, signature};
pub(crate) use words::is_invisible;
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

/// What is wrong with configured channels, found without connecting to anything.
pub fn faults(channels: &[Channel]) -> Vec<String> {
    let faulty = |channel: &Channel| {
        let error = desk::sender(&channel.kind).err()?;
        Some(format!("channel {}: {error}", channel.name))
    };
    channels.iter().filter_map(faulty).collect()
}

/// The certificates of a PEM file.
pub(crate) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
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
