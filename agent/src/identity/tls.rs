//! TLS towards the collector: who is believed, and who one is. TLS 1.3 only; no resumption, so that a
//! device's state is judged at every connection.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use super::{
    certificate,
    clock::{Clock, Told, unix},
    pin::Pin,
};

/// Who is believed.
#[derive(Clone, Debug)]
pub enum Trust {
    /// First contact: a chain that ends in the root with this pin.
    Pin(Pin),
    /// The roots that the collector handed over.
    Roots(Vec<CertificateDer<'static>>),
}

/// Certificate chain and key to present.
pub struct Credentials {
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: PrivateKeyDer<'static>,
}

/// A client configuration that believes `trust` and presents `credentials`, if any.
pub fn client_config(
    trust: Trust,
    clock: Clock,
    credentials: Option<Credentials>,
) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(CollectorVerifier {
        trust,
        clock,
        provider: Arc::clone(&provider),
    });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match credentials {
        Some(own) => builder.with_client_auth_cert(own.chain, own.key)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// First and last moment of a certificate's validity, Unix milliseconds; `None` when it is none.
pub fn validity(certificate: &CertificateDer<'_>) -> Option<(i64, i64)> {
    let read = certificate::read(certificate)?;
    Some((read.not_before, read.not_after))
}

/// The chain does not end in the root that the pin names.
#[derive(Debug, thiserror::Error)]
#[error(
    "its root is not the one that the pin names; compare the pin with the one that the collector printed at its start"
)]
struct AnotherRoot;

#[derive(Debug)]
struct CollectorVerifier {
    trust: Trust,
    clock: Clock,
    provider: Arc<CryptoProvider>,
}

impl CollectorVerifier {
    fn roots(&self, presented: &[CertificateDer<'_>]) -> Result<RootCertStore, Error> {
        let mut store = RootCertStore::empty();
        match &self.trust {
            Trust::Pin(pin) => {
                let root = presented.iter().find(|cert| Pin::of(cert) == Some(*pin));
                let root = root.ok_or_else(|| Error::Other(OtherError(Arc::new(AnotherRoot))))?;
                store.add(root.clone().into_owned())?;
            }
            Trust::Roots(roots) => {
                for root in roots {
                    store.add(root.clone())?;
                }
            }
        }
        Ok(store)
    }

    /// The time to try when the PC's clock says that a certificate is not valid now. It is a lower bound: after a
    /// restart, or when the machine was paused, more time has passed than was counted. So a certificate that begins
    /// later is not held against the collector; one that has ended is. Where nobody ever told a time, at first contact,
    /// the PC's clock is that bound.
    fn other_time(&self, leaf: &CertificateDer<'_>, now: UnixTime) -> Option<UnixTime> {
        let begins = unix(validity(leaf)?.0);
        Some(match self.clock.now() {
            Some(Told::Exactly(ms) | Told::AtLeast(ms)) => unix(ms).max(begins),
            None => now.max(begins),
        })
    }
}

impl ServerCertVerifier for CollectorVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let roots = Arc::new(self.roots(intermediates)?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider))
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        let verify = |now| verifier.verify_server_cert(leaf, intermediates, name, ocsp, now);
        match verify(now) {
            Err(Error::InvalidCertificate(why)) if is_about_time(&why) => match self.other_time(leaf, now) {
                Some(other) => verify(other),
                None => Err(Error::InvalidCertificate(why)),
            },
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(
            rustls::PeerIncompatible::Tls12NotOfferedOrEnabled,
        ))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn is_about_time(why: &CertificateError) -> bool {
    matches!(
        why,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    )
}
