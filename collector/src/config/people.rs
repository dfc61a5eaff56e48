//! `[sign_in]` and `[retention]`: how long a sign-in holds, which roles need a second factor, who vouches for people
//! beside the store, how long the audit log is kept.

use std::time::Duration;

use deskwarden_domain::model::{AUDIT_FLOOR_DAYS, Role};
use toml::Spanned;

use super::{Check, Ldap, Oidc, raw, vouch};

/// Settings about people who sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// Roles that need a second factor.
    pub second_factor: Vec<Role>,
    /// A sign-in ends after so long without use.
    pub idle: Duration,
    /// And after so long however it is used.
    pub longest: Duration,
    /// The directory.
    pub ldap: Option<Ldap>,
    /// The OpenID provider.
    pub oidc: Option<Oidc>,
    /// Days that the audit log is kept.
    pub audit_days: u32,
}

impl Default for People {
    fn default() -> Self {
        Self {
            second_factor: Vec::new(),
            idle: Duration::from_secs(30 * 60),
            longest: Duration::from_secs(12 * 3_600),
            ldap: None,
            oidc: None,
            audit_days: 730,
        }
    }
}

pub(super) fn convert(
    sign_in: raw::SignIn,
    retention: raw::Retention,
    public_url: Option<&str>,
    check: &mut Check<'_>,
) -> People {
    let mut people = People::default();
    if let Some(names) = sign_in.second_factor {
        for name in names.get_ref() {
            match Role::by_name(name) {
                Some(role) => people.second_factor.push(role),
                None => check.fault(
                    names.span().start,
                    format!(
                        "sign_in.second_factor: there is no role {name:?}; there are administrator, technician, \
                         rule_officer, auditor"
                    ),
                ),
            }
        }
    }
    if let Some(minutes) = within(sign_in.idle_minutes, "sign_in.idle_minutes", 1, 480, check) {
        people.idle = Duration::from_secs(u64::from(minutes) * 60);
    }
    if let Some(hours) = within(sign_in.longest_hours, "sign_in.longest_hours", 1, 24, check) {
        people.longest = Duration::from_secs(u64::from(hours) * 3_600);
    }
    people.ldap = sign_in.ldap.and_then(|raw| vouch::ldap(raw, check));
    people.oidc = sign_in.oidc.and_then(|raw| vouch::oidc(raw, public_url, check));
    if let Some(days) = retention.audit_days {
        if *days.get_ref() < AUDIT_FLOOR_DAYS {
            check.fault(
                days.span().start,
                format!("retention.audit_days: at least {AUDIT_FLOOR_DAYS}, because laws ask for six months"),
            );
        } else {
            people.audit_days = *days.get_ref();
        }
    }
    people
}

fn within(
    given: Option<Spanned<u16>>,
    key: &str,
    least: u16,
    most: u16,
    check: &mut Check<'_>,
) -> Option<u16> {
    let given = given?;
    if (least..=most).contains(given.get_ref()) {
        return Some(*given.get_ref());
    }
    check.fault(given.span().start, format!("{key}: from {least} to {most}"));
    None
}
