//! What the API offers: one line per operation, with what it takes and gives. The document is made of this.

use deskwarden_domain::model::{ApiScope, FindingAction, FindingState};
use serde_json::{Value, json};

use crate::web::{
    list::{Column, Filter, Get, List},
    locale,
    pages::{
        acknowledgements::AcknowledgementList,
        alerts::DeliveryList,
        approvals::ApprovalList,
        assets::AssetList,
        audit::AuditList,
        devices::DeviceList,
        findings::FindingList,
        inspected::{InspectedList, InspectionList},
        ledger::LedgerList,
        notices::NoticeList,
        software::SoftwareList,
        tokens::TokenList,
        users::UserList,
    },
};

/// One operation.
pub(in crate::web) struct Operation {
    /// `GET` or `POST`.
    pub(in crate::web) method: &'static str,
    /// Pattern as the router writes it.
    pub(in crate::web) path: &'static str,
    /// What a token needs.
    pub(in crate::web) scope: ApiScope,
    /// What it does, in a line.
    pub(super) summary: &'static str,
    /// Parameters of the address, beside those in the pattern.
    pub(super) parameters: fn() -> Vec<Filter>,
    /// Schema of the body that it takes.
    pub(super) takes: Option<fn() -> Value>,
    /// Status and schema of its answer.
    pub(super) gives: (u16, fn() -> Value),
}

const fn read(
    path: &'static str,
    summary: &'static str,
    parameters: fn() -> Vec<Filter>,
    gives: fn() -> Value,
) -> Operation {
    Operation {
        method: "GET",
        path,
        scope: ApiScope::Read,
        summary,
        parameters,
        takes: None,
        gives: (200, gives),
    }
}

const fn list<L: List>(path: &'static str, summary: &'static str) -> Operation {
    read(path, summary, list_parameters::<L>, list_schema::<L>)
}

const fn audited(operation: Operation) -> Operation {
    Operation {
        scope: ApiScope::Audit,
        ..operation
    }
}

/// Every operation.
pub(in crate::web) const OPERATIONS: &[Operation] = &[
    list::<FindingList>(
        "/api/v1/findings",
        "Findings, newest first; active ones unless `state` says otherwise",
    ),
    read(
        "/api/v1/findings/{id}",
        "A finding with its evidence and history",
        none,
        finding,
    ),
    Operation {
        method: "POST",
        path: "/api/v1/findings/{id}/action",
        scope: ApiScope::Act,
        summary: "Decides on a finding",
        parameters: none,
        takes: Some(decision),
        gives: (200, decided),
    },
    list::<AssetList>(
        "/api/v1/assets",
        "Machines of the register and those that nobody registered, newest first",
    ),
    read(
        "/api/v1/assets/{id}",
        "A machine with its devices over time",
        none,
        asset,
    ),
    list::<DeviceList>("/api/v1/devices", "Devices, newest first"),
    read(
        "/api/v1/devices/{id}",
        "A device with sources, counts of facts and outcomes of rules",
        none,
        device,
    ),
    read(
        "/api/v1/devices/{id}/items",
        "Facts of a section with their fields",
        item_parameters,
        items,
    ),
    read(
        "/api/v1/devices/{id}/changes",
        "What changed, newest first",
        change_parameters,
        changes,
    ),
    Operation {
        method: "POST",
        path: "/api/v1/devices/{id}/refresh",
        scope: ApiScope::Act,
        summary: "Asks a connected device to look at everything now",
        parameters: none,
        takes: None,
        gives: (202, refreshed),
    },
    list::<SoftwareList>(
        "/api/v1/software",
        "Titles of the whole fleet, those that nobody knows first",
    ),
    list::<ApprovalList>("/api/v1/approvals", "Approvals, in force and past"),
    list::<NoticeList>("/api/v1/notices", "Rectification notices, newest first"),
    list::<InspectionList>(
        "/api/v1/inspections",
        "Inspection runs with their numbers, newest first",
    ),
    list::<InspectedList>(
        "/api/v1/inspections/{id}/machines",
        "The machines of a run as it found them, those with the worst findings first",
    ),
    read(
        "/api/v1/register/{book}",
        "A book of the register: `assets`, `people`, `transfers`, `orders`, `providers`, `visits`, `licences`, \
         `media` or `departments`",
        book_parameters,
        book,
    ),
    list::<LedgerList>("/api/v1/ledger", "The assigned addresses, in their order"),
    read("/api/v1/rules", "The rules in force", none, rules),
    read(
        "/api/v1/clauses",
        "The clauses of the regulations, and the rules that check them",
        none,
        clauses,
    ),
    list::<DeliveryList>("/api/v1/deliveries", "What was sent to whom, newest first"),
    audited(list::<TokenList>(
        "/api/v1/tokens",
        "Enrolment tokens, without their secrets",
    )),
    audited(list::<AcknowledgementList>(
        "/api/v1/acknowledgements",
        "Who read the notice to staff",
    )),
    audited(list::<UserList>("/api/v1/users", "People who may sign in")),
    audited(list::<AuditList>("/api/v1/audit", "The audit log, newest first")),
];

