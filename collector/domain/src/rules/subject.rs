//! What a finding is about: its stable key, and what people call it.

use deskwarden_proto::{
    describe::{Describe, FieldDoc, Visitor},
    v1::facet,
};

use super::{
    facts::ItemFacts,
    rule::{Rule, SubjectKind},
};
use crate::{catalogue::file_name, model::Asset};

/// What a finding is about: a stable key and a name for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// Part of the finding's natural key.
    pub key: String,
    /// For pages, notices and alerts.
    pub name: String,
}

impl Subject {
    /// The asset itself.
    pub fn asset(asset: &Asset) -> Self {
        Self {
            key: "asset".to_owned(),
            name: asset.name.clone(),
        }
    }
}

/// The subject that a rule chooses for an item.
pub(crate) fn subject(rule: &Rule, item: &ItemFacts<'_>) -> Subject {
    let by_key = || Subject {
        key: item.key.to_owned(),
        name: name_of(item),
    };
    match &rule.subject {
        SubjectKind::Key => by_key(),
        SubjectKind::Catalogue => item.class.map_or_else(by_key, |class| Subject {
            key: class.entry.clone(),
            name: class.name.clone(),
        }),
        SubjectKind::Asset => Subject {
            key: "asset".to_owned(),
            name: rule.title.zh.clone(),
        },
        SubjectKind::Field(field) => match text_of(item.facet, field) {
            value if value.is_empty() => by_key(),
            value => Subject {
                key: value.clone(),
                name: value,
            },
        },
    }
}

/// What people call the thing that an item is about; the key where the facet has no name.
pub fn name_of(item: &ItemFacts<'_>) -> String {
    let name = match item.facet {
        facet::Kind::Os(os) => joined(&[&os.name, &os.version]),
        facet::Kind::Part(part) => joined(&[&part.manufacturer, &part.model, &part.position]),
        facet::Kind::Software(software) => software.name.clone(),
        facet::Kind::Process(process) => process.name.clone(),
        facet::Kind::Network(network) => network.interface.clone(),
        facet::Kind::Proxy(proxy) => joined(&[&proxy.setting, &proxy.value]),
        facet::Kind::Listener(listener) => {
            format!(
                "{} {}/{}",
                file_name(&listener.program),
                listener.protocol,
                listener.port
            )
        }
        facet::Kind::Account(account) => account.name.clone(),
        facet::Kind::Logon(logon) => joined(&[&logon.user, &logon.day]),
        facet::Kind::Security(security) => joined(&[&security.topic, &security.product]),
        facet::Kind::Share(share) => share.name.clone(),
        facet::Kind::Media(media) => joined(&[&media.vendor, &media.model, &media.serial]),
        facet::Kind::Neighbour(neighbour) => joined(&[&neighbour.ip, &neighbour.mac]),
        facet::Kind::Egress(egress) => format!("{} -> {}", file_name(&egress.program), egress.port),
        facet::Kind::Health(health) => joined(&[&health.topic, &health.subject]),
    };
    if name.trim().is_empty() {
        item.key.to_owned()
    } else {
        name
    }
}

fn joined(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(" ")
}

/// The value of a facet field as text; empty when there is no such field or value.
fn text_of(facet: &facet::Kind, field: &str) -> String {
    let mut find = FindText {
        field,
        value: String::new(),
    };
    facet.describe(&mut find);
    find.value
}

struct FindText<'a> {
    field: &'a str,
    value: String,
}

impl FindText<'_> {
    fn put(&mut self, doc: &'static FieldDoc, value: impl FnOnce() -> String) {
        if doc.name == self.field {
            self.value = value();
        }
    }
}

impl Visitor for FindText<'_> {
    fn text(&mut self, doc: &'static FieldDoc, value: &str) {
        self.put(doc, || value.to_owned());
    }
    fn texts(&mut self, doc: &'static FieldDoc, value: &[String]) {
        self.put(doc, || value.join(" "));
    }
    fn flag(&mut self, doc: &'static FieldDoc, value: bool) {
        self.put(doc, || value.to_string());
    }
    fn number(&mut self, doc: &'static FieldDoc, value: u64) {
        self.put(doc, || value.to_string());
    }
    fn choice(&mut self, doc: &'static FieldDoc, raw: i32, name: Option<&'static str>) {
        self.put(doc, || {
            name.map_or_else(|| format!("unknown_{raw}"), str::to_owned)
        });
    }
    fn list(&mut self, _: &'static FieldDoc, _: &mut dyn Iterator<Item = &dyn Describe>) {}
}
