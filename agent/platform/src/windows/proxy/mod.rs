//! Section `proxy`: every place on a Windows PC where a proxy is set or made, one source per file of this folder.

mod browsers;
mod environment;
mod internet;
mod sharing;
mod winhttp;

pub(super) use browsers::{Firefox, Policies};
pub(super) use environment::Environment;
pub(super) use internet::{OfMachine, OfUsers};
pub(super) use sharing::Sharing;
pub(super) use winhttp::WinHttp;

use deskwarden_parse::{
    proxy::{Setting, parse_bypass},
    registry::{Values, settings::parse_servers},
};
use deskwarden_proto::v1::Section;

use crate::{
    Fact, SourceId,
    proxy::{Owner, fact},
};

fn id(source: &'static str) -> SourceId {
    SourceId {
        section: Section::Proxy,
        source,
    }
}

/// Proxies of a text that names one for all protocols, or one for each.
fn servers(
    place: &str,
    server: &str,
    in_force: bool,
    bypass: &str,
    program: &str,
    owner: Owner<'_>,
) -> Vec<Fact> {
    let bypass = parse_bypass(bypass);
    parse_servers(server, in_force)
        .iter()
        .filter_map(|setting| fact(place, setting, &bypass, program, owner, false))
        .collect()
}

/// The script that chooses a proxy.
fn script(
    place: &str,
    name: &str,
    url: &str,
    in_force: bool,
    program: &str,
    owner: Owner<'_>,
) -> Option<Fact> {
    let setting = Setting {
        name: name.to_owned(),
        value: url.to_owned(),
        in_force,
    };
    fact(place, &setting, &[], program, owner, true)
}

/// What an `Internet Settings` key sets by its values.
fn internet_settings(place: &str, values: &Values, owner: Owner<'_>) -> Vec<Fact> {
    let on = values.number("ProxyEnable").is_some_and(|on| on != 0);
    let bypass = values.text("ProxyOverride");
    let mut found = servers(place, &values.text("ProxyServer"), on, &bypass, "", owner);
    found.extend(script(
        place,
        "AutoConfigURL",
        &values.text("AutoConfigURL"),
        true,
        "",
        owner,
    ));
    found
}
