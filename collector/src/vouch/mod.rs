//! Who vouches for people beside the store: a directory, an OpenID provider. Says who somebody is and what their groups
//! give; makes no account and opens no session.

pub(crate) mod attempt;
mod keys;
mod ldap;
mod oidc;
mod token;

use std::sync::Arc;

use deskwarden_domain::model::{Role, Sight};
use unicode_normalization::UnicodeNormalization as _;

use crate::config::{Group, People};

pub use ldap::Directory;
pub use oidc::Provider;

/// Those who vouch here.
#[derive(Clone, Debug, Default)]
pub struct Vouchers {
    /// The directory.
    pub ldap: Option<Arc<Directory>>,
    /// The OpenID provider.
    pub oidc: Option<Arc<Provider>>,
}

impl Vouchers {
    /// Those of the configuration; connects to nothing.
    pub fn of(people: &People) -> Result<Self, SetupError> {
        let ldap = people.ldap.clone().map(Directory::new).transpose()?;
        let oidc = people.oidc.clone().map(Provider::new).transpose()?;
        Ok(Self {
            ldap: ldap.map(Arc::new),
            oidc: oidc.map(Arc::new),
        })
    }
}

/// Why somebody who vouches cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sign_in.{kind}: {why}")]
pub struct SetupError {
    kind: &'static str,
    why: String,
}

/// Why nobody vouches for a sign-in. Causes are for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VouchError {
    /// Another password, or no such person: not told apart.
    #[error("name or password is wrong")]
    Refused,
    /// The groups give the auditor's role and another one.
    #[error("the groups of {0} give the role of an auditor and another one, which one person may not hold")]
    Clash(String),
    /// The answer proves nothing.
    #[error("the answer is not to be believed: {0}")]
    Unproven(String),
    /// It is out of reach.
    #[error("out of reach: {0}")]
    Unreachable(String),
    /// It, or what the configuration says of it, is not in order.
    #[error("{0}")]
    Broken(String),
}

/// A sign-in name as accounts have it: one form for all the ways to write the same letters. A directory compares like
/// that, and guesses at one person must meet one counter.
pub fn sign_in_name(text: &str) -> Option<String> {
    let name: String = text.trim().nfkc().collect::<String>().to_lowercase();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
    let fits = !name.is_empty() && name.chars().count() <= 64 && name.chars().all(plain);
    fits.then_some(name)
}

/// What the groups of `name` give together. The order of roles is that of [`Role::ALL`]; a group that shows
/// everything wins over those that show departments.
fn rights(
    name: &str,
    groups: &[Group],
    is_in: impl Fn(&str) -> bool,
) -> Result<(Vec<Role>, Sight), VouchError> {
    let held: Vec<&Group> = groups.iter().filter(|group| is_in(&group.name)).collect();
    let roles: Vec<Role> = Role::ALL
        .into_iter()
        .filter(|role| held.iter().any(|group| group.roles.contains(role)))
        .collect();
    if !roles.is_empty() && !Role::combine(&roles) {
        return Err(VouchError::Clash(name.to_owned()));
    }
    let whole = roles.contains(&Role::Administrator) || held.iter().any(|group| !group.sight.is_limited());
    let sight = if whole {
        Sight::Everything
    } else {
        let names: Vec<&str> = held
            .iter()
            .flat_map(|group| group.sight.departments().iter().map(String::as_str))
            .collect();
        Sight::of(&names.join("\n"))
    };
    Ok((roles, sight))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, roles: &[Role], departments: &str) -> Group {
        Group {
            name: name.into(),
            roles: roles.to_vec(),
            sight: Sight::of(departments),
        }
    }

    #[test]
    fn a_name_is_one_however_it_is_written() {
        for text in ["Wang", " ｗａｎｇ ", "WANG"] {
            assert_eq!(sign_in_name(text).as_deref(), Some("wang"), "{text}");
        }
        assert_eq!(sign_in_name("王芳").as_deref(), Some("王芳"));
        assert_eq!(
            sign_in_name("Wang@Corp.example").as_deref(),
            Some("wang@corp.example")
        );
        for text in [
            "",
            "*)(uid=*",
            "a b",
            "a,dc=x",
            "corp\\wang",
            "wang\0",
            "a\u{ad}b",
        ] {
            assert_eq!(sign_in_name(text), None, "{text:?}");
        }
        assert_eq!(sign_in_name(&"a".repeat(65)), None);
    }

    #[test]
    fn groups_add_up_and_an_auditor_is_nothing_else() {
        let groups = [
            group("desk", &[Role::Technician], "客服部"),
            group("shop", &[Role::Technician], "工程部"),
            group("rules", &[Role::RuleOfficer], ""),
            group("audit", &[Role::Auditor], ""),
        ];
        let of = |names: &[&str]| rights("wang", &groups, |name| names.contains(&name));
        assert_eq!(of(&[]), Ok((vec![], Sight::Everything)));
        assert_eq!(
            of(&["shop", "desk"]),
            Ok((vec![Role::Technician], Sight::of("客服部\n工程部")))
        );
        assert_eq!(
            of(&["rules", "desk"]),
            Ok((vec![Role::Technician, Role::RuleOfficer], Sight::Everything))
        );
        assert_eq!(of(&["desk", "audit"]), Err(VouchError::Clash("wang".into())));
    }
}
