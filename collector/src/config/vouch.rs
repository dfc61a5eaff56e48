//! `[sign_in.ldap]` and `[sign_in.oidc]`: who vouches for people beside the store, and which roles their groups give.
//! Connects to nothing.

use std::{collections::BTreeSet, net::IpAddr, path::PathBuf, time::Duration};

use deskwarden_domain::model::{Role, Sight};
use toml::Spanned;

use super::{Check, Secret, raw};

/// A directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ldap {
    /// Its servers, in the order in which they are asked.
    pub servers: Vec<LdapServer>,
    /// PEM file of the only authority that may have issued their certificates; without it those of the system.
    pub ca_file: Option<PathBuf>,
    /// As whom the collector searches.
    pub bind: Bind,
    /// Where people are.
    pub base: String,
    /// What finds one person, with `{user}`.
    pub user_filter: String,
    /// Attribute that holds the sign-in name.
    pub name_attribute: String,
    /// Where groups are.
    pub group_base: String,
    /// What finds the groups of a person, with `{dn}` or `{user}`.
    pub group_filter: String,
    /// What groups give; their names are DNs.
    pub groups: Vec<Group>,
    /// For connecting, and for every question.
    pub timeout: Duration,
}

/// A server of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdapServer {
    /// `ldaps://` from the first byte; `ldap://` upgrades where [`starttls`](Self::starttls) is set.
    pub url: String,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Begins in plain text and must upgrade.
    pub starttls: bool,
}

/// As whom the collector searches a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// An account of its own.
    Service {
        /// Its DN.
        dn: String,
        /// Its password.
        password: Secret,
    },
    /// Whoever signs in: their name in this template, with `{user}`.
    Direct(String),
}

/// An OpenID provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oidc {
    /// Its address, exactly as its tokens have it.
    pub issuer: String,
    /// What the collector is called there.
    pub client_id: String,
    /// Its secret; without one it is a public client.
    pub secret: Option<Secret>,
    /// What the sign-in page calls it.
    pub label: String,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Claim that holds the sign-in name.
    pub name_claim: String,
    /// Claim that holds the groups; `a.b` is `b` inside `a`.
    pub groups_claim: String,
    /// PEM file of an own certificate authority.
    pub ca_file: Option<PathBuf>,
    /// Where the provider sends the browser back to.
    pub redirect_uri: String,
    /// What groups give.
    pub groups: Vec<Group>,
}

/// What a group gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name as the other side has it.
    pub name: String,
    /// Roles.
    pub roles: Vec<Role>,
    /// Whose assets it shows.
    pub sight: Sight,
}

/// Path of [`Oidc::redirect_uri`] below the address of the dashboard.
pub(crate) const BACK: &str = "/sign-in/oidc/back";

pub(super) fn ldap(raw: Spanned<raw::Ldap>, check: &mut Check<'_>) -> Option<Ldap> {
    let at = raw.span().start;
    let raw = raw.into_inner();
    let before = check.faults.len();
    let starttls = raw.starttls.unwrap_or(false);
    let servers = raw.urls.unwrap_or_default();
    if servers.is_empty() {
        check.fault(
            at,
            "sign_in.ldap.urls is missing: as [\"ldaps://dc1.corp.example\"]",
        );
    }
    let servers = servers
        .iter()
        .filter_map(|url| server(url, starttls, check))
        .collect();
    let bind = bind(raw.bind_dn, raw.password_file, raw.bind_template, at, check);
    let base = required(raw.base, ("ldap", "base"), at, check);
    let name_attribute = raw
        .name_attribute
        .map_or_else(|| "uid".to_owned(), |name| attribute(&name, check));
    let user_filter = match raw.user_filter {
        None => format!("({name_attribute}={{user}})"),
        Some(text) => filter(&text, "user_filter", &["{user}"], check),
    };
    let group_filter = match raw.group_filter {
        None => "(member={dn})".to_owned(),
        Some(text) => filter(&text, "group_filter", &["{dn}", "{user}"], check),
    };
    let seconds = raw.timeout_seconds.map_or(5, |seconds| {
        if !(1..=30).contains(seconds.get_ref()) {
            check.fault(seconds.span().start, "sign_in.ldap.timeout_seconds: from 1 to 30");
        }
        *seconds.get_ref()
    });
    let groups = groups(raw.group, "ldap", at, check);
    let ca_file = ca_file(raw.ca_file, "ldap", check);
    let (bind, base) = (bind?, base?);
    (check.faults.len() == before).then(|| Ldap {
        servers,
        ca_file,
        bind,
        user_filter,
        name_attribute,
        group_base: raw.group_base.map_or_else(|| base.clone(), Spanned::into_inner),
        base,
        group_filter,
        groups,
        timeout: Duration::from_secs(u64::from(seconds)),
    })
}

