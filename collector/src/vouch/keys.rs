//! Public keys of a provider (RFC 7517), and the algorithms that its tokens may be signed with. There is no `none`
//! among them and nothing with a shared secret.

use data_encoding::BASE64URL_NOPAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::Value;

/// Most keys of one set that are looked at.
const MOST: usize = 64;

/// A key.
#[derive(Clone, Debug)]
pub(super) struct Key {
    id: Option<String>,
    algorithm: Option<String>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// How a token may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    /// The algorithm of a token's header, if it is one of these.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }
}

/// Keys of a set that tokens may be signed with; others are passed over.
pub(super) fn parse(set: &Value) -> Vec<Key> {
    let keys = set["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    keys.iter().take(MOST).filter_map(key).collect()
}

fn key(value: &Value) -> Option<Key> {
    if value["use"].as_str().is_some_and(|used| used != "sig") {
        return None;
    }
    let text = |name: &str| value[name].as_str();
    let bytes = |name: &str| BASE64URL_NOPAD.decode(text(name)?.as_bytes()).ok();
    // An uncompressed point: its mark, and both coordinates in full length.
    let point = |length: usize| {
        let (x, y) = (bytes("x")?, bytes("y")?);
        (x.len() == length && y.len() == length).then(|| [&[4][..], &x, &y].concat())
    };
    let material = match (text("kty")?, text("crv")) {
        ("RSA", _) => Material::Rsa {
            n: bytes("n")?,
            e: bytes("e")?,
        },
        ("EC", Some("P-256")) => Material::P256(point(32)?),
        ("EC", Some("P-384")) => Material::P384(point(48)?),
        ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x")?),
        _ => return None,
    };
    Some(Key {
        id: text("kid").map(str::to_owned),
        algorithm: text("alg").map(str::to_owned),
        material,
    })
}

/// The keys that a token of this header may be signed with.
pub(super) fn fitting<'a>(
    keys: &'a [Key],
    id: Option<&str>,
    name: &str,
    algorithm: Algorithm,
) -> Vec<&'a Key> {
    let fits = |key: &&Key| {
        let named = id.is_none() || key.id.as_deref() == id;
        let meant = key.algorithm.as_deref().is_none_or(|own| own == name);
        named && meant && key.material.takes(algorithm)
    };
    keys.iter().filter(fits).collect()
}

impl Material {
    const fn takes(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match self {
            Self::Rsa { .. } => matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512),
            Self::P256(_) => matches!(algorithm, Es256),
            Self::P384(_) => matches!(algorithm, Es384),
            Self::Ed25519(_) => matches!(algorithm, EdDsa),
        }
    }
}

impl Key {
    /// Whether the signature is this key's.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signed: &[u8]) -> bool {
        let plain = |how: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(how, key).verify(message, signed).is_ok()
        };
        match &self.material {
            Material::Rsa { n, e } => {
                let how = match algorithm {
                    Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
                    Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
                    Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return false,
                };
                RsaPublicKeyComponents { n, e }
                    .verify(how, message, signed)
                    .is_ok()
            }
            Material::P256(key) if algorithm == Algorithm::Es256 => {
                plain(&signature::ECDSA_P256_SHA256_FIXED, key)
            }
            Material::P384(key) if algorithm == Algorithm::Es384 => {
                plain(&signature::ECDSA_P384_SHA384_FIXED, key)
            }
            Material::Ed25519(key) if algorithm == Algorithm::EdDsa => plain(&signature::ED25519, key),
            _ => false,
        }
    }
}
