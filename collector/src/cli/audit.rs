//! `audit`: whether the chain of the audit log is whole.

use clap::Subcommand;
use serde_json::json;

use super::{CliError, out::Out, session::Session};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Recompute the chain of hashes
    Verify {
        /// A place that was noted before, as this command prints it: the log must still go through it
        #[arg(long, value_name = "NUMBER:HASH", value_parser = place)]
        noted: Option<(i64, [u8; 32])>,
    },
}

fn place(text: &str) -> Result<(i64, [u8; 32]), String> {
    let fault = || "as `audit verify` prints it: a number, a colon, 64 hexadecimal digits".to_owned();
    let (number, hash) = text.split_once(':').ok_or_else(fault)?;
    let bytes = data_encoding::HEXLOWER
        .decode(hash.as_bytes())
        .map_err(|_| fault())?;
    Ok((
        number.parse().map_err(|_| fault())?,
        bytes.try_into().map_err(|_| fault())?,
    ))
}

pub(super) fn run(command: AuditCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let AuditCommand::Verify { noted } = command;
    match session.store.verify_audit()? {
        Ok(entries) => {
            if let Some((number, hash)) = noted {
                let found = session.store.audit_records(number, 1)?;
                let same = found
                    .first()
                    .is_some_and(|record| record.sequence == number && record.hash == hash);
                if !same {
                    return Err(CliError::Refused(format!(
                        "the audit log does not go through entry {number} as it was noted: it was written anew, or \
                         that entry was removed by age"
                    )));
                }
            }
            let (last, hash) = session.store.audit_head()?;
            let head = format!("{last}:{}", data_encoding::HEXLOWER.encode(&hash));
            Ok(out.done(
                &json!({"ok": true, "entries": entries, "head": head}),
                &format!("审计日志完整：{entries} 条；末条 {head}"),
                &format!("The audit log is whole: {entries} entries; the newest is {head}"),
            )?)
        }
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
