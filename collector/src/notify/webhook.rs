//! Alerts by HTTP: a signed POST of JSON, no redirects, no proxy, only to addresses that the guard lets
//! through. The format is described in deploy/docs/webhook.md.

use ring::hmac;
use ureq::unversioned::resolver::Resolver;

use crate::{
    config::{Secret, Webhook},
    outbound::GuardedResolver,
};

use super::{Message, SendError, Sender, SetupError, http::Http};

/// A webhook and the key of its signature.
pub struct WebhookChannel {
    http: Http,
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
        Ok(Self {
            http: Http::new(config.ca_file.as_deref(), resolver)?,
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
        let signature = signature(&self.secret, timestamp, &body);
        let headers = [
            ("Idempotency-Key", message.idempotency_key.as_str()),
            ("Deskwarden-Timestamp", &timestamp.to_string()),
            ("Deskwarden-Signature", &signature),
        ];
        let answer = self.http.post(&self.url, &headers, &body)?;
        answer.fault("the webhook").map_or(Ok(()), Err)
    }
}

/// `v1=` and the hexadecimal HMAC-SHA256 of `<timestamp>.<body>`.
pub fn signature(secret: &Secret, timestamp: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
    let tag = hmac::sign(&key, format!("{timestamp}.{body}").as_bytes());
    format!("v1={}", data_encoding::HEXLOWER.encode(tag.as_ref()))
}

#[cfg(test)]
mod tests;
