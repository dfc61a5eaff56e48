//! `audit`: whether the chain of the audit log is whole.

use clap::Subcommand;
use serde_json::json;

use super::{CliError, out::Out, session::Session};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Recompute the chain of hashes
    Verify,
}

pub(super) fn run(command: AuditCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let AuditCommand::Verify = command;
    match session.store.verify_audit()? {
        Ok(entries) => Ok(out.done(
            &json!({"ok": true, "entries": entries}),
            &format!("审计日志完整：{entries} 条。"),
            &format!("The audit log is whole: {entries} entries."),
        )?),
        Err(fault) => {
            if out.json {
                out.value(&json!({"ok": false, "sequence": fault.sequence, "reason": fault.reason}))?;
            }
            Err(CliError::Refused(format!(
                "the audit log was tampered with at entry {}: {}",
                fault.sequence, fault.reason
            )))
        }
    }
}
