//! Facts as a reader sees them: fields with labels in the reader's language, differences field by field.
//! Labels come from the contract; nothing here knows a particular facet.

use std::fmt::{self, Display};

use askama::filters::HtmlSafe;
use deskwarden_domain::{model::Lang, rules::choice};
use deskwarden_proto::{
    decode,
    describe::{self, Describe, FieldDoc, Visitor},
    v1::Section,
};
use serde_json::Value as Json;

use super::{
    locale,
    text::{Agent, agent_text, bytes, escaped},
};

/// A field with its label.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// Name in the contract.
    pub(super) name: &'static str,
    /// Label in the reader's language.
    pub(super) label: &'static str,
    /// What stands in it.
    pub(super) value: Shown,
}

/// A value, ready for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Chosen by the PC.
    Agent(Agent),
    /// Chosen by us.
    Words(String),
    /// Several.
    List(Vec<Shown>),
    /// Values that belong together.
    Row(Vec<Shown>),
}

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(text) => text.fmt(f),
            Self::Words(text) => write!(f, "<span class=\"words\">{}</span>", escaped(text)),
            Self::List(values) if values.len() == 1 => values.iter().try_for_each(|value| value.fmt(f)),
            Self::List(values) => {
                f.write_str("<ul class=\"plain\">")?;
                values
                    .iter()
                    .try_for_each(|value| write!(f, "<li>{value}</li>"))?;
                f.write_str("</ul>")
            }
            Self::Row(values) => values.iter().enumerate().try_for_each(|(index, value)| {
                if index > 0 {
                    f.write_str(" ")?;
                }
                value.fmt(f)
            }),
        }
    }
}

impl HtmlSafe for Shown {}

/// The fields of a message that have a value, in contract order.
pub(super) fn fields(message: &dyn Describe, lang: Lang) -> Vec<Field> {
    let mut reader = Reader {
        lang,
        fields: Vec::new(),
    };
    message.describe(&mut reader);
    reader.fields
}

/// The fields of an item's facet and local part. A facet that this build cannot read has none.
pub(super) fn of_item(section: Section, facet: &[u8], local: &[u8], lang: Lang) -> Vec<Field> {
    let mut all = of_facet(section, facet, lang);
    if let Ok(part) = decode::local(local) {
        all.extend(fields(&part, lang));
    }
    all
}

/// The fields of a facet.
pub(super) fn of_facet(section: Section, facet: &[u8], lang: Lang) -> Vec<Field> {
    decode::facet(section, facet)
        .map(|kind| fields(&kind, lang))
        .unwrap_or_default()
}

/// A field that differs.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    /// Label in the reader's language.
    pub(super) label: String,
    /// Before; nothing when it was empty.
    pub(super) before: Option<Shown>,
    /// After; nothing when it is empty now.
    pub(super) after: Option<Shown>,
}

/// The fields that differ between two facets of a section.
pub(super) fn differences(section: Section, before: &[u8], after: &[u8], lang: Lang) -> Vec<Difference> {
    let (was, now) = (of_facet(section, before, lang), of_facet(section, after, lang));
    let value = |list: &[Field], name: &str| list.iter().find(|f| f.name == name).map(|f| f.value.clone());
    let mut names: Vec<(&str, &str)> = was.iter().chain(&now).map(|f| (f.name, f.label)).collect();
    let mut seen = std::collections::HashSet::new();
    names.retain(|(name, _)| seen.insert(*name));
    names
        .into_iter()
        .map(|(name, label)| Difference {
            label: label.to_owned(),
            before: value(&was, name),
            after: value(&now, name),
        })
        .filter(|difference| difference.before != difference.after)
        .collect()
}

/// The detail of a piece of evidence: its fields, and how it differs from what was accepted or assigned.
#[derive(Clone, Debug, Default)]
pub(super) struct Detail {
    /// What was seen.
    pub(super) fields: Vec<Seen>,
    /// How it differs.
    pub(super) differences: Vec<Difference>,
    /// `baseline` or `ledger`, where it differs.
    pub(super) against: String,
    /// `added`, `removed` or `changed`, where it differs.
    pub(super) change: String,
}

/// One thing that was seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) label: String,
    pub(super) value: Shown,
    /// The page of the asset that it names.
    pub(super) address: Option<String>,
}

/// After the name of one side of a story, its asset: `suspect`, `suspect_asset`.
const ITS_ASSET: &str = "_asset";

