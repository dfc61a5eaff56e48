//! The one way by which the collector asks others by HTTP: through the guard of [`crate::outbound`], without redirects and
//! proxies, with bounded answers. Knows no provider.

use std::{path::Path, sync::Arc, time::Duration};

use serde_json::Value;
use ureq::{
    Agent,
    config::Config,
    tls::{Certificate, RootCerts, TlsConfig},
    unversioned::{resolver::Resolver, transport::DefaultConnector},
};

use super::{SendError, SetupError};

/// Longest time for one request, from resolving to the answer's end.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Largest answer that is read.
const ANSWER_BYTES: u64 = 64 << 10;

/// A client that goes only where the guard lets it.
pub(crate) struct Http {
    agent: Agent,
}

/// What the other side said.
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// Seconds that the other side asks to wait, where it says so.
    pub(crate) retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Answer {
    /// Whether the status is 2xx.
    pub(crate) const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The body as JSON; `Null` if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What is wrong with the status, in words; an answer without fault has none.
    pub(crate) fn fault(&self, who: &str) -> Option<SendError> {
        if self.is_success() {
            return None;
        }
        let what = match self.status {
            300..=399 => "answered with a redirect, which is not followed",
            _ => "answered",
        };
        let error = SendError::new(format!("{who} {what}: status {}", self.status));
        Some(match (self.status, self.retry_after) {
            (429 | 503, Some(pause)) => error.not_before(pause),
            (429, None) => error.not_before(Duration::from_secs(60)),
            (413, _) => error.never(),
            _ => error,
        })
    }
}

impl Http {
    /// Prepares the client; connects to nothing.
    pub(crate) fn new(ca_file: Option<&Path>, resolver: impl Resolver) -> Result<Self, SetupError> {
        let mut roots = Vec::new();
        if let Some(file) = ca_file {
            let own = super::certificates(file)?;
            roots.extend(own.iter().map(|der| Certificate::from_der(der).to_owned()));
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
        })
    }

    /// Posts JSON.
    pub(crate) fn post(&self, url: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer, SendError> {
        let mut request = self
            .agent
            .post(url)
            .header("Content-Type", "application/json; charset=utf-8");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.send(body.as_bytes()))
    }

    /// Posts a form.
    pub(crate) fn post_form(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        form: &str,
    ) -> Result<Answer, SendError> {
        let mut request = self
            .agent
            .post(url)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Accept", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.send(form.as_bytes()))
    }

    /// Gets.
    pub(crate) fn get(&self, url: &str) -> Result<Answer, SendError> {
        self.get_with(url, &[])
    }

    /// Gets with headers.
    pub(crate) fn get_with(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, SendError> {
        let mut request = self.agent.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.call())
    }
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, SendError> {
    let mut answer = answer.map_err(|error| SendError::new(reason(&error)))?;
    // The second name is that of Feishu's gate.
    let asked = ["retry-after", "x-ogw-ratelimit-reset"].map(|name| answer.headers().get(name));
    let retry_after = asked.into_iter().flatten().next();
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    // Read to the end so that the other side is not cut off while it answers. What cannot be read is as
    // good as nothing: callers that need the body find no answer code in it.
    let body = answer
        .body_mut()
        .with_config()
        .limit(ANSWER_BYTES)
        .read_to_vec()
        .unwrap_or_default();
    Ok(Answer {
        status: answer.status().as_u16(),
        retry_after: retry_after.map(|seconds: u64| Duration::from_secs(seconds.min(3_600))),
        body,
    })
}

/// An error in words that name no address with a secret in it.
fn reason(error: &ureq::Error) -> String {
    let text = match error {
        ureq::Error::Other(denied) => denied.to_string(),
        ureq::Error::Timeout(_) => format!("no answer within {} s", TIMEOUT.as_secs()),
        ureq::Error::HostNotFound => "the host name is not known".to_owned(),
        ureq::Error::BadUri(_) => "the address cannot be used".to_owned(),
        other => other.to_string(),
    };
    super::words::clean(&text)
}
