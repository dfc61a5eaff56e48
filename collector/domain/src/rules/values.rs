//! What a condition sees: facets, assets, devices, the ledger and lists as CEL values. Every field is
//! present, so that a condition need not ask whether it is there.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use cel::{
    Value,
    objects::{Key, Map},
};
use deskwarden_proto::{
    describe::{Describe, FieldDoc, Visitor},
    section,
    v1::facet,
};

use super::facts::{AssetFacts, ItemFacts};
use crate::model::{Asset, LedgerEntry, LedgerMode};

/// Most ledger entries of one asset that a condition sees.
pub(crate) const LEDGER_ENTRIES: usize = 256;

/// Names of an item's variables beside the facet's fields.
pub(crate) const ITEM_KEYS: [&str; 7] = [
    "key",
    "source",
    "principal",
    "path",
    "section",
    "installed_on",
    "class",
];
/// Fields of `asset`.
pub(crate) const ASSET_KEYS: [&str; 11] = [
    "id",
    "number",
    "name",
    "custodian",
    "department",
    "state",
    "class",
    "provider",
    "place",
    "provisional",
    "notices_overdue",
];
/// Fields of `device`.
pub(crate) const DEVICE_KEYS: [&str; 11] = [
    "id",
    "status",
    "platform",
    "agent_version",
    "hostname",
    "enrolled_at",
    "last_seen_at",
    "forked",
    "silent",
    "portable",
    "failed",
];
/// Fields of an entry of `ledger`.
pub(crate) const LEDGER_KEYS: [&str; 8] = [
    "address", "prefix", "gateway", "dns", "mode", "mac", "owner", "place",
];
/// Most failed sources that a condition sees.
pub(crate) const FAILED_SOURCES: usize = 64;

pub(crate) fn item(facts: &ItemFacts<'_>) -> Value {
    let mut fields = fields_of(facts.facet);
    put(&mut fields, "key", facts.key);
    put(&mut fields, "source", facts.source);
    put(&mut fields, "principal", facts.principal);
    put(&mut fields, "section", section::name(facts.section));
    put(
        &mut fields,
        "path",
        facts.local.map(|local| local.path.as_str()).unwrap_or_default(),
    );
    put(
        &mut fields,
        "installed_on",
        facts
            .local
            .map(|local| local.installed_on.as_str())
            .unwrap_or_default(),
    );
    let mut class = HashMap::with_capacity(2);
    put(
        &mut class,
        "entry",
        facts.class.map(|class| class.entry.as_str()).unwrap_or_default(),
    );
    let categories = facts
        .class
        .map(|class| class.categories.as_slice())
        .unwrap_or_default();
    class.insert(key("categories"), texts(categories));
    fields.insert(key("class"), map(class));
    map(fields)
}

pub(crate) fn baseline(facet: Option<&facet::Kind>) -> Value {
    facet.map_or(Value::Null, |facet| map(fields_of(facet)))
}

pub(crate) fn asset(asset: &Asset, overdue: usize) -> Value {
    let mut fields = HashMap::with_capacity(ASSET_KEYS.len());
    fields.insert(key("id"), Value::Int(asset.id.0));
    put(&mut fields, "number", asset.number.as_deref().unwrap_or_default());
    put(&mut fields, "name", &asset.name);
    put(
        &mut fields,
        "custodian",
        asset.custodian.as_deref().unwrap_or_default(),
    );
    put(
        &mut fields,
        "department",
        asset.department.as_deref().unwrap_or_default(),
    );
    put(&mut fields, "state", asset.state.name());
    put(&mut fields, "class", asset.class.name());
    put(
        &mut fields,
        "provider",
        asset.provider.as_deref().unwrap_or_default(),
    );
    put(&mut fields, "place", asset.place.as_deref().unwrap_or_default());
    fields.insert(key("provisional"), Value::Bool(asset.provisional));
    fields.insert(
        key("notices_overdue"),
        Value::Int(i64::try_from(overdue).unwrap_or(i64::MAX)),
    );
    map(fields)
}

