//! TLS configurations of the two ports, and the certificate that can be replaced while they serve.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert, VerifierBuilderError, WebPkiClientVerifier,
    },
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use rustls_pki_types::CertificateDer;

use crate::pki::Identity;

/// A configuration that cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The library refused; says which part.
    #[error("TLS cannot be set up: {0}")]
    Setup(&'static str, #[source] rustls::Error),
    /// The trusted roots cannot be used.
    #[error("the roots that devices are trusted under cannot be used")]
    Roots(#[source] VerifierBuilderError),
}

/// The certificate of a listener; replaced without closing anything.
pub struct ServerIdentity(RwLock<Arc<CertifiedKey>>);

impl ServerIdentity {
    /// Serves this identity.
    pub fn new(identity: &Identity) -> Result<Self, TlsError> {
        Ok(Self(RwLock::new(Arc::new(checked(identity)?))))
    }

    /// The certificate that handshakes use now.
    pub fn leaf(&self) -> Option<CertificateDer<'static>> {
        let served = self.0.read().unwrap_or_else(PoisonError::into_inner);
        served.cert.first().cloned()
    }

    /// Handshakes from now on use this one.
    pub fn replace(&self, identity: &Identity) -> Result<(), TlsError> {
        let next = Arc::new(checked(identity)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerIdentity")
    }
}

impl ResolvesServerCert for ServerIdentity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// The agents' port: TLS 1.3, HTTP/2, a client certificate under one of `roots` or none. Nothing is
/// resumed: a resumed session would carry a certificate past its end.
pub fn agents_config(
    identity: Arc<ServerIdentity>,
    roots: &[CertificateDer<'static>],
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store
            .add(root.clone())
            .map_err(|source| TlsError::Setup("a trusted root", source))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider())
        .allow_unauthenticated()
        .build()
        .map_err(TlsError::Roots)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|source| TlsError::Setup("protocol versions", source))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The dashboard's port: TLS 1.3, or 1.2 for the older browsers of offices; no client certificate.
pub fn dashboard_config(identity: Arc<ServerIdentity>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|source| TlsError::Setup("protocol versions", source))?
        .with_no_client_auth()
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn checked(identity: &Identity) -> Result<CertifiedKey, TlsError> {
    identity
        .certified_key()
        .map_err(|source| TlsError::Setup("the certificate and its key", source))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
