//! Files of people on the command line: read as tables, with their faults told.

use std::{fs::File, io::Read as _, path::Path};

use deskwarden_domain::table::{Ignored, RowFault, Table};
use serde_json::json;

use crate::sheet;

use super::{CliError, out::Out};

/// Largest file read, in bytes: more than a table may be.
const FILE: u64 = 16 << 20;

/// What a file holds, of a larger one the beginning.
pub(super) fn bytes(file: &Path) -> Result<Vec<u8>, CliError> {
    let told =
        |error: std::io::Error| CliError::Refused(format!("{} cannot be read: {error}", file.display()));
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(told)?;
    opened.take(FILE).read_to_end(&mut bytes).map_err(told)?;
    Ok(bytes)
}

/// What a file is called in messages.
pub(super) fn name_of(file: &Path) -> String {
    file.file_name().map_or_else(
        || file.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// A file as a table.
pub(super) fn table(file: &Path, out: &Out<'_>) -> Result<Table, CliError> {
    sheet::read(&name_of(file), &bytes(file)?).map_err(|error| CliError::Refused(error.said(out.lang)))
}

/// Tells the faults of a file, as JSON or in the message.
pub(super) fn faulty(faults: &[RowFault], out: &mut Out<'_>) -> Result<CliError, CliError> {
    if out.json {
        out.value(&json!({"faults": faults}))?;
        return Ok(CliError::refused("the file has faults; nothing was loaded"));
    }
    let head = out.say("未导入任何内容：", "nothing was loaded:");
    let lines = faults.iter().map(|fault| fault.said(out.lang));
    let lines: Vec<String> = std::iter::once(head.to_owned()).chain(lines).collect();
    Ok(CliError::Refused(lines.join("\n")))
}

/// Headings as they stand in the file.
pub(super) fn headings_of(ignored: &[Ignored]) -> Vec<&str> {
    ignored.iter().map(|one| one.heading.as_str()).collect()
}

/// Tells of columns that were left out.
pub(super) fn left_out(ignored: &[Ignored], out: &mut Out<'_>) -> Result<(), CliError> {
    if ignored.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = ignored.iter().map(ToString::to_string).collect();
    let text = out.say("未识别的列（已忽略）：", "Columns left out: ").to_owned() + &names.join(", ");
    Ok(out.line(&text)?)
}