/// Reads the detail of a piece of evidence.
pub(super) fn detail(section: Option<Section>, text: &str, lang: Lang) -> Detail {
    let Ok(Json::Object(object)) = serde_json::from_str::<Json>(text) else {
        return Detail::default();
    };
    let mut out = Detail::default();
    for (name, value) in &object {
        match (name.as_str(), value) {
            ("difference", Json::Object(fields)) => {
                out.differences = fields
                    .iter()
                    .map(|(name, sides)| Difference {
                        label: label(section, name, lang),
                        before: sides.get("before").and_then(|value| shown(name, value, lang)),
                        after: sides.get("after").and_then(|value| shown(name, value, lang)),
                    })
                    .collect();
            }
            ("against", Json::String(against)) => out.against.clone_from(against),
            // The source stands beside the evidence already, the sentence above it.
            ("source" | "zh" | "en", _) => {}
            ("change", Json::String(change)) => out.change.clone_from(change),
            (name, _)
                if name
                    .strip_suffix(ITS_ASSET)
                    .is_some_and(|side| object.contains_key(side)) => {}
            (name, _) => {
                let asset = object.get(&format!("{name}{ITS_ASSET}")).and_then(Json::as_i64);
                out.fields.extend(shown(name, value, lang).map(|value| Seen {
                    label: label(section, name, lang),
                    value,
                    address: asset.map(|id| format!("/assets/{id}")),
                }));
            }
        }
    }
    out
}

/// Label of a section.
pub(super) fn section_label(section: Section, lang: Lang) -> &'static str {
    match (describe::section_doc(section), lang) {
        (Some(doc), Lang::Zh) => doc.zh,
        (Some(doc), Lang::En) => doc.en,
        (None, _) => "?",
    }
}

/// Why a section exists.
pub(super) fn section_purpose(section: Section, lang: Lang) -> &'static str {
    match (describe::section_doc(section), lang) {
        (Some(doc), Lang::Zh) => doc.purpose_zh,
        (Some(doc), Lang::En) => doc.purpose_en,
        (None, _) => "",
    }
}

fn label(section: Option<Section>, name: &str, lang: Lang) -> String {
    let fields = section
        .and_then(describe::section_doc)
        .map_or(&[][..], |doc| doc.fields);
    match fields.iter().find(|field| field.name == name) {
        Some(field) => field_label(field, lang).to_owned(),
        None => locale::find(lang, &format!("detail.{name}")).map_or_else(|| name.to_owned(), str::to_owned),
    }
}

const fn field_label(doc: &'static FieldDoc, lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => doc.zh,
        Lang::En => doc.en,
    }
}

fn choice(name: &str, lang: Lang) -> Shown {
    word(choice::choice(name), name, lang)
}

fn topic(name: &str, lang: Lang) -> Shown {
    word(choice::topic(name), name, lang)
}

fn word(words: Option<(&'static str, &'static str)>, name: &str, lang: Lang) -> Shown {
    match words {
        Some(words) => Shown::Words(choice::pick(words, lang).to_owned()),
        None => Shown::Agent(agent_text(name)),
    }
}

fn number(name: &str, value: u64) -> Shown {
    if name == "prefix" {
        return Shown::Words(format!("/{value}"));
    }
    Shown::Words(if name.ends_with("bytes") {
        bytes(value)
    } else {
        value.to_string()
    })
}

fn flag(value: bool, lang: Lang) -> Shown {
    Shown::Words(locale::word(lang, if value { "choice.yes" } else { "choice.no" }).to_owned())
}

/// A JSON value of a detail; `None` when it is empty.
fn shown(name: &str, value: &Json, lang: Lang) -> Option<Shown> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(value) => flag(*value, lang),
        Json::Number(value) => value
            .as_u64()
            .map_or_else(|| Shown::Words(value.to_string()), |value| number(name, value)),
        Json::String(text) if text.is_empty() => return None,
        // Enum names and texts look alike here: only known words are translated, and only where a field is one.
        Json::String(text) if name == "topic" => topic(text, lang),
        Json::String(text) if CHOICES.contains(&name) => choice(text, lang),
        Json::String(text) => Shown::Agent(agent_text(text)),
        Json::Array(values) => {
            let list: Vec<Shown> = values
                .iter()
                .filter_map(|value| shown(name, value, lang))
                .collect();
            if list.is_empty() {
                return None;
            }
            Shown::List(list)
        }
        Json::Object(fields) => Shown::Row(
            fields
                .iter()
                .filter_map(|(name, value)| shown(name, value, lang))
                .collect(),
        ),
    })
}

/// Names of fields whose values are enum names.
const CHOICES: [&str; 9] = [
    "kind",
    "mode",
    "class",
    "exposure",
    "activation",
    "state",
    "enabled",
    "up_to_date",
    "band",
];

struct Reader {
    lang: Lang,
    fields: Vec<Field>,
}

