//! Secrets that people copy: enrolment tokens and one-time passwords. Only their hashes are stored.

use std::fmt;

/// An enrolment token: `dw-` and 26 characters of base32 over 128 random bits. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// The text is not an enrolment token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an enrolment token is `dw-` followed by 26 letters and digits; was it copied whole?")]
pub struct NotAToken;

impl Token {
    /// From 128 random bits; the caller brings the randomness.
    pub fn from_random(bits: [u8; 16]) -> Self {
        let text = data_encoding::BASE32_NOPAD.encode(&bits).to_lowercase();
        Self(format!("dw-{text}"))
    }

    /// Reads a copied token; white space around it is dropped.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        let text = text.trim().to_ascii_lowercase();
        let digits = text.strip_prefix("dw-").ok_or(NotAToken)?;
        let bits = data_encoding::BASE32_NOPAD
            .decode(digits.to_uppercase().as_bytes())
            .map_err(|_| NotAToken)?;
        if bits.len() == 16 {
            Ok(Self(text))
        } else {
            Err(NotAToken)
        }
    }

    /// What is stored: 128 random bits need no slow hash.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(self.0.as_bytes()).as_bytes()
    }

    /// The text, to show it once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_token_has_the_same_hash() {
        let token = Token::from_random([9; 16]);
        assert_eq!(
            Token::parse(&format!(" {}\n", token.reveal().to_uppercase()))
                .unwrap()
                .hash(),
            token.hash()
        );
        assert_eq!(format!("{token:?}"), "Token(redacted)");
    }

    #[test]
    fn a_broken_token_is_refused() {
        for text in [
            "",
            "dw-",
            "dw-abc",
            "xx-aaaaaaaaaaaaaaaaaaaaaaaaaa",
            "dw-aaaaaaaaaaaaaaaaaaaaaaaaa1",
        ] {
            assert_eq!(Token::parse(text), Err(NotAToken), "{text}");
        }
    }
}