fn none() -> Vec<Filter> {
    Vec::new()
}

fn list_parameters<L: List>() -> Vec<Filter> {
    let own = [
        ("limit", "Rows of an answer: 1 to 500, usually 100"),
        ("cursor", "`next` of the answer before"),
    ];
    L::FILTERS.iter().copied().chain(own).collect()
}

fn item_parameters() -> Vec<Filter> {
    vec![
        ("section", "Name of a section: `software`"),
        ("limit", "Rows of an answer: up to 500, usually 100"),
        ("offset", "Rows to leave out"),
    ]
}

fn book_parameters() -> Vec<Filter> {
    item_parameters().into_iter().skip(1).collect()
}

fn change_parameters() -> Vec<Filter> {
    let mut all = item_parameters();
    if let Some(section) = all.first_mut() {
        section.1 = "Only of this section";
    }
    all
}

fn list_schema<L: List>() -> Value {
    object(json!({
        L::NAME: {"type": "array", "items": Value::Object(row::<L>())},
        "next": {"type": ["string", "null"], "description": "Goes into `cursor`; null at the end"},
    }))
}

/// Schema of a list's row.
fn row<L: List>() -> serde_json::Map<String, Value> {
    let properties: serde_json::Map<String, Value> = L::columns()
        .iter()
        .map(|column| (column.name.to_owned(), cell(column)))
        .collect();
    match object(Value::Object(properties)) {
        Value::Object(schema) => schema,
        _ => serde_json::Map::new(),
    }
}

fn cell<R>(column: &Column<R>) -> Value {
    let title = column.heading(deskwarden_domain::model::Lang::En);
    match &column.get {
        Get::Text(_) => json!({"type": ["string", "null"], "description": title}),
        Get::Number(_) => json!({"type": ["integer", "null"], "description": title}),
        Get::When(_) => json!({
            "type": ["integer", "null"], "format": "int64",
            "description": format!("{title}: Unix milliseconds"),
        }),
        Get::Flag(_) => json!({"type": "boolean", "description": title}),
        Get::Texts(_) => json!({"type": "array", "items": {"type": "string"}, "description": title}),
        Get::Word(family, _) => {
            let mut names: Vec<Value> = locale::family(family).into_iter().map(Value::from).collect();
            names.push(Value::Null);
            json!({"enum": names, "description": title})
        }
    }
}

/// An object that has exactly these.
fn object(properties: Value) -> Value {
    let names: Vec<&String> = properties
        .as_object()
        .map(|map| map.keys().collect())
        .unwrap_or_default();
    json!({
        "type": "object", "required": names, "properties": properties, "additionalProperties": false,
    })
}

/// A list's row with more beside it.
fn row_with<L: List>(more: Value) -> Value {
    let mut schema = Value::Object(row::<L>());
    if let Value::Object(more) = more {
        for (name, of) in more {
            if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
                required.push(name.clone().into());
            }
            if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
                properties.insert(name, of);
            }
        }
    }
    schema
}

fn text() -> Value {
    json!({"type": "string"})
}

fn maybe_text() -> Value {
    json!({"type": ["string", "null"]})
}

fn moment() -> Value {
    json!({"type": "integer", "format": "int64", "description": "Unix milliseconds"})
}

fn maybe_moment() -> Value {
    json!({"type": ["integer", "null"], "format": "int64", "description": "Unix milliseconds"})
}

fn state() -> Value {
    json!({"enum": FindingState::ALL.map(FindingState::name)})
}

