//! Passwords that the collector itself makes: the first administrator's, and those that are given out.

use deskwarden_domain::{
    lifecycle::PRODUCT,
    model::{AuditEntry, Millis, Role, person},
    port::{Access, StoreError},
};

use crate::{
    config::Secret,
    entropy::{self, NoEntropy, OsEntropy},
    password::{self, PasswordFault},
};

/// Sign-in name of the first administrator.
pub const FIRST: &str = "admin";

/// A password to show once, and what is stored of it.
#[derive(Debug)]
pub struct OneTime {
    password: Secret,
    /// Argon2id hash in PHC format.
    pub hash: String,
}

impl OneTime {
    /// The password, to show it once.
    pub fn reveal(&self) -> &str {
        self.password.reveal()
    }
}

/// A sign-in name as it is stored: lower case, letters, digits, `.`, `-` and `_`.
pub fn user_name(text: &str) -> Result<String, &'static str> {
    let name = text.to_lowercase();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || name.chars().count() > 64 || !name.chars().all(plain) {
        return Err("1 to 64 letters, digits, `.`, `-` and `_`");
    }
    Ok(name)
}

/// Why no password could be made.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// No hash.
    #[error(transparent)]
    Password(#[from] PasswordFault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a password. Takes some tens of milliseconds.
pub fn one_time_password() -> Result<OneTime, PeopleError> {
    let text = password::one_time(entropy::bytes(&OsEntropy)?);
    let hash = password::hash(&text, entropy::bytes(&OsEntropy)?)?;
    Ok(OneTime {
        password: Secret::new(text),
        hash,
    })
}

/// Makes the first administrator where there is nobody yet.
pub fn first_administrator<S: Access + ?Sized>(
    store: &S,
    now: Millis,
) -> Result<Option<OneTime>, PeopleError> {
    if !store.users()?.is_empty() {
        return Ok(None);
    }
    let secret = one_time_password()?;
    let audit = AuditEntry {
        at: now,
        actor: PRODUCT.to_owned(),
        action: "user.add".to_owned(),
        object: format!("user:{}", person(FIRST)),
        detail: "first start".to_owned(),
    };
    let roles = [Role::Administrator, Role::Technician, Role::RuleOfficer];
    match store.create_user(FIRST, &secret.hash, &roles, true, &audit) {
        Ok(_) => Ok(Some(secret)),
        // Another collector over the same store was first.
        Err(StoreError::Conflict(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
