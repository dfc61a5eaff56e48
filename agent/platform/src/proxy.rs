//! From a proxy setting, wherever it stands, to a fact without credentials. Knows no place.

use deskwarden_parse::proxy::{Setting, parse_proxy};
use deskwarden_proto::{
    key,
    v1::{Facet, Local, Proxy, facet::Kind},
};

use crate::Fact;

/// Environment variables that name a proxy, lower case.
pub(crate) const VARIABLES: [&str; 9] = [
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "all_proxy",
    "socks_proxy",
    "rsync_proxy",
    // Of npm and pip, which read their settings from there too.
    "npm_config_proxy",
    "npm_config_https_proxy",
    "pip_proxy",
];

/// Whose setting it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Owner<'a> {
    /// Uid or SID; empty for the machine.
    pub(crate) principal: &'a str,
    /// Account name at the time.
    pub(crate) account: &'a str,
}

/// The fact of one setting of a place; `None` when it sets no proxy. A script chooses the proxy by itself.
pub(crate) fn fact(
    place: &str,
    setting: &Setting,
    bypass: &[String],
    program: &str,
    owner: Owner<'_>,
    script: bool,
) -> Option<Fact> {
    let found = parse_proxy(&setting.value)?;
    let proxy = Proxy {
        setting: setting.name.clone(),
        value: found.value,
        scheme: if script { "pac".to_owned() } else { found.scheme },
        host: found.host,
        port: found.port.into(),
        bypass: bypass.to_vec(),
        enabled: setting.in_force,
        had_credentials: found.had_credentials,
        program: program.to_owned(),
    };
    Some(Fact {
        key: key::proxy(place, &setting.name),
        principal: owner.principal.to_owned(),
        facet: Facet {
            kind: Some(Kind::Proxy(proxy)),
        },
        local: Local {
            path: place.to_owned(),
            account: owner.account.to_owned(),
            ..Local::default()
        },
    })
}
