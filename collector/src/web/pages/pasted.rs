//! Rows that somebody pasted into a page: read as a file is, with its faults in the reader's language.

use deskwarden_domain::{
    model::Lang,
    table::{Ignored, RowFault, Table},
};

use crate::{
    sheet,
    web::text::{Agent, agent_text},
};

/// Where rows came from, in the audit log.
pub(super) const SOURCE: &str = "pasted";

/// The rows of a text, or why it is no table.
pub(super) fn table(text: &str, lang: Lang) -> Result<Table, Vec<Agent>> {
    let name = match lang {
        Lang::Zh => "粘贴内容",
        Lang::En => SOURCE,
    };
    sheet::read(name, text.as_bytes()).map_err(|error| vec![agent_text(&error.said(lang))])
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