pub(super) fn oidc(raw: Spanned<raw::Oidc>, public_url: Option<&str>, check: &mut Check<'_>) -> Option<Oidc> {
    let at = raw.span().start;
    let raw = raw.into_inner();
    let before = check.faults.len();
    let issuer_at = raw.issuer.as_ref().map_or(at, |issuer| issuer.span().start);
    let issuer = required(raw.issuer, ("oidc", "issuer"), at, check);
    if issuer.as_deref().is_some_and(|issuer| !is_https(issuer)) {
        check.fault(
            issuer_at,
            "sign_in.oidc.issuer: not an address as \"https://login.example.com/realms/office\"; only https, no `?` \
             and no `#`",
        );
    }
    if !public_url.is_some_and(|url| url.starts_with("https://")) {
        check.fault(
            at,
            "sign_in.oidc needs public_url, the https address at which people reach the dashboard: the provider sends \
             them back to it",
        );
    }
    let client_id = required(raw.client_id, ("oidc", "client_id"), at, check);
    let secret = raw
        .secret_file
        .and_then(|file| secret(&file, ("oidc", "secret_file"), check));
    let mut scopes = Vec::new();
    for scope in raw.scopes.into_iter().flatten() {
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\');
        if scope.get_ref().is_empty() || !scope.get_ref().chars().all(plain) {
            check.fault(
                scope.span().start,
                format!("sign_in.oidc.scopes: {:?} is not one scope", scope.get_ref()),
            );
        }
        scopes.push(scope.into_inner());
    }
    if scopes.is_empty() {
        scopes.push("profile".to_owned());
    }
    let groups = groups(raw.group, "oidc", at, check);
    let ca_file = ca_file(raw.ca_file, "oidc", check);
    let text = |text: Option<Spanned<String>>, default: &str| {
        text.map_or_else(|| default.to_owned(), |text| text.into_inner().trim().to_owned())
    };
    let (issuer, client_id) = (issuer?, client_id?);
    (check.faults.len() == before).then(|| Oidc {
        label: text(raw.label, "OpenID"),
        name_claim: text(raw.name_claim, "preferred_username"),
        groups_claim: text(raw.groups_claim, "groups"),
        redirect_uri: format!("{}{BACK}", public_url.unwrap_or_default()),
        issuer,
        client_id,
        secret,
        scopes,
        ca_file,
        groups,
    })
}

fn server(url: &Spanned<String>, starttls: bool, check: &mut Check<'_>) -> Option<LdapServer> {
    let at = url.span().start;
    let text = url.get_ref().trim_end_matches('/');
    let (tls, place) = match text.split_once("://") {
        Some(("ldaps", place)) => (true, place),
        Some(("ldap", place)) => (false, place),
        _ => (false, ""),
    };
    let default = if tls { 636 } else { 389 };
    let named = if place.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty()) {
        place.to_owned()
    } else {
        format!("{place}:{default}")
    };
    let Some(place) = crate::outbound::HostPort::parse(&named).filter(|place| !place.host.contains(':'))
    else {
        check.fault(
            at,
            format!(
                "sign_in.ldap.urls: {:?} is not an address as \"ldaps://dc1.corp.example\" or \
                 \"ldap://dc1.corp.example:389\"",
                url.get_ref()
            ),
        );
        return None;
    };
    let here = place.host == "localhost" || place.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if !tls && !starttls && !here {
        check.fault(
            at,
            "sign_in.ldap.urls: passwords would travel in plain text; use ldaps://, or say starttls = true",
        );
    }
    Some(LdapServer {
        url: format!(
            "{}://{}:{}",
            if tls { "ldaps" } else { "ldap" },
            place.host,
            place.port
        ),
        starttls: starttls && !tls,
        host: place.host,
        port: place.port,
    })
}

fn bind(
    dn: Option<Spanned<String>>,
    file: Option<Spanned<String>>,
    template: Option<Spanned<String>>,
    at: usize,
    check: &mut Check<'_>,
) -> Option<Bind> {
    match (dn, file, template) {
        (Some(dn), Some(file), None) => {
            let password = secret(&file, ("ldap", "password_file"), check)?;
            if dn.get_ref().trim().is_empty() {
                check.fault(dn.span().start, "sign_in.ldap.bind_dn is empty");
            }
            Some(Bind::Service {
                dn: dn.into_inner(),
                password,
            })
        }
        (None, None, Some(template)) => {
            if !template.get_ref().contains("{user}") {
                check.fault(
                    template.span().start,
                    "sign_in.ldap.bind_template: there is no {user} in it",
                );
            }
            Some(Bind::Direct(template.into_inner()))
        }
        _ => {
            check.fault(
                at,
                "sign_in.ldap: either bind_dn with password_file (an account that may search), or bind_template (as \
                 \"{user}@corp.example\"), and not both",
            );
            None
        }
    }
}

