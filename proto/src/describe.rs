//! Facets as named, documented values. Written by the build from the field options, so that pages,
//! exports, rule conditions and `what-is-collected` need no second list.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Number, Value};

use crate::v1::*;

/// How much harm a value could do to the person it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldSensitivity {
    /// Says nothing about a person.
    Technical,
    /// Identifies a machine or a part of it.
    Device,
    /// Identifies or describes a person.
    Personal,
}

/// What a field is, why it is collected, how sensitive it is.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldDoc {
    /// Name in the contract, as rule conditions use it.
    pub name: &'static str,
    /// Chinese label.
    pub zh: &'static str,
    /// English label.
    pub en: &'static str,
    /// Why it is collected, one line in Chinese.
    pub purpose_zh: &'static str,
    /// Why it is collected, one line in English.
    pub purpose_en: &'static str,
    /// How sensitive it is.
    pub sensitivity: FieldSensitivity,
    /// Facet revision that introduced it, from 1.
    pub since: u32,
}

/// What a section is and which fields its facets have.
#[derive(Debug)]
pub struct SectionDoc {
    /// The section.
    pub section: Section,
    /// Lower-case name.
    pub name: &'static str,
    /// Chinese label.
    pub zh: &'static str,
    /// English label.
    pub en: &'static str,
    /// Why it exists, in Chinese.
    pub purpose_zh: &'static str,
    /// Why it exists, in English.
    pub purpose_en: &'static str,
    /// Highest facet revision of this build.
    pub revision: u32,
    /// Its fields in contract order.
    pub fields: &'static [FieldDoc],
}

