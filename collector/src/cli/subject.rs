//! `subject`: what is held of a person, handed out or erased.

use std::path::PathBuf;

use clap::Subcommand;
use deskwarden_domain::model::person;
use serde_json::json;

use crate::subject;

use super::{
    CliError,
    out::Out,
    session::{ACTOR, Session, now},
};

#[derive(Debug, Subcommand)]
pub(super) enum SubjectCommand {
    /// Everything that belongs to a person: facts, sign-ins, custody, decisions
    Export {
        /// Name (account, custodian, user) or SID
        #[arg(value_parser = name)]
        who: String,
        /// Write JSON into this file
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Erase it, and have the person's PCs send it no more
    Delete {
        /// Name (account, custodian, user) or SID
        #[arg(value_parser = name)]
        who: String,
        /// There is no way back
        #[arg(long)]
        yes: bool,
    },
}

fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > subject::LONGEST {
        return Err(format!(
            "a name of 1 to {} characters, or a SID",
            subject::LONGEST
        ));
    }
    Ok(text.to_owned())
}

pub(super) fn run(command: SubjectCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let store = session.store.as_ref();
    match command {
        SubjectCommand::Export { who, file } => {
            let found = subject::find(store, &who)?;
            let rows = subject::gather(store, &found)?;
            let audit = session.audit("subject.export", format!("subject:{}", person(&who)), "");
            store.audit(&audit)?;
            let document = subject::document(&found, &rows);
            if let Some(file) = file {
                let text = serde_json::to_string_pretty(&document).map_err(CliError::refused)?;
                write(&file, &text)?;
                return Ok(out.done(
                    &json!({"file": file.display().to_string()}),
                    &format!("已写入 {}。", file.display()),
                    &format!("Written to {}.", file.display()),
                )?);
            }
            if out.json {
                return Ok(out.value(&document)?);
            }
            if rows.is_empty() {
                let words = out
                    .say("没有与此人有关的数据。", "Nothing of this person is held.")
                    .to_owned();
                return Ok(out.line(&words)?);
            }
            for (kind, rows) in &rows {
                let title = format!("{} ({})", subject::kind(kind, out.lang), rows.len());
                out.line(&title)?;
                for row in rows {
                    out.line(&format!("  {}", crate::notify::clean(&subject::line(row))))?;
                }
            }
            Ok(())
        }
        SubjectCommand::Delete { who, yes } => {
            let found = subject::find(store, &who)?;
            if !yes {
                let rows = subject::gather(store, &found)?;
                let count: usize = rows.values().map(Vec::len).sum();
                return Err(CliError::Refused(format!(
                    "{count} rows belong to {who}; `subject export` shows them. Erasing them cannot be undone: \
                     repeat with --yes"
                )));
            }
            let erased = subject::erase(store, &found, ACTOR, now())?;
            let count: u64 = erased.values().sum();
            Ok(out.done(
                &json!({"erased": erased}),
                &format!("已删除 {count} 条；相关电脑不再上报此人的数据。"),
                &format!("{count} rows erased; the PCs send no more of this person."),
            )?)
        }
    }
}

/// For its owner only: it is somebody's personal data.
fn write(file: &std::path::Path, text: &str) -> Result<(), CliError> {
    use std::io::Write as _;
    deskwarden_system::create_private(file)
        .and_then(|mut out| out.write_all(text.as_bytes()).and_then(|()| out.sync_all()))
        .map_err(|error| CliError::Refused(format!("{}: {error}", file.display())))
}
