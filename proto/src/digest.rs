//! Digests: how both sides know that they hold the same state without sending it.
//!
//! The digest of a section is the wrapping sum (u128) of one BLAKE3 prefix per item and per source
//! state. A sum can be kept up to date by subtracting the old value and adding the new one, and does
//! not depend on order. Every field is length-prefixed, so no two states share an encoding.

use crate::v1::{Look, Section};

/// Digest of one item. `section` to `principal` are its identity, `facet` and `local` its content.
pub fn item(section: Section, source: &str, key: &str, principal: &str, facet: &[u8], local: &[u8]) -> u128 {
    let mut hasher = Hasher::new(b"item");
    hasher.number(section as u32);
    for field in [
        source.as_bytes(),
        key.as_bytes(),
        principal.as_bytes(),
        facet,
        local,
    ] {
        hasher.field(field);
    }
    hasher.finish()
}

/// Digest of one source state.
pub fn source(section: Section, source: &str, look: Look, reason: &str) -> u128 {
    let mut hasher = Hasher::new(b"source");
    hasher.number(section as u32);
    hasher.field(source.as_bytes());
    hasher.number(look as u32);
    hasher.field(reason.as_bytes());
    hasher.finish()
}

/// Hash under which an encoded facet is interned: 32 bytes of BLAKE3.
pub fn facet(encoded: &[u8]) -> [u8; 32] {
    *blake3::hash(encoded).as_bytes()
}

/// Hash of a record's payload: the same sequence with another hash is a fork.
pub fn payload(encoded: &[u8]) -> [u8; 32] {
    *blake3::hash(encoded).as_bytes()
}

struct Hasher(blake3::Hasher);

impl Hasher {
    fn new(kind: &'static [u8]) -> Self {
        let mut hasher = Self(blake3::Hasher::new());
        hasher.field(kind);
        hasher
    }

    fn number(&mut self, value: u32) {
        self.0.update(&value.to_le_bytes());
    }

    fn field(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn finish(self) -> u128 {
        let mut prefix = [0u8; 16];
        self.0.finalize_xof().fill(&mut prefix);
        u128::from_le_bytes(prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_values_are_golden() {
        let value = item(Section::Software, "dpkg", "qq:amd64", "", b"f", b"l");
        assert_eq!(format!("{value:032x}"), include_str!("digest.golden").trim());
    }

    #[test]
    fn moving_a_byte_between_fields_changes_the_digest() {
        let a = item(Section::Software, "dpkg", "ab", "c", b"", b"");
        let b = item(Section::Software, "dpkg", "a", "bc", b"", b"");
        assert_ne!(a, b);
        assert_ne!(a, item(Section::Process, "dpkg", "ab", "c", b"", b""));
        assert_ne!(
            source(Section::Os, "x", Look::Looked, ""),
            source(Section::Os, "x", Look::Denied, "")
        );
    }
}
