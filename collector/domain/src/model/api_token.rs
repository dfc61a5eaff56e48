//! Tokens of the API: what a program may do in whose place.

use std::fmt;

use super::{Millis, Sight};

/// What a token of the API allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApiScope {
    /// Reading findings, assets, devices and what hangs on them.
    Read,
    /// Reading people who sign in, and the audit log.
    Audit,
    /// Deciding on findings, asking devices to look again.
    Act,
}

impl ApiScope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Read, Self::Audit, Self::Act];

    /// The name used in tables, forms and the document of the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Audit => "audit",
            Self::Act => "act",
        }
    }

    /// The scope of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// A token of the API. Its secret is shown once; the store keeps a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Row id.
    pub id: i64,
    /// What it is for, in the maker's words.
    pub label: String,
    /// BLAKE3 hash of the secret.
    pub hash: [u8; 32],
    /// What it allows.
    pub scopes: Vec<ApiScope>,
    /// Whose assets it reads: never more than its maker at that time.
    pub sight: Sight,
    /// When it was made.
    pub created_at: Millis,
    /// By whom: sign-in name.
    pub created_by: String,
    /// When it ends.
    pub expires_at: Millis,
    /// Last use, to the minute.
    pub last_used_at: Option<Millis>,
    /// When it was withdrawn.
    pub revoked_at: Option<Millis>,
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiToken")
            .field("id", &self.id)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}
