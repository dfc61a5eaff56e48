//! One row for every table of a schema, made from its columns: each is number 1 and names number 1 of what it needs.
//! Where a build wrote words, digests or JSON, so does this.

use deskwarden_proto::{
    Message as _, digest,
    v1::{HostHints, Look, Section},
};

use crate::sql::Cell;

/// What the one device says of itself.
pub(super) const SERIAL: &str = "serial of the old board";
/// Its id.
pub(super) const UID: [u8; 16] = [9; 16];
/// What its one item holds.
const FACET: &[u8] = b"facet";

/// A value that a row keeps.
pub(super) enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl Value {
    pub(super) fn cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Int(value) => Cell::Int(*value),
            Self::Real(value) => Cell::Real(*value),
            Self::Text(text) => Cell::Text(text),
            Self::Blob(bytes) => Cell::Blob(bytes),
        }
    }
}

/// What stands in a column, which has this type in SQLite.
pub(super) fn value(table: &str, column: &str, kind: &str) -> Value {
    if let Some(known) = words(table, column) {
        return Value::Text(known.to_owned());
    }
    match (table, column) {
        // Kept aside, in no list: this one is not.
        ("assets", "merged_into") => Value::Null,
        // Somebody who was erased.
        ("pseudonyms", "name" | "salt") => Value::Null,
        // A network that enrolments must come from is none of these words.
        ("tokens", "cidr") => Value::Null,
        ("devices", "uid") => Value::Blob(UID.into()),
        ("devices", "hints") => Value::Blob(hints().encode_to_vec()),
        ("hint_values", "value") => Value::Text(SERIAL.into()),
        ("facets", "hash") => Value::Blob(digest::facet(FACET).into()),
        ("facets", "bytes") => Value::Blob(FACET.into()),
        ("items", "digest") => Value::Blob(item().to_be_bytes().into()),
        ("sums", "digest") => Value::Blob(item().wrapping_add(source()).to_be_bytes().into()),
        ("ledger", "prefix") => Value::Int(24),
        _ => match kind {
            "INTEGER" => Value::Int(1),
            "REAL" => Value::Real(1.5),
            "TEXT" => Value::Text(column.to_owned()),
            "BLOB" => Value::Blob(vec![1; 32]),
            other => panic!("{table}.{column} has the type {other}, of which no row is made here"),
        },
    }
}

fn hints() -> HostHints {
    HostHints {
        board_serial: SERIAL.into(),
        ..HostHints::default()
    }
}

/// Columns without a value of their own hold their name.
fn item() -> u128 {
    digest::item(Section::Os, "source", "key", "principal", FACET, &[1; 32])
}

fn source() -> u128 {
    digest::source(Section::Os, "source", Look::Looked, "reason")
}

/// Names and JSON that builds read again.
fn words(table: &str, column: &str) -> Option<&'static str> {
    Some(match (table, column) {
        ("admissions", "outcome") | ("outcomes", "outcome") => "pass",
        ("admissions", "rules") => "[]",
        ("alert_definitions", "kind") => "channel",
        ("alert_queue", "kind") => "alert",
        ("alerts", "kind") => "opened",
        ("assets", "class") => "own",
        ("assets", "state") => "in_use",
        ("book_rows", "book") => "transfers",
        ("book_rows", "cells") => r#"{"note":"old"}"#,
        ("changes", "kind") => "added",
        ("claims" | "touched", "kind") => "ip",
        ("claims", "origin") => "own",
        ("devices", "status") => "active",
        ("findings", "holder") => "asset:1",
        ("findings", "state") | ("finding_history", "from_state" | "to_state") => "open",
        ("hint_values", "kind") => "board_serial",
        ("ledger", "address") => "192.0.2.1",
        ("ledger", "mode") => "static",
        ("deliveries" | "messages", "state") => "pending",
        ("messages", "kind") => "single",
        ("notice_lines", "cleared_as") => "resolved",
        ("notice_lines", "words") => WORDS,
        ("notices", "addressee") => "department",
        ("notices", "state") => "issued",
        ("links", "replaced_status") => "retired",
        ("rule_versions", "state") => "accepted",
        ("users", "source") => "local",
        ("api_tokens" | "users", "departments") => r#"["old"]"#,
        _ => return None,
    })
}

const WORDS: &str = r#"{"clause":"PC 3.2.4","regulation":{"zh":"制度","en":"regulation"},"wording":{"zh":"要求","en":"wording"},
"title":{"zh":"标题","en":"title"},"found":{"zh":"发现","en":"found"},"remedy":{"zh":"整改","en":"remedy"},"subject":"qq",
"asset_number":"","asset_name":"pc","custodian":"","department":"","first_seen":1}"#;
