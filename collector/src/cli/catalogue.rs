//! `catalogue`: what the built-in catalogue takes programs for, to measure it against lists of programs.

use std::path::PathBuf;

use clap::Subcommand;
use deskwarden_domain::rules::RuleSet;
use deskwarden_proto::{describe, section};
use serde_json::{Map, Value, json};

use super::{CliError, Common, out::Out, rules};

/// Largest list in bytes.
const LIST_BYTES: u64 = 64 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum CatalogueCommand {
    /// Classify the programs of a tab-separated file
    ///
    /// The first line names the columns: fields of the section's facet (`name`, `publisher`, `package`, ...),
    /// and optionally `section` (software, process, listener; default software) and `platform`
    /// (default linux-x86_64).
    Classify {
        /// The file
        #[arg(long, value_name = "FILE")]
        tsv: PathBuf,
        /// Folder of rule files, over the built-in ones
        folder: Option<PathBuf>,
    },
}

pub(super) fn run(command: CatalogueCommand, _common: &Common, out: &mut Out<'_>) -> Result<(), CliError> {
    let CatalogueCommand::Classify { tsv, folder } = command;
    let name = tsv.display();
    let rules = rules::load(folder.as_deref())?.map_err(|faults| {
        CliError::Refused(
            faults
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"),
        )
    })?;
    let unreadable = |error: std::io::Error| CliError::Refused(format!("{name}: {error}"));
    if std::fs::metadata(&tsv).map_err(unreadable)?.len() > LIST_BYTES {
        return Err(CliError::Refused(format!("{name}: larger than 64 MiB; split it")));
    }
    let text = std::fs::read_to_string(&tsv).map_err(unreadable)?;
    let mut lines = text.lines().enumerate();
    let columns: Vec<&str> = lines
        .next()
        .map(|(_, line)| line.split('\t').map(str::trim).collect())
        .unwrap_or_default();
    if columns.iter().all(|column| column.is_empty()) {
        return Err(CliError::Refused(format!(
            "{name}:1: the first line names the columns, separated by tabs"
        )));
    }
    let mut values = Vec::new();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let classified = classify(&columns, line, &rules)
            .map_err(|what| CliError::Refused(format!("{name}:{}: {what}", index + 1)))?;
        values.push(classified);
    }
    if out.json {
        return Ok(out.value(&Value::Array(values))?);
    }
    let rows = values.iter().map(|value| {
        let text = |field: &str| {
            value
                .pointer(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let categories = value
            .pointer("/class/categories")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let categories: Vec<&str> = categories.filter_map(Value::as_str).collect();
        vec![
            text("/line"),
            text("/class/name"),
            categories.join(" "),
            text("/class/why"),
        ]
    });
    let rows = rows.collect();
    Ok(out.table(
        &[
            ("程序", "PROGRAM"),
            ("识别为", "TAKEN FOR"),
            ("类别", "CATEGORIES"),
            ("依据", "BY"),
        ],
        rows,
    )?)
}

fn classify(columns: &[&str], line: &str, rules: &RuleSet) -> Result<Value, String> {
    let mut fields = Map::new();
    let (mut of, mut platform) = ("software", "linux-x86_64");
    for (column, value) in columns.iter().zip(line.split('\t').map(str::trim)) {
        match *column {
            "section" => of = value,
            "platform" => platform = value,
            _ if value.is_empty() => {}
            name => drop(fields.insert(name.to_owned(), Value::from(value))),
        }
    }
    let kind = section::by_name(of).ok_or_else(|| format!("there is no section {of:?}"))?;
    let facet =
        describe::facet_from_json(kind, &Value::Object(fields)).map_err(|refused| refused.to_string())?;
    Ok(json!({"line": line.replace('\t', " "), "class": rules.classify(&facet, platform)}))
}
