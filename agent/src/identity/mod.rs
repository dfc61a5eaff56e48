//! Who this installation is: its key, its certificate, the roots that it believes, and how it gets,
//! renews and regains them. Reports nothing.

mod certificate;
pub mod clock;
mod enrol;
mod pin;
mod store;
pub mod tls;

use std::{fmt, str::FromStr as _, sync::Arc};

use deskwarden_proto::ids::DeviceId;
use rcgen::{KeyPair, PublicKeyData as _};
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

pub use enrol::{Enrolment, Outcome, enrol, enrol_once, recover, renew};
pub use pin::{NotAPin, Pin};
pub use store::Store;

use crate::transport;
use clock::Clock;
use tls::{Credentials, Trust};

/// Why there is no identity, or no better one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the identity cannot be kept.
    #[error(transparent)]
    Private(#[from] deskwarden_platform::PrivateError),
    /// A file of the identity cannot be read or moved.
    #[error("{path}: {source}; check the disk and the owner of the folder")]
    Io {
        /// Where.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file of the identity is not what it should be.
    #[error("{path}: {fault}; restore it, or remove the folder and enrol again")]
    Damaged {
        /// Where.
        path: String,
        /// What is wrong.
        fault: &'static str,
    },
    /// The key or a request could not be made.
    #[error("the key or its signing request cannot be made: {0}")]
    Key(#[from] rcgen::Error),
    /// TLS cannot be set up with this identity.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// No connection.
    #[error(transparent)]
    Transport(#[from] transport::Error),
    /// The collector refused.
    #[error("the collector refused: {message}")]
    Refused {
        /// What it is about, as the collector classified it.
        code: tonic::Code,
        /// What the collector says.
        message: String,
    },
    /// The collector's answer makes no sense.
    #[error("the collector's answer is unusable: {0}; is it of the same version?")]
    Answer(&'static str),
    /// No randomness.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// Certificate, key and roots of an enrolled device.
#[derive(Clone)]
pub struct Identity {
    /// Issued by the collector.
    pub device: DeviceId,
    key: Arc<KeyPair>,
    /// Leaf first.
    chain: Vec<CertificateDer<'static>>,
    roots: Vec<CertificateDer<'static>>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Puts together what a collector answered. The certificate must be for `key`.
    fn new(
        device: &str,
        key: Arc<KeyPair>,
        chain: Vec<CertificateDer<'static>>,
        roots: Vec<CertificateDer<'static>>,
    ) -> Result<Self, &'static str> {
        let device = DeviceId::from_str(device).map_err(|_| "the device id is none")?;
        let leaf = chain.first().ok_or("there is no certificate")?;
        let leaf = certificate::read(leaf).ok_or("the certificate is none")?;
        if leaf.key != key.subject_public_key_info() {
            return Err("the certificate is for another key");
        }
        if roots.is_empty() {
            return Err("there is no root");
        }
        Ok(Self {
            device,
            key,
            chain,
            roots,
        })
    }

    /// TLS with this identity.
    pub fn mutual_tls(&self, clock: &Clock) -> Result<Arc<ClientConfig>, Error> {
        let own = Credentials {
            chain: self.chain.clone(),
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der())),
        };
        Ok(tls::client_config(
            Trust::Roots(self.roots.clone()),
            clock.clone(),
            Some(own),
        )?)
    }

    /// TLS that believes the same roots and presents nothing.
    pub fn anonymous_tls(&self, clock: &Clock) -> Result<Arc<ClientConfig>, Error> {
        Ok(tls::client_config(
            Trust::Roots(self.roots.clone()),
            clock.clone(),
            None,
        )?)
    }

    /// The roots that are believed.
    pub fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    /// First and last moment of the certificate, Unix milliseconds.
    pub fn validity(&self) -> (i64, i64) {
        self.chain.first().and_then(tls::validity).unwrap_or_default()
    }

    /// When to renew: half of the certificate's life, and up to a tenth more by `jitter` from 0 to 1, so
    /// that machines that were enrolled together do not renew together.
    pub fn renew_at(&self, jitter: f64) -> i64 {
        let (from, to) = self.validity();
        renew_at(from, to, jitter)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a tenth of a certificate's life in milliseconds is far below 2^52"
)]
fn renew_at(from: i64, to: i64, jitter: f64) -> i64 {
    let life = to.saturating_sub(from).max(0);
    from + life / 2 + (life as f64 / 10.0 * jitter.clamp(0.0, 1.0)) as i64
}

/// Fills with randomness.
fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::renew_at;

    #[test]
    fn renewal_is_due_between_half_and_six_tenths_of_the_life() {
        assert_eq!(renew_at(1_000, 2_000, 0.0), 1_500);
        assert_eq!(renew_at(1_000, 2_000, 1.0), 1_600);
        assert_eq!(renew_at(1_000, 2_000, 9.0), 1_600);
        assert_eq!(renew_at(5, 0, 0.5), 5);
    }
}