/// Receives the fields of a message in contract order, defaults included.
pub trait Visitor {
    /// A string.
    fn text(&mut self, doc: &'static FieldDoc, value: &str);
    /// A list of strings.
    fn texts(&mut self, doc: &'static FieldDoc, value: &[String]);
    /// A boolean.
    fn flag(&mut self, doc: &'static FieldDoc, value: bool);
    /// An unsigned number.
    fn number(&mut self, doc: &'static FieldDoc, value: u64);
    /// An enum: its raw number and its short lower-case name (`None` when this build does not know it).
    fn choice(&mut self, doc: &'static FieldDoc, raw: i32, name: Option<&'static str>);
    /// A list of messages.
    fn list(&mut self, doc: &'static FieldDoc, values: &mut dyn Iterator<Item = &dyn Describe>);
}

/// A message whose fields can be visited.
pub trait Describe {
    /// Calls the visitor once per field.
    fn describe(&self, visitor: &mut dyn Visitor);
}

include!(concat!(env!("OUT_DIR"), "/describe.rs"));

/// Documentation of a section; `None` for `Unspecified`.
pub fn section_doc(section: Section) -> Option<&'static SectionDoc> {
    SECTIONS.iter().find(|doc| doc.section == section)
}

/// The message as a JSON object. With `defaults` every field is present (rule conditions need that);
/// without, empty values are left out (pages and `collect --json`).
pub fn to_json(message: &dyn Describe, defaults: bool) -> Value {
    let mut json = ToJson {
        fields: Map::new(),
        defaults,
    };
    message.describe(&mut json);
    Value::Object(json.fields)
}

/// A message that is written as the JSON object of [`to_json`] without defaults, field by field: a whole PC is
/// printed without building it in memory first.
pub struct Json<'a>(pub &'a dyn Describe);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Fields {
            map: serializer.serialize_map(None)?,
            failed: None,
        };
        self.0.describe(&mut fields);
        match fields.failed {
            Some(error) => Err(error),
            None => fields.map.end(),
        }
    }
}

/// Writes what is not empty.
struct Fields<M: SerializeMap> {
    map: M,
    failed: Option<M::Error>,
}

impl<M: SerializeMap> Fields<M> {
    fn put(&mut self, doc: &'static FieldDoc, value: &(impl Serialize + ?Sized), empty: bool) {
        if !empty && self.failed.is_none() {
            self.failed = self.map.serialize_entry(doc.name, value).err();
        }
    }
}

impl<M: SerializeMap> Visitor for Fields<M> {
    fn text(&mut self, doc: &'static FieldDoc, value: &str) {
        self.put(doc, value, value.is_empty());
    }
    fn texts(&mut self, doc: &'static FieldDoc, value: &[String]) {
        self.put(doc, value, value.is_empty());
    }
    fn flag(&mut self, doc: &'static FieldDoc, value: bool) {
        self.put(doc, &value, !value);
    }
    fn number(&mut self, doc: &'static FieldDoc, value: u64) {
        self.put(doc, &value, value == 0);
    }
    fn choice(&mut self, doc: &'static FieldDoc, raw: i32, name: Option<&'static str>) {
        match name {
            Some(name) => self.put(doc, name, raw == 0),
            None => self.put(doc, &unknown(raw), raw == 0),
        }
    }
    fn list(&mut self, doc: &'static FieldDoc, values: &mut dyn Iterator<Item = &dyn Describe>) {
        let list: Vec<Json<'_>> = values.map(Json).collect();
        self.put(doc, &list, list.is_empty());
    }
}

fn unknown(raw: i32) -> String {
    format!("unknown_{raw}")
}

/// A JSON object that is no facet of its section; names the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAFacet(String);

impl NotAFacet {
    fn section() -> Self {
        Self("the section is not specified".to_owned())
    }
}

/// Reads what [`to_json`] wrote, so that a snapshot file can be judged. An unknown field or a value of the
/// wrong type is refused by name.
pub fn facet_from_json(section: Section, value: &Value) -> Result<facet::Kind, NotAFacet> {
    read_kind(
        section,
        value
            .as_object()
            .ok_or_else(|| NotAFacet("a facet is a JSON object".to_owned()))?,
    )
}

/// Reads a local part that [`to_json`] wrote.
pub fn local_from_json(value: &Value) -> Result<Local, NotAFacet> {
    read(
        value
            .as_object()
            .ok_or_else(|| NotAFacet("a local part is a JSON object".to_owned()))?,
    )
}

/// A message that can be read field by field; `None` when the field is unknown or the value is of another type.
trait FromFields: Default {
    fn set(&mut self, name: &str, value: &Value) -> Option<()>;
}

fn read<T: FromFields>(fields: &Map<String, Value>) -> Result<T, NotAFacet> {
    let mut message = T::default();
    for (name, value) in fields {
        message
            .set(name, value)
            .ok_or_else(|| NotAFacet(format!("`{name}` is unknown, or its value is of another type")))?;
    }
    Ok(message)
}

struct ToJson {
    fields: Map<String, Value>,
    defaults: bool,
}

impl ToJson {
    fn put(&mut self, doc: &'static FieldDoc, value: Value, empty: bool) {
        if self.defaults || !empty {
            self.fields.insert(doc.name.to_owned(), value);
        }
    }
}

impl Visitor for ToJson {
    fn text(&mut self, doc: &'static FieldDoc, value: &str) {
        self.put(doc, Value::String(value.to_owned()), value.is_empty());
    }
    fn texts(&mut self, doc: &'static FieldDoc, value: &[String]) {
        self.put(doc, Value::from(value.to_vec()), value.is_empty());
    }
    fn flag(&mut self, doc: &'static FieldDoc, value: bool) {
        self.put(doc, Value::Bool(value), !value);
    }
    fn number(&mut self, doc: &'static FieldDoc, value: u64) {
        self.put(doc, Value::Number(Number::from(value)), value == 0);
    }
    fn choice(&mut self, doc: &'static FieldDoc, raw: i32, name: Option<&'static str>) {
        let value = name.map_or_else(|| Value::String(unknown(raw)), Value::from);
        self.put(doc, value, raw == 0);
    }
    fn list(&mut self, doc: &'static FieldDoc, values: &mut dyn Iterator<Item = &dyn Describe>) {
        let list: Vec<Value> = values.map(|message| to_json(message, self.defaults)).collect();
        let empty = list.is_empty();
        self.put(doc, Value::Array(list), empty);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> facet::Kind {
        facet::Kind::Network(Network {
            interface: "eth0".into(),
            kind: InterfaceKind::Ethernet.into(),
            addresses: vec![Address {
                ip: "192.0.2.7".into(),
                prefix: 24,
                ..Address::default()
            }],
            dns: vec!["192.0.2.1".into()],
            up: true,
            ..Network::default()
        })
    }

    #[test]
    fn what_was_written_is_read_again() {
        for defaults in [false, true] {
            let json = to_json(&network(), defaults);
            assert_eq!(
                facet_from_json(Section::Network, &json),
                Ok(network()),
                "defaults {defaults}"
            );
        }
    }

    #[test]
    fn what_is_written_at_once_is_what_was_built_before() {
        let strange = facet::Kind::Network(Network {
            kind: 99,
            ..Network::default()
        });
        for kind in [network(), strange, facet::Kind::Network(Network::default())] {
            let at_once = serde_json::to_value(Json(&kind)).unwrap();
            assert_eq!(at_once, to_json(&kind, false));
        }
    }

    #[test]
    fn an_unknown_field_or_a_wrong_type_is_refused_by_name() {
        for (json, name) in [
            (serde_json::json!({"colour": 1}), "`colour`"),
            (serde_json::json!({"up": "yes"}), "`up`"),
            (serde_json::json!({"kind": "carrier_pigeon"}), "`kind`"),
        ] {
            let refused = facet_from_json(Section::Network, &json).unwrap_err();
            assert!(refused.to_string().contains(name), "{refused}");
        }
    }
}
