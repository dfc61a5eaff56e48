//! Alerts by HTTP: a signed POST of JSON, no redirects, no proxy, only to addresses that the guard lets
//! through. The format is described in deploy/docs/webhook.md.

use std::{sync::Arc, time::Duration};

use ring::hmac;
use ureq::{
    Agent,
    config::Config,
    tls::{Certificate, RootCerts, TlsConfig},
    unversioned::{resolver::Resolver, transport::DefaultConnector},
};

use crate::{
    config::{Secret, Webhook},
    outbound::GuardedResolver,
};

use super::{Message, SendError, Sender, SetupError};

/// Longest time for one POST, from resolving to the answer's end.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Largest answer that is read; it is thrown away.
const ANSWER_BYTES: u64 = 64 << 10;

/// A webhook and the key of its signature.
pub struct WebhookChannel {
    agent: Agent,
    url: String,
    secret: Secret,
    clock: fn() -> i64,
}

impl WebhookChannel {
    /// Prepares the client; connects to nothing.
    pub fn new(config: &Webhook) -> Result<Self, SetupError> {
        Self::with_resolver(config, GuardedResolver::new(config.allow.clone()))
    }

    fn with_resolver(config: &Webhook, resolver: impl Resolver) -> Result<Self, SetupError> {
        let mut roots = Vec::new();
        if let Some(file) = &config.ca_file {
            roots.extend(
                super::certificates(file)?
                    .iter()
                    .map(|der| Certificate::from_der(der).to_owned()),
            );
        }
        let native = rustls_native_certs::load_native_certs();
        roots.extend(
            native
                .certs
                .iter()
                .map(|der| Certificate::from_der(der).to_owned()),
        );
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let http = Config::builder()
            .tls_config(tls)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_idle_connections(0)
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("deskwarden/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            agent: Agent::with_parts(http, DefaultConnector::default(), resolver),
            url: config.url.clone(),
            secret: config.secret.clone(),
            clock: || crate::clock::now() / 1_000,
        })
    }
}

impl Sender for WebhookChannel {
    fn send(&self, message: &Message) -> Result<(), SendError> {
        let body = message.json.to_string();
        let timestamp = (self.clock)();
        let answer = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json; charset=utf-8")
            .header("Idempotency-Key", &message.idempotency_key)
            .header("Deskwarden-Timestamp", &timestamp.to_string())
            .header("Deskwarden-Signature", &signature(&self.secret, timestamp, &body))
            .send(body.as_bytes());
        let mut answer = answer.map_err(|error| SendError::new(reason(&error)))?;
        let status = answer.status();
        // Read to the end so that the receiver is not cut off while it answers.
        drop(answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_vec());
        if status.is_success() {
            return Ok(());
        }
        let what = if status.is_redirection() {
            "answered with a redirect, which is not followed"
        } else {
            "answered"
        };
        Err(SendError::new(format!(
            "the webhook {what}: status {}",
            status.as_u16()
        )))
    }
}

/// `v1=` and the hexadecimal HMAC-SHA256 of `<timestamp>.<body>`.
pub fn signature(secret: &Secret, timestamp: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
    let tag = hmac::sign(&key, format!("{timestamp}.{body}").as_bytes());
    format!("v1={}", data_encoding::HEXLOWER.encode(tag.as_ref()))
}

fn reason(error: &ureq::Error) -> String {
    let text = match error {
        ureq::Error::Other(denied) => denied.to_string(),
        ureq::Error::Timeout(_) => format!("no answer within {} s", TIMEOUT.as_secs()),
        ureq::Error::HostNotFound => "the host name is not known".to_owned(),
        other => other.to_string(),
    };
    super::words::clean(&text)
}

#[cfg(test)]
mod tests;
