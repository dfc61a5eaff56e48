//! What `deploy/docs/scale.md` says of the schema: by what its tables are keyed, and what of PostgreSQL's own it uses. Made
//! of the steps, so that it cannot say anything else.

use std::{fmt::Write as _, path::Path};

use super::STEPS;
use crate::transfer::schema::{self, Shape};

const BEGIN: &str = "<!-- of the schema -->\n";
const END: &str = "<!-- end of the schema -->";
/// Whose rows belong to one PC.
const ONE: [&str; 3] = ["assets", "devices", "findings"];
/// What a database in parts often lacks, and no step uses.
const UNUSED: [&str; 6] = [
    "CREATE EXTENSION",
    "NOTIFY",
    "LISTEN ",
    "ADVISORY",
    "LO_CREATE",
    "INHERITS",
];

#[test]
fn the_page_of_scale_says_of_the_schema_what_it_is() {
    let made = section();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/docs/scale.md");
    let kept = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = kept.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let written = format!("{before}{BEGIN}{made}{END}{after}");
    if std::env::var_os("DESKWARDEN_UPDATE").is_some() {
        std::fs::write(&path, &written).unwrap();
        return;
    }
    assert!(
        kept == written,
        "deploy/docs/scale.md is not what the steps say; run this with DESKWARDEN_UPDATE=1\n{made}"
    );
}

#[test]
fn no_step_uses_what_the_page_says_is_not_used() {
    for (at, step) in STEPS.iter().enumerate() {
        for script in [step.shared, step.postgres] {
            let script = script.to_uppercase();
            for word in UNUSED {
                assert!(!script.contains(word), "step {}: {word}", at + 1);
            }
        }
    }
}

fn section() -> String {
    let tables = schema::tables_after(STEPS).unwrap();
    let is_of_one = |table: &Shape| {
        ONE.iter()
            .any(|one| table.name == *one || table.needs.contains(*one))
    };
    let begins = |table: &Shape, column: &str| table.key.first().is_some_and(|first| first == column);
    let mut of_devices = Vec::new();
    let mut of_assets = Vec::new();
    let mut of_one = Vec::new();
    let mut of_all = Vec::new();
    for table in &tables {
        if begins(table, "device_id") {
            of_devices.push(table);
        } else if begins(table, "asset_id") {
            of_assets.push(table);
        } else if is_of_one(table) {
            of_one.push(table);
        } else {
            of_all.push(table);
        }
    }
    let mut text = String::from("| rows | primary key begins with | tables |\n|---|---|---|\n");
    for (rows, key, tables) in [
        ("of a device", "`device_id`", named(&of_devices, false)),
        ("of an asset", "`asset_id`", named(&of_assets, false)),
        (
            "that name a device, an asset or a finding",
            "something else",
            named(&of_one, true),
        ),
        ("that name none", "something else", named(&of_all, true)),
    ] {
        let _written = writeln!(text, "| {rows} | {key} | {tables} |");
    }
    let _written = writeln!(
        text,
        "\nTriggers on PostgreSQL: {}. Functions: {}.",
        quoted(after("CREATE TRIGGER ")),
        quoted(after("FUNCTION "))
    );
    text
}

/// Names of tables in the order of the alphabet; with what their keys begin with.
fn named(tables: &[&Shape], with_key: bool) -> String {
    let mut names: Vec<String> = tables
        .iter()
        .map(|table| match table.key.first() {
            Some(key) if with_key => format!("`{}` ({key})", table.name),
            _ => format!("`{}`", table.name),
        })
        .collect();
    names.sort();
    names.join(", ")
}

/// The words that stand behind others in what PostgreSQL alone understands, each once.
fn after(words: &str) -> Vec<&'static str> {
    let mut found: Vec<&str> = STEPS
        .iter()
        .flat_map(|step| step.postgres.split(words).skip(1))
        .map(|rest| {
            let end = rest.find(|sign: char| !(sign.is_alphanumeric() || sign == '_'));
            rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn quoted(names: Vec<&str>) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
