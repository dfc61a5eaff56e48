//! Titles of a whole fleet: which of them no catalogue entry knows, and which a rule would flag, by how many
//! devices have them.

mod fleet;
mod version;

pub use fleet::{Fleet, FleetTitle};

use std::{cmp::Reverse, collections::BTreeMap};

use deskwarden_proto::{
    decode,
    v1::{Section, Software, SoftwareKind, facet},
};

use crate::{
    catalogue::Classified,
    port::FacetCount,
    rules::{ItemFacts, Rule, RuleSet},
};

/// A title, whatever its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title {
    /// As it registered itself.
    pub name: String,
    /// Its publisher.
    pub publisher: String,
    /// Whether the name is a package's.
    pub package: bool,
    /// Devices that have it; one with two versions of it counts twice.
    pub devices: u64,
    /// Ids of its categories; empty where no entry knows it.
    pub categories: Vec<String>,
}

/// Titles that no entry of the catalogue knows, most devices first.
pub fn unknown(rules: &RuleSet, counts: &[FacetCount]) -> Vec<Title> {
    titles(rules, counts, |_, class| class.is_none())
}

/// Titles that a rule of kind `item` would take, most devices first. Says nothing of its scope.
pub fn taken(rules: &RuleSet, rule: &Rule, counts: &[FacetCount]) -> Vec<Title> {
    titles(rules, counts, |facet, class| {
        rules.selects(
            rule,
            &ItemFacts {
                section: Section::Software,
                source: "",
                key: "",
                principal: "",
                facet,
                local: None,
                class,
                licences: &[],
            },
        )
    })
}

fn titles(
    rules: &RuleSet,
    counts: &[FacetCount],
    wanted: impl Fn(&facet::Kind, Option<&Classified>) -> bool,
) -> Vec<Title> {
    let mut found: BTreeMap<(String, String, bool), (u64, Vec<String>)> = BTreeMap::new();
    for count in counts {
        // What another version wrote is not counted, as it is not judged.
        let Ok(kind) = decode::facet(Section::Software, &count.facet) else {
            continue;
        };
        let facet::Kind::Software(software) = &kind else {
            continue;
        };
        if software.kind() == SoftwareKind::Update {
            continue;
        }
        let class = rules.classify(&kind, platform(software));
        if !wanted(&kind, class.as_ref()) {
            continue;
        }
        let key = (
            software.name.clone(),
            software.publisher.clone(),
            software.kind() == SoftwareKind::Package,
        );
        let of_title = found.entry(key).or_default();
        of_title.0 = of_title.0.saturating_add(count.devices);
        of_title.1 = class.map(|class| class.categories).unwrap_or_default();
    }
    let mut titles: Vec<Title> = found
        .into_iter()
        .map(|((name, publisher, package), (devices, categories))| Title {
            name,
            publisher,
            package,
            devices,
            categories,
        })
        .collect();
    titles.sort_by_key(|title| Reverse(title.devices));
    titles
}

/// The system that a kind of software is for.
fn platform(software: &Software) -> &'static str {
    match software.kind() {
        SoftwareKind::UninstallEntry | SoftwareKind::StoreApp | SoftwareKind::Unspecified => "windows-x86_64",
        _ => "linux-x86_64",
    }
}