fn array(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn finding() -> Value {
    row_with::<FindingList>(json!({
        "device": maybe_text(),
        "evidence": array(object(json!({
            "section": maybe_text(), "source": maybe_text(), "key": maybe_text(), "principal": maybe_text(),
            "since": moment(), "detail": {"description": "What the rule saw, by name"},
        }))),
        "history": array(object(json!({
            "at": moment(), "actor": text(), "from": {"enum": FindingState::ALL.map(|s| Some(s.name())).into_iter().chain([None]).collect::<Vec<_>>()},
            "to": state(), "rejected": {"type": "boolean", "description": "Whether the change was rejected here"},
            "note": text(),
        }))),
    }))
}

fn decision() -> Value {
    json!({
        "type": "object", "required": ["action"], "additionalProperties": false,
        "properties": {
            "action": {"enum": FindingAction::ALL.map(FindingAction::name)},
            "note": {"type": "string", "description": "In the person's words; kept in the history"},
        },
    })
}

fn decided() -> Value {
    object(json!({"id": {"type": "integer"}, "state": state()}))
}

fn device_properties() -> Value {
    json!({
        "id": text(), "asset_id": {"type": "integer"}, "status": text(), "current": {"type": "boolean"},
        "hostname": text(), "platform": text(), "agent_version": text(), "enrolled_at": moment(),
        "last_seen_at": maybe_moment(), "goodbye_at": maybe_moment(), "certificate_ends_at": maybe_moment(),
    })
}

fn asset() -> Value {
    row_with::<AssetList>(json!({"devices": array(object(device_properties()))}))
}

fn device() -> Value {
    let mut properties = device_properties();
    if let Value::Object(map) = &mut properties {
        let more = [
            (
                "sources",
                array(object(json!({
                    "section": text(), "source": text(), "look": text(), "reason": text(), "since": moment(),
                }))),
            ),
            (
                "items",
                json!({"type": "object", "additionalProperties": {"type": "integer"}}),
            ),
            (
                "outcomes",
                array(object(json!({
                    "rule": text(), "outcome": {"enum": ["pass", "fail", "could_not_look"]}, "reason": text(),
                }))),
            ),
            ("assigned", array(text())),
        ];
        map.extend(more.map(|(name, schema)| (name.to_owned(), schema)));
    }
    object(properties)
}

fn refreshed() -> Value {
    object(json!({
        "asked": {"type": "boolean", "description": "False: the device is not connected to this collector"},
    }))
}

fn items() -> Value {
    object(json!({
        "total": {"type": "integer"},
        "items": array(object(json!({
            "section": text(), "source": text(), "key": text(), "principal": text(),
            "fields": {"type": ["object", "null"], "description": "As the contract names them"},
            "first_seen": moment(), "changed_at": moment(),
            "accepted": {"type": ["boolean", "null"], "description": "Equal to what was accepted; null without a baseline"},
        }))),
    }))
}

fn book() -> Value {
    object(json!({
        "book": text(),
        "total": {"type": "integer"},
        "rows": array(object(json!({
            "key": text(), "asset_id": {"type": ["integer", "null"]}, "written_at": moment(), "written_by": text(),
            "cells": {
                "type": "object", "additionalProperties": {"type": ["string", "integer", "null"]},
                "description": "By the names of the book's columns; moments are Unix milliseconds",
            },
        }))),
    }))
}

fn changes() -> Value {
    object(json!({
        "total": {"type": "integer"},
        "changes": array(object(json!({
            "id": {"type": "integer"}, "section": text(), "source": text(), "key": text(), "principal": text(),
            "kind": text(), "before": {"type": ["object", "null"]}, "after": {"type": ["object", "null"]},
            "received_at": moment(), "observed_at": moment(),
        }))),
    }))
}

fn rules() -> Value {
    object(json!({
        "rules": array(object(json!({
            "id": text(), "title_zh": text(), "title_en": text(),
            "severity": {"enum": ["low", "medium", "high", "critical"]},
            "regulation": text(), "clause": text(), "kind": text(),
        }))),
    }))
}

fn clauses() -> Value {
    object(json!({
        "clauses": array(object(json!({
            "regulation": text(), "clause": text(), "wording_zh": text(), "wording_en": text(),
            "checkable": text(), "rules": array(text()),
        }))),
    }))
}