fn attribute(name: &Spanned<String>, check: &mut Check<'_>) -> String {
    let text = name.get_ref();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if text.is_empty() || !text.chars().all(plain) {
        check.fault(
            name.span().start,
            format!("sign_in.ldap.name_attribute: {text:?} is not the name of an attribute"),
        );
    }
    text.clone()
}

fn filter(text: &Spanned<String>, key: &str, places: &[&str], check: &mut Check<'_>) -> String {
    let whole = text.get_ref();
    let tried = whole.replace("{user}", "x").replace("{dn}", "cn=x");
    if !places.iter().any(|place| whole.contains(place)) {
        check.fault(
            text.span().start,
            format!("sign_in.ldap.{key}: there is no {} in it", places.join(" or ")),
        );
    } else if ldap3::parse_filter(&tried).is_err() {
        check.fault(
            text.span().start,
            format!("sign_in.ldap.{key}: {whole:?} is not a filter as RFC 4515 has it"),
        );
    }
    whole.clone()
}

fn groups(raw: Vec<Spanned<raw::Group>>, kind: &str, at: usize, check: &mut Check<'_>) -> Vec<Group> {
    if raw.is_empty() {
        check.fault(
            at,
            format!("sign_in.{kind}: without a [[sign_in.{kind}.group]] nobody may sign in"),
        );
    }
    let mut seen = BTreeSet::new();
    let mut groups = Vec::new();
    for entry in raw {
        let at = entry.span().start;
        if let Some(group) = group(entry.into_inner(), kind, at, check) {
            if !seen.insert(group.name.to_lowercase()) {
                check.fault(
                    at,
                    format!("sign_in.{kind}.group: {:?} is there twice", group.name),
                );
            }
            groups.push(group);
        }
    }
    groups
}

fn group(raw: raw::Group, kind: &str, at: usize, check: &mut Check<'_>) -> Option<Group> {
    let name = required(raw.name, (&format!("{kind}.group"), "name"), at, check);
    let mut roles: Vec<Role> = Vec::new();
    let roles_at = raw.roles.as_ref().map_or(at, |roles| roles.span().start);
    for text in raw.roles.map(Spanned::into_inner).unwrap_or_default() {
        match Role::by_name(&text) {
            Some(role) if roles.contains(&role) => {}
            Some(role) => roles.push(role),
            None => check.fault(
                roles_at,
                format!(
                    "sign_in.{kind}.group.roles: there is no role {text:?}; there are administrator, technician, \
                     rule_officer, auditor"
                ),
            ),
        }
    }
    if roles.is_empty() {
        check.fault(
            roles_at,
            format!("sign_in.{kind}.group.roles is missing: at least one role"),
        );
    } else if !Role::combine(&roles) {
        check.fault(
            roles_at,
            format!("sign_in.{kind}.group.roles: an auditor has no other role"),
        );
    }
    let departments: Vec<String> = raw
        .departments
        .unwrap_or_default()
        .into_iter()
        .map(Spanned::into_inner)
        .collect();
    let sight = Sight::of(&departments.join("\n"));
    if sight.is_limited() && roles.contains(&Role::Administrator) {
        check.fault(
            at,
            format!("sign_in.{kind}.group.departments: an administrator sees everything"),
        );
    }
    Some(Group {
        name: name?,
        roles,
        sight,
    })
}

fn required(
    value: Option<Spanned<String>>,
    (kind, key): (&str, &str),
    at: usize,
    check: &mut Check<'_>,
) -> Option<String> {
    let value = value
        .map(|text| text.into_inner().trim().to_owned())
        .filter(|text| !text.is_empty());
    if value.is_none() {
        check.fault(at, format!("sign_in.{kind}.{key} is missing"));
    }
    value
}

fn secret(file: &Spanned<String>, (kind, key): (&str, &str), check: &mut Check<'_>) -> Option<Secret> {
    let path = check.path(file.get_ref());
    Secret::read(&path)
        .map_err(|error| {
            check.fault(
                file.span().start,
                format!("sign_in.{kind}.{key}: {}: {error}", path.display()),
            );
        })
        .ok()
}

fn ca_file(file: Option<Spanned<String>>, kind: &str, check: &mut Check<'_>) -> Option<PathBuf> {
    let file = file?;
    let path = check.path(file.get_ref());
    if !path.is_file() {
        check.fault(
            file.span().start,
            format!("sign_in.{kind}.ca_file: there is no file {}", path.display()),
        );
    }
    Some(path)
}

/// A plain https address: what comes behind it is put together by adding text.
fn is_https(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '@' | '<' | '>' | '"' | '\\');
    text.strip_prefix("https://")
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && rest.chars().all(plain))
}

#[cfg(test)]
mod tests;
