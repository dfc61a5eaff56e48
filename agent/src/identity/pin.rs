//! The pin of a collector: the SHA-256 of its root's public key. It survives every rotation below the root.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER_PERMISSIVE;
use rustls_pki_types::CertificateDer;

use super::certificate;

/// SHA-256 of a root's SubjectPublicKeyInfo.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pin([u8; 32]);

/// The text is not a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pin is `sha256:` and 64 hexadecimal digits, as `deskwarden-collector token create` prints it")]
pub struct NotAPin;

impl Pin {
    /// Pin of a certificate's key; `None` when it is not a certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let key = certificate::read(certificate)?.key;
        let hash = ring::digest::digest(&ring::digest::SHA256, key);
        Some(Self(hash.as_ref().try_into().ok()?))
    }
}

impl FromStr for Pin {
    type Err = NotAPin;

    fn from_str(text: &str) -> Result<Self, NotAPin> {
        let digits = text.strip_prefix("sha256:").ok_or(NotAPin)?;
        let bytes = HEXLOWER_PERMISSIVE
            .decode(digits.as_bytes())
            .map_err(|_| NotAPin)?;
        Ok(Self(bytes.try_into().map_err(|_| NotAPin)?))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", HEXLOWER_PERMISSIVE.encode(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_the_hash_of_the_key_alone() {
        let key = rcgen::KeyPair::generate().unwrap();
        let one = rcgen::CertificateParams::new(vec!["one".into()]).unwrap();
        let two = rcgen::CertificateParams::new(vec!["two".into()]).unwrap();
        let one = Pin::of(one.self_signed(&key).unwrap().der()).unwrap();
        let two = Pin::of(two.self_signed(&key).unwrap().der()).unwrap();
        assert_eq!(one, two);
        assert_eq!(one.to_string().parse(), Ok(one));
        assert_eq!(Pin::of(&CertificateDer::from(vec![1, 2, 3])), None);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "sha256:",
            "sha256:00",
            "md5:00",
            &format!("sha256:{}", "g".repeat(64)),
        ] {
            assert_eq!(text.parse::<Pin>(), Err(NotAPin), "{text}");
        }
    }
}
