//! Section `proxy`: every place on a Linux PC where a proxy is set, one source per file of this folder.
//! Here is what they share: from a setting to a fact, without credentials.

mod apt;
mod browsers;
mod desktop;
mod environment;
mod git;
mod tools;
mod user_environment;

use deskwarden_parse::proxy::{Setting, parse_bypass, parse_proxy};
use deskwarden_proto::{
    key,
    v1::{Facet, Local, Proxy, facet::Kind},
};

use crate::{Fact, Root, WatchPath, Watched};

pub(super) use apt::Apt;
pub(super) use browsers::Browsers;
pub(super) use desktop::{Dconf, Kde};
pub(super) use environment::Environment;
pub(super) use git::Git;
pub(super) use tools::Tools;
pub(super) use user_environment::UserEnvironment;

/// Environment variables that name a proxy, lower case.
const VARIABLES: [&str; 9] = [
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

/// Settings that name a script which chooses the proxy.
const SCRIPTS: [&str; 5] = [
    "/system/proxy/autoconfig-url",
    "Proxy Config Script",
    "Proxy.AutoConfigURL",
    "ProxyPacUrl",
    "network.proxy.autoconfig_url",
];

/// Whose file it is.
#[derive(Clone, Copy, Debug, Default)]
struct Owner<'a> {
    /// Uid; empty for the machine.
    principal: &'a str,
    /// Account name at the time.
    account: &'a str,
}

/// The fact of one setting; `None` when it sets no proxy.
fn fact(place: &str, setting: &Setting, bypass: &[String], program: &str, owner: Owner<'_>) -> Option<Fact> {
    let found = parse_proxy(&setting.value)?;
    let proxy = Proxy {
        setting: setting.name.clone(),
        value: found.value,
        scheme: if SCRIPTS.contains(&setting.name.as_str()) {
            "pac".to_owned()
        } else {
            found.scheme
        },
        host: found.host,
        port: found.port.into(),
        bypass: bypass.to_vec(),
        enabled: setting.in_force,
        had_credentials: found.had_credentials,
        program: program.to_owned(),
    };
    let place = format!("/{}", place.trim_start_matches('/'));
    Some(Fact {
        key: key::proxy(&place, &setting.name),
        principal: owner.principal.to_owned(),
        facet: Facet {
            kind: Some(Kind::Proxy(proxy)),
        },
        local: Local {
            path: place,
            account: owner.account.to_owned(),
            ..Local::default()
        },
    })
}

/// Facts of the environment variables that a file sets. What bypasses a proxy is part of it, not a proxy.
fn variables(place: &str, settings: &[Setting], owner: Owner<'_>) -> Vec<Fact> {
    let bypass: Vec<String> = settings
        .iter()
        .filter(|setting| setting.name.eq_ignore_ascii_case("no_proxy"))
        .flat_map(|setting| parse_bypass(&setting.value))
        .collect();
    settings
        .iter()
        .filter(|setting| {
            VARIABLES
                .iter()
                .any(|name| setting.name.eq_ignore_ascii_case(name))
        })
        .filter_map(|setting| fact(place, setting, &bypass, "", owner))
        .collect()
}

fn file(root: &Root, path: &str) -> WatchPath {
    WatchPath {
        path: root.display(path),
        what: Watched::File,
    }
}

fn folder(root: &Root, path: &str) -> WatchPath {
    WatchPath {
        path: root.display(path),
        what: Watched::Folder,
    }
}
