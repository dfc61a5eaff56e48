//! Passwords: Argon2id hashes, comparison that takes the same time for names that do not exist, and what
//! a new password must be like. Knows no store.

use std::sync::OnceLock;

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::SaltString,
};

/// Longest password in bytes: what a hash is asked to read is bounded.
pub const LONGEST: usize = 1024;
/// Fewest characters of a password that a person chooses.
pub const SHORTEST: usize = 10;

/// Why a password cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Too short.
    #[error("a password has at least {SHORTEST} characters")]
    TooShort,
    /// Too long.
    #[error("a password has at most {LONGEST} bytes")]
    TooLong,
    /// Too few kinds of characters for its length.
    #[error("mix three of: lower case, upper case, digits, other characters; or use 16 characters or more")]
    TooSimple,
    /// The name inside the password.
    #[error("the password contains the sign-in name")]
    ContainsName,
    /// The hash could not be computed.
    #[error("the password could not be hashed")]
    Hash,
}

/// Whether a person may choose this password.
pub fn check(password: &str, name: &str) -> Result<(), PasswordFault> {
    if password.len() > LONGEST {
        return Err(PasswordFault::TooLong);
    }
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(PasswordFault::TooShort);
    }
    if !name.is_empty() && password.to_lowercase().contains(&name.to_lowercase()) {
        return Err(PasswordFault::ContainsName);
    }
    let kinds = [
        password.chars().any(char::is_lowercase),
        password.chars().any(char::is_uppercase),
        password.chars().any(|c| c.is_ascii_digit()),
        password
            .chars()
            .any(|c| !c.is_lowercase() && !c.is_uppercase() && !c.is_ascii_digit()),
    ];
    let kinds = kinds.into_iter().filter(|present| *present).count();
    let distinct = password.chars().collect::<std::collections::HashSet<_>>().len();
    if distinct < 5 || (length < 16 && kinds < 3) {
        Err(PasswordFault::TooSimple)
    } else {
        Ok(())
    }
}

/// Hashes a password, in PHC format. Slow on purpose: call it on a blocking thread. `salt` is random.
pub fn hash(password: &str, salt: [u8; 16]) -> Result<String, PasswordFault> {
    if password.len() > LONGEST {
        return Err(PasswordFault::TooLong);
    }
    let salt = SaltString::encode_b64(&salt).map_err(|_| PasswordFault::Hash)?;
    hasher()
        .hash_password(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|_| PasswordFault::Hash)
}

/// Whether the password is the one of the stored hash; without a stored hash (no such name) the same work
/// is done for nothing, so that time does not tell which names exist. Blocks.
pub fn verify(password: &str, stored: Option<&str>) -> bool {
    static NOBODY: OnceLock<String> = OnceLock::new();
    let nobody = NOBODY.get_or_init(|| hash("nobody has this password", [7; 16]).unwrap_or_default());
    let parsed = stored.and_then(|text| PasswordHash::new(text).ok());
    let known = parsed.is_some();
    let Some(against) = parsed.or_else(|| PasswordHash::new(nobody).ok()) else {
        return false;
    };
    let bounded = if password.len() > LONGEST { "" } else { password };
    hasher().verify_password(bounded.as_bytes(), &against).is_ok() && known && password.len() <= LONGEST
}

/// A password that somebody reads off a screen once: 80 random bits in four groups.
pub fn one_time(random: [u8; 10]) -> String {
    let text = data_encoding::BASE32_NOPAD.encode(&random).to_lowercase();
    let groups: Vec<&str> = [0..4, 4..8, 8..12, 12..16]
        .into_iter()
        .filter_map(|range| text.get(range))
        .collect();
    groups.join("-")
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_of_a_known_name_verifies() {
        let stored = hash("correct horse battery", [1; 16]).unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(verify("correct horse battery", Some(&stored)));
        assert!(!verify("correct horse batterz", Some(&stored)));
        assert!(!verify("nobody has this password", None));
        assert!(!verify("correct horse battery", Some("not a hash")));
        assert!(!verify(&"x".repeat(LONGEST + 1), Some(&stored)));
    }

    #[test]
    fn weak_passwords_are_refused() {
        assert_eq!(check("short", "admin"), Err(PasswordFault::TooShort));
        assert_eq!(check("allsmallletters", "admin"), Err(PasswordFault::TooSimple));
        assert_eq!(
            check("aaaaaaaaaaaaaaaaaaaa", "admin"),
            Err(PasswordFault::TooSimple)
        );
        assert_eq!(check("Admin-2026-ok", "admin"), Err(PasswordFault::ContainsName));
        assert_eq!(check(&"aB3-".repeat(300), "admin"), Err(PasswordFault::TooLong));
        assert_eq!(check("Kaffee-2026!", "admin"), Ok(()));
        assert_eq!(check("a long sentence of words", "admin"), Ok(()));
    }

    #[test]
    fn a_one_time_password_is_readable() {
        let text = one_time([0xff; 10]);
        assert_eq!(text, "7777-7777-7777-7777");
    }
}
