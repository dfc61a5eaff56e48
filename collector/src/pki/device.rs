//! The identity inside a device's certificate: where it stands and how it is read back.

use deskwarden_proto::ids::DeviceId;
use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::PkiError;

const PREFIX: &str = "deskwarden:device:";

/// The alternative name that carries the identity.
pub(super) fn uri(id: DeviceId) -> String {
    format!("{PREFIX}{id}")
}

/// The device that a *verified* chain names: its first certificate has exactly one alternative name, our
/// URI, and its common name says the same. Verifying is the TLS layer's work.
pub fn device_of(chain: &[CertificateDer<'_>]) -> Result<DeviceId, PkiError> {
    let leaf = chain
        .first()
        .ok_or(PkiError::NoDevice("there is no certificate"))?;
    let leaf = parsed(leaf)?;
    let names = leaf
        .subject_alternative_name()
        .map_err(|_| PkiError::NoDevice("its alternative name cannot be read"))?
        .ok_or(PkiError::NoDevice("it has no alternative name"))?;
    let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else {
        return Err(PkiError::NoDevice("it has another kind of alternative name"));
    };
    let id: DeviceId = uri
        .strip_prefix(PREFIX)
        .and_then(|id| id.parse().ok())
        .ok_or(PkiError::NoDevice("its alternative name is no device"))?;
    let mut common = leaf.subject().iter_common_name();
    match (common.next().and_then(|name| name.as_str().ok()), common.next()) {
        (Some(name), None) if name == id.to_string() => Ok(id),
        _ => Err(PkiError::NoDevice("its common name says something else")),
    }
}

/// SHA-256 of the certificate's public key (SubjectPublicKeyInfo, DER).
pub fn spki_hash(certificate: &CertificateDer<'_>) -> Result<[u8; 32], PkiError> {
    Ok(sha256(parsed(certificate)?.public_key().raw))
}

/// End of the certificate, Unix milliseconds.
pub fn ends_at(certificate: &CertificateDer<'_>) -> Result<i64, PkiError> {
    Ok(parsed(certificate)?
        .validity()
        .not_after
        .timestamp()
        .saturating_mul(1000))
}

pub(super) fn parsed<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, PkiError> {
    match X509Certificate::from_der(certificate.as_ref()) {
        Ok(([], parsed)) => Ok(parsed),
        _ => Err(PkiError::NoDevice("it cannot be read")),
    }
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0u8; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}
