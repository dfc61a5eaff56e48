//! `migrate-store`: a whole store into another database, of the same or of the other engine.

use std::path::Path;

use clap::Args;
use deskwarden_domain::model::Lang;
use deskwarden_store::Progress;
use serde_json::json;

use crate::{config::StoreUrl, data::DataDir};

use super::{CliError, out::Out};

/// Rows between two lines of progress.
const EVERY: u64 = 50_000;

#[derive(Debug, Args)]
pub(super) struct MigrateStore {
    /// The store as it is: sqlite:FILE or postgres://... Its collectors must not run
    #[arg(long, value_name = "URL")]
    from: String,
    /// The new store: an empty database
    #[arg(long, value_name = "URL")]
    to: String,
}

pub(super) fn run(command: &MigrateStore, out: &mut Out<'_>) -> Result<(), CliError> {
    let url = |option: &str, text: &str| {
        StoreUrl::parse(text).map_err(|fault| CliError::Refused(format!("--{option}: {fault}")))
    };
    let (from, to) = (url("from", &command.from)?, url("to", &command.to)?);
    // What is decided in a running collector after its rows were copied would be missing in the new store.
    let folder = deskwarden_store::file_of(from.reveal())?;
    let folder = folder.as_deref().and_then(Path::parent);
    let _at_rest = match folder {
        Some(folder) => DataDir::take_if_used(folder).map_err(CliError::refused)?,
        None => None,
    };
    // Who reads the output may be gone; the store is moved all the same.
    let mut told = Ok(());
    let mut last = 0;
    let done = deskwarden_store::transfer(from.reveal(), to.reveal(), &mut |progress| {
        let result = match progress {
            Progress::Copied { rows: 0, .. } => {
                last = 0;
                return;
            }
            Progress::Copied { table, rows, of } if rows == of || rows >= last + EVERY => {
                last = rows;
                step(out, table, "copied", rows, of)
            }
            Progress::Copied { .. } => return,
            Progress::Verified { table, rows } => step(out, table, "verified", rows, rows),
        };
        if told.is_ok() {
            told = result;
        }
    })?;
    told?;
    let (tables, rows) = (done.tables, done.rows);
    let value = json!({"event": "done", "tables": tables, "rows": rows});
    if out.json {
        return Ok(out.event(&value)?);
    }
    let text = match out.lang {
        Lang::Zh => format!(
            "已迁移 {tables} 张表、{rows} 行，并逐行核对。请在配置中把 store 改为新地址后启动采集端。"
        ),
        Lang::En => format!(
            "Moved: {tables} tables with {rows} rows, compared row by row. Name the new address as `store` in the configuration, then start the collector."
        ),
    };
    Ok(out.line(&text)?)
}

fn step(out: &mut Out<'_>, table: &str, what: &str, rows: u64, of: u64) -> std::io::Result<()> {
    if out.json {
        return out.event(&json!({"event": what, "table": table, "rows": rows, "of": of}));
    }
    let word = match what {
        "copied" => out.say("已复制", "copied"),
        _ => out.say("已核对", "verified"),
    };
    let line = format!("{word} {table}: {rows} / {of}");
    out.line(&line)
}
