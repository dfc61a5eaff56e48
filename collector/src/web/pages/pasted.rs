//! Tables that somebody sent to a page, pasted or as a file: read as the command line reads them, with their faults in
//! the reader's language.

use deskwarden_domain::{
    model::Lang,
    table::{Ignored, RowFault, Table},
};

use crate::{
    sheet,
    web::{
        error::WebError,
        form::Fields,
        text::{Agent, agent_text},
        upload::Upload,
    },
};

/// Longest text that is shown again, in bytes: it comes back in a form, where a byte of Chinese is three.
const SHOWN: usize = 600 << 10;
/// Where pasted rows came from, in the audit log.
const PASTED: &str = "pasted";

/// What somebody sent.
pub(super) struct Sent {
    /// Its text, to come back with a preview; of a file that is too long for that, nothing.
    pub(super) text: String,
    /// Whether rows that it does not have are to go.
    pub(super) replace: bool,
    /// Where it came from, for the audit log.
    pub(super) source: String,
    /// Its rows, or why it is no table.
    pub(super) table: Result<Table, Vec<Agent>>,
}

impl Sent {
    /// What a form says, or the file that came with it. A workbook takes time to unpack.
    pub(super) async fn of(fields: &Fields, upload: Option<Upload>, lang: Lang) -> Result<Self, WebError> {
        let replace = fields.some("replace").is_some();
        let text = fields.raw("rows").to_owned();
        tokio::task::spawn_blocking(move || match upload {
            Some(upload) => Self::of_file(upload, replace, lang),
            None => Self::of_text(text, replace, lang),
        })
        .await
        .map_err(|_| WebError::Internal("a table was cut off"))
    }

    fn of_file(Upload { name, bytes }: Upload, replace: bool, lang: Lang) -> Self {
        let table = read(&name, &bytes, lang);
        Self {
            text: table.as_ref().map(text_of).unwrap_or_default(),
            replace,
            source: name,
            table,
        }
    }

    fn of_text(text: String, replace: bool, lang: Lang) -> Self {
        let name = match lang {
            Lang::Zh => "粘贴内容",
            Lang::En => PASTED,
        };
        Self {
            table: read(name, text.as_bytes(), lang),
            text,
            replace,
            source: PASTED.to_owned(),
        }
    }
}

fn read(name: &str, bytes: &[u8], lang: Lang) -> Result<Table, Vec<Agent>> {
    sheet::read(name, bytes).map_err(|error| vec![agent_text(&error.said(lang))])
}

/// A table as text, unless it is too long.
fn text_of(table: &Table) -> String {
    let rows: Vec<Vec<sheet::Field>> = table
        .rows
        .iter()
        .map(|(_, cells)| cells.iter().cloned().map(sheet::Field::Text).collect())
        .collect();
    let text = sheet::csv_rows(&rows).ok().filter(|text| text.len() <= SHOWN);
    text.and_then(|text| String::from_utf8(text).ok())
        .unwrap_or_default()
}

/// Faults, a line each.
pub(super) fn faults(faults: &[RowFault], lang: Lang) -> Vec<Agent> {
    let faults = faults.iter();
    faults.map(|fault| agent_text(&fault.said(lang))).collect()
}

/// Headings that were left out.
pub(super) fn ignored(headings: &[Ignored]) -> Vec<Agent> {
    let headings = headings.iter();
    headings.map(|heading| agent_text(&heading.to_string())).collect()
}
