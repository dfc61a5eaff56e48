//! What a rule over several devices saw, as findings keep it: fields for pages and programs, and a sentence
//! in both languages for people.

use serde_json::{Map, Value, json};

/// What was seen. Names of fields are stable: pages label them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    fields: Map<String, Value>,
}

impl Seen {
    /// With its sentence.
    pub(crate) fn new(zh: String, en: String) -> Self {
        let mut fields = Map::new();
        fields.insert("zh".to_owned(), Value::from(zh));
        fields.insert("en".to_owned(), Value::from(en));
        Self { fields }
    }

    /// With a field; empty ones are left out.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(values) => values.is_empty(),
            _ => false,
        };
        if !empty {
            self.fields.insert(name.to_owned(), value);
        }
        self
    }

    /// With one side of the story: an asset or a machine.
    pub(super) fn party(self, role: &str, name: &str, asset: Option<i64>, mac: &str) -> Self {
        self.with(role, name)
            .with(
                &format!("{role}_asset"),
                asset.map_or(Value::Null, |id| json!(id)),
            )
            .with(&format!("{role}_mac"), mac)
    }

    /// As it is stored.
    pub fn encode(&self) -> String {
        Value::Object(self.fields.clone()).to_string()
    }
}
