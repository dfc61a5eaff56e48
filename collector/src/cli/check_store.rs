//! `check-store`: whether the store gives back what was stored. Collectors may run on it meanwhile.

use serde_json::json;

use crate::task;

use super::{CliError, out::Out, session::Session};

pub(super) fn run(session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let mut walked = task::walk(session.store.as_ref(), |_| true)?.unwrap_or_default();
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
