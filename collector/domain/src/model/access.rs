//! People who sign in, their sessions, and the audit log's entries.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Millis, Sight};

/// What a person may do. Roles combine, the auditor's does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Users, tokens, channels, certificates.
    Administrator,
    /// Findings, assets, notices, approvals.
    Technician,
    /// Rules, regulations, catalogue.
    RuleOfficer,
    /// Reads everything, changes nothing.
    Auditor,
}

impl Role {
    /// The name used in tables and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Technician => "technician",
            Self::RuleOfficer => "rule_officer",
            Self::Auditor => "auditor",
        }
    }

    /// Every role.
    pub const ALL: [Self; 4] = [
        Self::Administrator,
        Self::Technician,
        Self::RuleOfficer,
        Self::Auditor,
    ];

    /// The role of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }

    /// Whether one person may hold these: at least one, and an auditor holds no other.
    pub fn combine(roles: &[Self]) -> bool {
        match roles {
            [] => false,
            [_] => true,
            several => !several.contains(&Self::Auditor),
        }
    }
}

/// Who vouches for a person at a sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voucher {
    /// The store: it keeps a hash of the password.
    #[default]
    Local,
    /// A directory (LDAP, Active Directory).
    Ldap,
    /// An OpenID provider.
    Oidc,
}

impl Voucher {
    /// The name used in tables and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Ldap => "ldap",
            Self::Oidc => "oidc",
        }
    }

    /// The voucher of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Local, Self::Ldap, Self::Oidc]
            .into_iter()
            .find(|voucher| voucher.name() == name)
    }
}

/// A person whom a directory or a provider vouched for just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// Which of both.
    pub by: Voucher,
    /// What names the person there for good: it stays when the name changes.
    pub subject: String,
    /// Sign-in name, lower case.
    pub name: String,
    /// Roles that the groups there give; without any nobody comes in.
    pub roles: Vec<Role>,
    /// Whose assets the groups let them see.
    pub sight: Sight,
}

/// A person who may sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Row id.
    pub id: i64,
    /// Sign-in name, lower case.
    pub name: String,
    /// Who vouches for the person.
    pub voucher: Voucher,
    /// Argon2id hash in PHC format; empty where somebody else keeps the password.
    pub password_hash: String,
    /// What the person may do.
    pub roles: Vec<Role>,
    /// The password was set by somebody else: it must be changed at the first sign-in.
    pub must_change_password: bool,
    /// Wrong passwords since the last right one.
    pub failures: u32,
    /// No sign-in before.
    pub locked_until: Option<Millis>,
    /// When the account was switched off.
    pub disabled_at: Option<Millis>,
    /// Whose assets the person sees.
    pub sight: Sight,
    /// When the account was made.
    pub created_at: Millis,
    /// Last sign-in, if there was one.
    pub last_sign_in_at: Option<Millis>,
    /// Secret of the one-time codes, sealed; `None` while the person has none.
    pub totp: Option<Vec<u8>>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A signed-in browser.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// BLAKE3 hash of the cookie's secret.
    pub hash: [u8; 32],
    /// Who.
    pub user_id: i64,
    /// Secret of the forms (CSRF), derived per session.
    pub csrf: [u8; 32],
    /// When it was made.
    pub created_at: Millis,
    /// Last use, for the idle timeout.
    pub last_used_at: Millis,
    /// The password was right, the one-time code is still due: nothing else is open yet.
    pub code_due: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

/// What is written to the audit log; the chain is the store's.
///
/// The chain holds no names of people. The store keeps the actor, and every name that [`person`](super::person)
/// marked in object and detail, under a pseudonym, and the pseudonym's meaning beside the chain, where it can be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Millis,
    /// Who: a user name, `deskwarden`, or `cli`.
    pub actor: String,
    /// What: `sign_in`, `finding.acknowledge`, `token.create`, ...
    pub action: String,
    /// To what: `finding:12`.
    pub object: String,
    /// More, in words or JSON; never a secret.
    pub detail: String,
}

/// An audit entry as it stands in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Position in the chain, from 1, without gaps.
    pub sequence: i64,
    /// The entry.
    pub entry: AuditEntry,
    /// BLAKE3 over the previous hash and the entry, each field length-prefixed.
    pub hash: [u8; 32],
}

/// Which entries of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this person or part of the product.
    pub actor: Option<String>,
    /// Whose action begins so: `user.` finds all about users.
    pub action: Option<String>,
    /// About exactly this: `asset:12`.
    pub object: Option<String>,
    /// Not before.
    pub since: Option<Millis>,
    /// Before.
    pub until: Option<Millis>,
    /// Words to find in object and detail.
    pub text: Option<String>,
    /// Only entries before this sequence: how a reader goes on from a page.
    pub before: Option<i64>,
}

/// Shortest time that the audit log is kept: laws ask for six months.
pub const AUDIT_FLOOR_DAYS: u32 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auditor_holds_no_other_role() {
        assert!(Role::combine(&[Role::Auditor]));
        assert!(Role::combine(&[
            Role::Administrator,
            Role::Technician,
            Role::RuleOfficer
        ]));
        assert!(!Role::combine(&[Role::Technician, Role::Auditor]));
        assert!(!Role::combine(&[]));
    }
}
