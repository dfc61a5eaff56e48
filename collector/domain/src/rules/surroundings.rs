//! What a condition sees around an item: how its section was looked at, and what the register says of its asset.

use std::{collections::HashMap, sync::Arc};

use cel::{Value, objects::Key};
use deskwarden_proto::{
    section,
    v1::{Look, Section},
};

use super::{
    facts::AssetFacts,
    values::{key, map, put, text, texts},
};
use crate::model::{Millis, SourceStatus};

/// Fields of `section`.
pub(crate) const SECTION_KEYS: [&str; 3] = ["name", "items", "sources"];
/// Fields of `register`.
pub(crate) const REGISTER_KEYS: [&str; 16] = [
    "number",
    "state",
    "state_since",
    "custodian",
    "custodian_since",
    "accounts",
    "department",
    "class",
    "provider",
    "responsible",
    "place",
    "networks",
    "transfers",
    "orders",
    "visits",
    "licences",
];
/// Most rows of one kind that a condition sees.
pub(crate) const ROWS: usize = 64;

/// How the section was looked at; the error is in words.
pub(crate) fn section(of: Section, asset: &AssetFacts<'_>) -> Result<Value, String> {
    let sources: Vec<Value> = asset
        .sources
        .iter()
        .filter(|source| source.section == of)
        .map(source)
        .collect();
    let sum = asset.sums.iter().find(|(section, ..)| *section == of);
    let mut fields = HashMap::with_capacity(SECTION_KEYS.len());
    put(&mut fields, "name", section::name(of));
    number(&mut fields, "items", sum.map_or(0, |(_, _, count)| *count));
    fields.insert(key("sources"), rows(sources, "sources in the section")?);
    Ok(map(fields))
}

/// What the register says of the asset; `licences` are the titles that the item is. The error is in words.
pub(crate) fn register(facts: &AssetFacts<'_>, licences: &[&str]) -> Result<Value, String> {
    let (asset, papers, now) = (facts.asset, facts.papers, facts.now);
    let word = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut fields = HashMap::with_capacity(REGISTER_KEYS.len());
    put(&mut fields, "number", &word(&asset.number));
    put(&mut fields, "state", asset.state.name());
    moment(&mut fields, "state_since", asset.state_since);
    put(&mut fields, "custodian", &word(&asset.custodian));
    moment(&mut fields, "custodian_since", asset.custodian_since);
    let accounts = papers.person.as_ref().map(|person| person.accounts.as_slice());
    fields.insert(key("accounts"), texts(accounts.unwrap_or_default()));
    put(&mut fields, "department", &word(&asset.department));
    put(&mut fields, "class", asset.class.name());
    put(&mut fields, "provider", &word(&asset.provider));
    let of_provider = papers
        .provider
        .as_ref()
        .map(|provider| provider.responsible.clone());
    let responsible = asset.responsible.clone().filter(|name| !name.is_empty());
    put(
        &mut fields,
        "responsible",
        &responsible.or(of_provider).unwrap_or_default(),
    );
    put(&mut fields, "place", &word(&asset.place));
    let networks = papers.provider.iter().flat_map(|provider| &provider.subnets);
    let networks = networks.map(|subnet| text(&subnet.to_string())).collect();
    fields.insert(key("networks"), rows(networks, "networks of its provider")?);
    let transfers = papers.transfers.iter().filter(|one| one.received.is_none());
    let transfers = transfers.map(|one| {
        let mut row = HashMap::with_capacity(6);
        put(&mut row, "number", &one.number);
        put(&mut row, "from", &one.from);
        put(&mut row, "to", &one.to);
        moment(&mut row, "date", one.date);
        moment(&mut row, "due", one.due);
        row.insert(key("overdue"), Value::Bool(one.due <= now));
        map(row)
    });
    fields.insert(key("transfers"), rows(transfers.collect(), "open transfers")?);
    let orders = papers.orders.iter().filter(|order| order.is_open(now));
    let orders = orders.map(|order| {
        let mut row = span(&order.number, order.from, order.to);
        row.insert(key("parts"), texts(&order.parts));
        map(row)
    });
    fields.insert(key("orders"), rows(orders.collect(), "open work orders")?);
    let visits = papers
        .visits
        .iter()
        .filter(|visit| visit.from <= now && now <= visit.to);
    let visits = visits.map(|visit| map(span(&visit.number, visit.from, visit.to)));
    fields.insert(key("visits"), rows(visits.collect(), "visits")?);
    let licences = licences.iter().map(|title| text(title)).collect();
    fields.insert(key("licences"), rows(licences, "licensed titles")?);
    Ok(map(fields))
}

/// When time alone next changes what `register` says.
pub(crate) fn next_turn(facts: &AssetFacts<'_>) -> Option<Millis> {
    let papers = facts.papers;
    let due = papers.transfers.iter().filter(|one| one.received.is_none());
    let due = due.map(|one| one.due);
    // The last moment of an order or a visit belongs to it.
    let orders = papers
        .orders
        .iter()
        .flat_map(|one| [one.from, one.to.saturating_add(1)]);
    let visits = papers
        .visits
        .iter()
        .flat_map(|one| [one.from, one.to.saturating_add(1)]);
    let turns = due.chain(orders).chain(visits);
    turns.filter(|at| *at > facts.now).min()
}

fn source(source: &SourceStatus) -> Value {
    let mut row = HashMap::with_capacity(4);
    put(&mut row, "source", &source.source);
    let look = match source.look {
        Look::Looked => "looked",
        Look::Partial => "partial",
        Look::Denied => "denied",
        Look::Unsupported => "unsupported",
        Look::Failed | Look::Unspecified => "failed",
    };
    put(&mut row, "look", look);
    put(&mut row, "reason", &source.reason);
    moment(&mut row, "since", source.since);
    map(row)
}

fn span(number: &str, from: Millis, to: Millis) -> HashMap<Key, Value> {
    let mut row = HashMap::with_capacity(4);
    put(&mut row, "number", number);
    moment(&mut row, "from", from);
    moment(&mut row, "to", to);
    row
}

fn moment(fields: &mut HashMap<Key, Value>, name: &str, at: Millis) {
    fields.insert(key(name), Value::Int(at));
}

fn number(fields: &mut HashMap<Key, Value>, name: &str, value: u64) {
    fields.insert(key(name), Value::Int(i64::try_from(value).unwrap_or(i64::MAX)));
}

fn rows(rows: Vec<Value>, what: &str) -> Result<Value, String> {
    if rows.len() > ROWS {
        return Err(format!("there are more than {ROWS} {what}"));
    }
    Ok(Value::List(Arc::new(rows)))
}
