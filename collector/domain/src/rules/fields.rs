//! The facet fields that rules may name: which there are, of what type, with which choices. Read from the
//! contract's own description, so that a new field needs no second list.

use deskwarden_proto::{
    describe::{self, Describe, FieldDoc, Visitor},
    v1::{self, Section, facet},
};

/// Fields that every item has beside its facet.
pub(crate) const ITEM_FIELDS: [&str; 4] = ["key", "source", "principal", "path"];

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldType {
    /// Text, or a list of texts.
    Text,
    /// True or false.
    Flag,
    /// A number.
    Number,
    /// One of a few names.
    Choice,
    /// A list of messages.
    List,
}

/// The type of a section's field, if there is such a field.
pub(crate) fn field_type(of: Section, name: &str) -> Option<FieldType> {
    let mut find = Find { name, found: None };
    empty(of)?.describe(&mut find);
    find.found.map(|(kind, _)| kind)
}

/// The names that a choice may have; the empty name is "not stated".
pub(crate) fn choices(of: Section, name: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    // Numbers of the contract's enums are dense and small.
    for raw in 0..32 {
        let Some(facet) = with_choices(of, raw) else { break };
        let mut find = Find { name, found: None };
        facet.describe(&mut find);
        if let Some((FieldType::Choice, Some(choice))) = find.found {
            names.push(choice);
        }
    }
    names
}

/// The field names of a section, for a fault's help.
pub(crate) fn field_names(of: Section) -> String {
    let names: Vec<&str> = describe::section_doc(of)
        .map(|doc| doc.fields.iter().map(|field| field.name).collect())
        .unwrap_or_default();
    names.join(", ")
}

/// A facet of the section with nothing in it: conditions are tried on it at load.
pub(crate) fn empty(of: Section) -> Option<facet::Kind> {
    Some(match of {
        Section::Unspecified => return None,
        Section::Os => facet::Kind::Os(v1::Os::default()),
        Section::Part => facet::Kind::Part(v1::Part::default()),
        Section::Software => facet::Kind::Software(v1::Software::default()),
        Section::Process => facet::Kind::Process(v1::Process::default()),
        Section::Network => facet::Kind::Network(v1::Network::default()),
        Section::Proxy => facet::Kind::Proxy(v1::Proxy::default()),
        Section::Listener => facet::Kind::Listener(v1::Listener::default()),
        Section::Account => facet::Kind::Account(v1::Account::default()),
        Section::Logon => facet::Kind::Logon(v1::Logon::default()),
        Section::Security => facet::Kind::Security(v1::Security::default()),
        Section::Share => facet::Kind::Share(v1::Share::default()),
        Section::Media => facet::Kind::Media(v1::Media::default()),
        Section::Neighbour => facet::Kind::Neighbour(v1::Neighbour::default()),
        Section::Egress => facet::Kind::Egress(v1::Egress::default()),
        Section::Health => facet::Kind::Health(v1::Health::default()),
    })
}

/// The same with every choice set to a number; `None` for sections without choices.
fn with_choices(of: Section, raw: i32) -> Option<facet::Kind> {
    Some(match of {
        Section::Os => facet::Kind::Os(v1::Os {
            activation: raw,
            ..Default::default()
        }),
        Section::Part => facet::Kind::Part(v1::Part {
            class: raw,
            ..Default::default()
        }),
        Section::Software => facet::Kind::Software(v1::Software {
            kind: raw,
            ..Default::default()
        }),
        Section::Network => facet::Kind::Network(v1::Network {
            kind: raw,
            mode: raw,
            ..Default::default()
        }),
        Section::Listener => facet::Kind::Listener(v1::Listener {
            exposure: raw,
            ..Default::default()
        }),
        Section::Logon => facet::Kind::Logon(v1::Logon {
            kind: raw,
            ..Default::default()
        }),
        Section::Security => facet::Kind::Security(v1::Security {
            enabled: raw,
            up_to_date: raw,
            ..Default::default()
        }),
        Section::Health => facet::Kind::Health(v1::Health {
            band: raw,
            ..Default::default()
        }),
        _ => return None,
    })
}

struct Find<'a> {
    name: &'a str,
    found: Option<(FieldType, Option<&'static str>)>,
}

impl Find<'_> {
    fn put(&mut self, doc: &'static FieldDoc, kind: FieldType, choice: Option<&'static str>) {
        if doc.name == self.name {
            self.found = Some((kind, choice));
        }
    }
}

impl Visitor for Find<'_> {
    fn text(&mut self, doc: &'static FieldDoc, _: &str) {
        self.put(doc, FieldType::Text, None);
    }
    fn texts(&mut self, doc: &'static FieldDoc, _: &[String]) {
        self.put(doc, FieldType::Text, None);
    }
    fn flag(&mut self, doc: &'static FieldDoc, _: bool) {
        self.put(doc, FieldType::Flag, None);
    }
    fn number(&mut self, doc: &'static FieldDoc, _: u64) {
        self.put(doc, FieldType::Number, None);
    }
    fn choice(&mut self, doc: &'static FieldDoc, _: i32, name: Option<&'static str>) {
        self.put(doc, FieldType::Choice, name);
    }
    fn list(&mut self, doc: &'static FieldDoc, _: &mut dyn Iterator<Item = &dyn Describe>) {
        self.put(doc, FieldType::List, None);
    }
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::section;

    use super::*;

    #[test]
    fn every_choice_of_the_contract_has_its_names() {
        for of in section::ALL {
            let doc = describe::section_doc(of).unwrap();
            for field in doc.fields {
                let kind = field_type(of, field.name);
                assert!(kind.is_some(), "{}.{}", doc.name, field.name);
                if kind == Some(FieldType::Choice) {
                    assert!(
                        choices(of, field.name).len() > 2,
                        "{}.{} is set nowhere above",
                        doc.name,
                        field.name
                    );
                }
            }
        }
        assert!(choices(Section::Part, "class").contains(&"memory"));
        assert_eq!(field_type(Section::Part, "name"), None);
    }
}
