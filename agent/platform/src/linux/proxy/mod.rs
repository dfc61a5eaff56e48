//! Section `proxy`: every place on a Linux PC where a proxy is set, one source per file of this folder.
//! Here is what they share: from a setting to a fact, without credentials.

mod apt;
mod browsers;
mod desktop;
mod environment;
mod git;
mod tools;
mod user_environment;

use deskwarden_parse::proxy::{Setting, parse_bypass};

use crate::{
    Fact, Root, WatchPath, Watched,
    proxy::{self, Owner, VARIABLES},
};

pub(super) use apt::Apt;
pub(super) use browsers::Browsers;
pub(super) use desktop::{Dconf, Kde};
pub(super) use environment::Environment;
pub(super) use git::Git;
pub(super) use tools::Tools;
pub(super) use user_environment::UserEnvironment;

/// Settings that name a script which chooses the proxy.
const SCRIPTS: [&str; 5] = [
    "/system/proxy/autoconfig-url",
    "Proxy Config Script",
    "Proxy.AutoConfigURL",
    "ProxyPacUrl",
    "network.proxy.autoconfig_url",
];

/// The fact of one setting; `None` when it sets no proxy.
fn fact(place: &str, setting: &Setting, bypass: &[String], program: &str, owner: Owner<'_>) -> Option<Fact> {
    let place = format!("/{}", place.trim_start_matches('/'));
    let script = SCRIPTS.contains(&setting.name.as_str());
    proxy::fact(&place, setting, bypass, program, owner, script)
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
