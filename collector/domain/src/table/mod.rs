//! Files of people as tables of texts: rows with the number that stands beside them, headings, and faults that say
//! where, what and what to do in both languages. What a column means is the ledger's and the register's.

mod fault;
mod head;

pub use fault::RowFault;
pub(crate) use fault::{Faults, Wrong};
pub use head::Ignored;
pub(crate) use head::{Head, heading_text};

/// Most rows of a file, besides its headings.
pub(crate) const ROWS: usize = 100_000;

/// A row: its number, and its cells.
pub type Line = (usize, Vec<String>);

/// A file as rows of cells, with the number that a person sees beside each row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Name of the file, for faults.
    pub file: String,
    /// Rows that are not empty; the first holds the headings.
    pub rows: Vec<Line>,
}

impl Table {
    /// The headings with their row, and the rows below; a file without any, or with too many, is a fault.
    pub(crate) fn parts(&self, faults: &mut Faults<'_>) -> Option<(usize, &[String], &[Line])> {
        let Some(((first, headings), rows)) = self.rows.split_first() else {
            faults.add(
                1,
                "",
                ("文件是空的", "the file is empty"),
                ("第一行请写列标题，下面每行一条", "begin with a row of headings"),
            );
            return None;
        };
        if rows.len() > ROWS {
            faults.add(
                *first,
                "",
                ("文件超过 100,000 行", "the file has more than 100,000 rows"),
                ("请拆成几个文件", "split it"),
            );
            return None;
        }
        Some((*first, headings, rows))
    }
}

/// A cell without surrounding space, and without the mark that keeps spreadsheets from calculating.
pub(crate) fn plain(cell: &str) -> &str {
    let cell = cell.trim();
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest,
        _ => cell,
    }
}

/// What of a text is shown in a fault.
pub(crate) fn start_of(text: &str) -> String {
    text.chars().take(40).collect()
}
