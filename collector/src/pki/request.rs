//! Signing requests: what a device sends to be certified. Only its key counts; the subject and the
//! extensions that it asks for are never looked at.

use deskwarden_proto::limits::CSR_BYTES;
use rcgen::SubjectPublicKeyInfo;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::{
    certification_request::X509CertificationRequest,
    oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_SIG_ED25519},
    prelude::FromDer as _,
    x509,
};

use super::{PkiError, device::sha256};

/// A signing request whose signature fits its key, and whose key is of a kind that we certify.
#[derive(Clone, Debug)]
pub struct SigningRequest {
    key: SubjectPublicKeyInfo,
    raw_key: Vec<u8>,
    kind: KeyKind,
    key_hash: [u8; 32],
}

#[derive(Clone, Copy, Debug)]
enum KeyKind {
    P256,
    P384,
    Ed25519,
}

impl SigningRequest {
    /// Checks a PKCS #10 request: size first, then its form, the kind of key, and the signature.
    pub fn check(der: &[u8]) -> Result<Self, PkiError> {
        if der.len() > CSR_BYTES {
            return Err(PkiError::Request("it is too large"));
        }
        let Ok(([], request)) = X509CertificationRequest::from_der(der) else {
            return Err(PkiError::Request("it cannot be read"));
        };
        let info = &request.certification_request_info.subject_pki;
        let kind = kind_of(info).ok_or(PkiError::Request("its key is none of P-256, P-384 and Ed25519"))?;
        request
            .verify_signature()
            .map_err(|_| PkiError::Request("its signature does not fit its key"))?;
        let key = SubjectPublicKeyInfo::from_der(info.raw)
            .map_err(|_| PkiError::Request("its key cannot be read"))?;
        Ok(Self {
            key,
            raw_key: info.subject_public_key.data.to_vec(),
            kind,
            key_hash: sha256(info.raw),
        })
    }

    /// SHA-256 of the key (SubjectPublicKeyInfo, DER): what a device is bound to.
    pub const fn key_hash(&self) -> [u8; 32] {
        self.key_hash
    }

    /// Whether the holder of the key signed `message`: ECDSA with the hash of the curve's size in ASN.1
    /// form, or Ed25519.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &dyn VerificationAlgorithm = match self.kind {
            KeyKind::P256 => &ECDSA_P256_SHA256_ASN1,
            KeyKind::P384 => &ECDSA_P384_SHA384_ASN1,
            KeyKind::Ed25519 => &ED25519,
        };
        UnparsedPublicKey::new(algorithm, &self.raw_key)
            .verify(message, signature)
            .is_ok()
    }

    pub(super) const fn key(&self) -> &SubjectPublicKeyInfo {
        &self.key
    }
}

fn kind_of(info: &x509::SubjectPublicKeyInfo<'_>) -> Option<KeyKind> {
    let algorithm = &info.algorithm;
    if algorithm.algorithm == OID_SIG_ED25519 {
        return Some(KeyKind::Ed25519);
    }
    if algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY {
        return None;
    }
    let curve = algorithm.parameters.as_ref()?.as_oid().ok()?;
    if curve == OID_EC_P256 {
        Some(KeyKind::P256)
    } else if curve == OID_NIST_EC_P384 {
        Some(KeyKind::P384)
    } else {
        None
    }
}