pub(crate) fn device(facts: &AssetFacts<'_>) -> Value {
    let Some(device) = facts.device else {
        return Value::Null;
    };
    let mut fields = HashMap::with_capacity(DEVICE_KEYS.len());
    put(&mut fields, "id", &device.id.to_string());
    put(&mut fields, "status", device.status.name());
    put(&mut fields, "platform", &device.platform);
    put(&mut fields, "agent_version", &device.agent_version);
    put(&mut fields, "hostname", &device.hints.hostname);
    fields.insert(key("enrolled_at"), Value::Int(device.enrolled_at));
    fields.insert(
        key("last_seen_at"),
        Value::Int(device.last_seen_at.unwrap_or(device.enrolled_at)),
    );
    fields.insert(key("forked"), Value::Bool(device.forked_at.is_some()));
    fields.insert(key("silent"), Value::Bool(facts.silent));
    fields.insert(key("portable"), Value::Bool(device.hints.portable));
    let failed = &facts.failed[..facts.failed.len().min(FAILED_SOURCES)];
    fields.insert(key("failed"), texts(failed));
    map(fields)
}

/// The ledger entries of an asset, or `None` when there are more than a condition may see.
pub(crate) fn ledger(facts: &AssetFacts<'_>) -> Option<Value> {
    (facts.ledger.len() <= LEDGER_ENTRIES)
        .then(|| Value::List(Arc::new(facts.ledger.iter().map(ledger_entry).collect())))
}

pub(crate) fn lists(lists: &BTreeMap<String, Vec<String>>) -> Value {
    map(lists
        .iter()
        .map(|(name, values)| (key(name), texts(values)))
        .collect())
}

fn ledger_entry(entry: &LedgerEntry) -> Value {
    let mut fields = HashMap::with_capacity(8);
    put(&mut fields, "address", &entry.address);
    fields.insert(key("prefix"), Value::Int(entry.prefix.map_or(-1, i64::from)));
    put(
        &mut fields,
        "gateway",
        entry.gateway.as_deref().unwrap_or_default(),
    );
    fields.insert(key("dns"), texts(&entry.dns));
    put(
        &mut fields,
        "mode",
        match entry.mode {
            Some(LedgerMode::Static) => "static",
            Some(LedgerMode::Dhcp) => "dhcp",
            None => "",
        },
    );
    put(&mut fields, "mac", entry.mac.as_deref().unwrap_or_default());
    put(&mut fields, "owner", entry.owner.as_deref().unwrap_or_default());
    put(&mut fields, "place", entry.place.as_deref().unwrap_or_default());
    map(fields)
}

fn fields_of(message: &dyn Describe) -> HashMap<Key, Value> {
    let mut to = ToCel {
        fields: HashMap::with_capacity(24),
    };
    message.describe(&mut to);
    to.fields
}

pub(super) fn map(fields: HashMap<Key, Value>) -> Value {
    Value::Map(Map {
        map: Arc::new(fields),
    })
}

pub(super) fn key(name: &str) -> Key {
    Key::String(Arc::new(name.to_owned()))
}

pub(super) fn text(value: &str) -> Value {
    Value::String(Arc::new(value.to_owned()))
}

pub(super) fn texts(values: &[String]) -> Value {
    Value::List(Arc::new(values.iter().map(|value| text(value)).collect()))
}

pub(super) fn put(fields: &mut HashMap<Key, Value>, name: &str, value: &str) {
    fields.insert(key(name), text(value));
}

struct ToCel {
    fields: HashMap<Key, Value>,
}

impl Visitor for ToCel {
    fn text(&mut self, doc: &'static FieldDoc, value: &str) {
        put(&mut self.fields, doc.name, value);
    }
    fn texts(&mut self, doc: &'static FieldDoc, value: &[String]) {
        self.fields.insert(key(doc.name), texts(value));
    }
    fn flag(&mut self, doc: &'static FieldDoc, value: bool) {
        self.fields.insert(key(doc.name), Value::Bool(value));
    }
    fn number(&mut self, doc: &'static FieldDoc, value: u64) {
        // One number type: a condition compares with plain literals.
        self.fields.insert(
            key(doc.name),
            Value::Int(i64::try_from(value).unwrap_or(i64::MAX)),
        );
    }
    fn choice(&mut self, doc: &'static FieldDoc, raw: i32, name: Option<&'static str>) {
        let name = name.map_or_else(|| format!("unknown_{raw}"), str::to_owned);
        put(&mut self.fields, doc.name, &name);
    }
    fn list(&mut self, doc: &'static FieldDoc, values: &mut dyn Iterator<Item = &dyn Describe>) {
        let list = values.map(|message| map(fields_of(message))).collect();
        self.fields.insert(key(doc.name), Value::List(Arc::new(list)));
    }
}