impl Reader {
    fn put(&mut self, doc: &'static FieldDoc, value: Shown) {
        self.fields.push(Field {
            name: doc.name,
            label: field_label(doc, self.lang),
            value,
        });
    }
}

impl Visitor for Reader {
    fn text(&mut self, doc: &'static FieldDoc, value: &str) {
        if !value.is_empty() {
            let shown = match doc.name {
                "topic" => topic(value, self.lang),
                _ => Shown::Agent(agent_text(value)),
            };
            self.put(doc, shown);
        }
    }

    fn texts(&mut self, doc: &'static FieldDoc, value: &[String]) {
        if !value.is_empty() {
            self.put(
                doc,
                Shown::List(value.iter().map(|text| Shown::Agent(agent_text(text))).collect()),
            );
        }
    }

    fn flag(&mut self, doc: &'static FieldDoc, value: bool) {
        if value {
            self.put(doc, flag(value, self.lang));
        }
    }

    fn number(&mut self, doc: &'static FieldDoc, value: u64) {
        if value != 0 {
            self.put(doc, number(doc.name, value));
        }
    }

    fn choice(&mut self, doc: &'static FieldDoc, raw: i32, name: Option<&'static str>) {
        if raw != 0 {
            let value = match name {
                Some(name) => choice(name, self.lang),
                None => Shown::Words(raw.to_string()),
            };
            self.put(doc, value);
        }
    }

    fn list(&mut self, doc: &'static FieldDoc, values: &mut dyn Iterator<Item = &dyn Describe>) {
        let rows: Vec<Shown> = values
            .map(|message| {
                Shown::Row(
                    fields(message, self.lang)
                        .into_iter()
                        .map(|field| field.value)
                        .collect(),
                )
            })
            .collect();
        if !rows.is_empty() {
            self.put(doc, Shown::List(rows));
        }
    }
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::{Message as _, v1};

    use super::*;

    fn network(ip: &str) -> Vec<u8> {
        let network = v1::Network {
            interface: "eth0".into(),
            addresses: vec![v1::Address {
                ip: ip.into(),
                prefix: 24,
                mode: v1::AddressMode::Static.into(),
                ..Default::default()
            }],
            ..Default::default()
        };
        v1::Facet {
            kind: Some(v1::facet::Kind::Network(network)),
        }
        .encode_to_vec()
    }

    #[test]
    fn labels_follow_the_reader() {
        let facet = network("10.0.0.5");
        let labels = |lang| -> Vec<&str> {
            of_facet(Section::Network, &facet, lang)
                .iter()
                .map(|f| f.label)
                .collect()
        };
        assert_eq!(labels(Lang::Zh), ["接口", "地址"]);
        assert_eq!(labels(Lang::En), ["Interface", "Addresses"]);
    }

    #[test]
    fn only_fields_that_differ_are_differences() {
        let found = differences(
            Section::Network,
            &network("10.0.0.5"),
            &network("10.0.0.66"),
            Lang::En,
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].label, "Addresses");
        assert!(found[0].after.as_ref().unwrap().to_string().contains("10.0.0.66"));
    }

    #[test]
    fn an_unreadable_facet_is_empty_and_breaks_nothing() {
        assert!(of_item(Section::Part, &[0xff, 0xff], &[0xff], Lang::Zh).is_empty());
        assert!(detail(None, "{broken", Lang::Zh).fields.is_empty());
    }

    #[test]
    fn evidence_shows_what_differs_and_against_what() {
        let text = r#"{"interface":"eth0","change":"changed","against":"ledger","difference":{"mode":{"before":"static","after":"dhcp"}}}"#;
        let detail = detail(Some(Section::Network), text, Lang::Zh);
        assert_eq!(
            (detail.against.as_str(), detail.change.as_str()),
            ("ledger", "changed")
        );
        assert_eq!(detail.differences[0].label, "取址方式");
        assert_eq!(detail.fields[0].label, "接口");
        assert_eq!(detail.fields[0].address, None);
    }

    #[test]
    fn a_side_of_the_story_is_its_name_and_leads_to_its_asset() {
        let text = r#"{"part":"disk S1","belongs_to":"pc-1","belongs_to_asset":17,"is_in":"stranger","is_in_asset":null}"#;
        let seen = detail(None, text, Lang::En).fields;
        let sides: Vec<_> = seen
            .iter()
            .map(|seen| (seen.label.as_str(), seen.address.as_deref()))
            .collect();
        assert_eq!(
            sides,
            [
                ("Belongs to", Some("/assets/17")),
                ("Is in", None),
                ("Part", None)
            ]
        );
    }
}
