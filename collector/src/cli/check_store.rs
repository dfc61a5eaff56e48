//! `check-store`: whether the store gives back what was stored. Collectors may run on it meanwhile.

use clap::Args;
use serde_json::json;

use crate::task;

use super::{CliError, out::Out, session::Session};

#[derive(Debug, Args)]
pub(super) struct CheckStore {
    /// First take what the tables hold now for what was written to them, after you looked at it (the register, findings and
    /// what else people entered; not contents, items and the audit log)
    #[arg(long)]
    accept: bool,
}

pub(super) fn run(command: &CheckStore, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    if command.accept {
        let changed = session.store.check_structure()?;
        if !changed.is_empty() {
            session.store.accept_tables()?;
            session
                .store
                .audit(&session.audit("store.accept", "store".to_owned(), changed.join("; ")))?;
        }
    }
    let mut walked = task::walk_at_once(session.store.as_ref())?;
    if let Err(fault) = session.store.verify_audit()? {
        let text = format!("audit log, entry {}: {}", fault.sequence, fault.reason);
        walked.faults.push(text);
    }
    if walked.faults.is_empty() {
        let rows = walked.rows;
        return Ok(out.done(
            &json!({"ok": true, "rows": rows, "faults": []}),
            &format!("数据库完好：核对了 {rows} 行内容。"),
            &format!("The store is whole: the content of {rows} rows was recomputed."),
        )?);
    }
    if out.json {
        out.value(&json!({"ok": false, "rows": walked.rows, "faults": walked.faults}))?;
    }
    Err(CliError::Refused(format!(
        "the store gives back other content than was stored; look at its disk, then restore a backup:\n{}",
        walked.faults.join("\n")
    )))
}
