//! What a file would do to a book, before it does it. Columns that the file does not have stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    book::Book,
    cell::Known,
    fits::{fits, lacks},
    read::{Imported, Reading, read},
    record::Row,
};
use crate::ledger::{RowFault, Table, told};

/// What would be added, changed and removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// New rows.
    pub added: Vec<Row>,
    /// Rows that differ: as they are, and as they would be.
    pub changed: Vec<(Row, Row)>,
    /// Rows that would go.
    pub removed: Vec<Row>,
    /// How many stay as they are.
    pub same: usize,
}

impl Plan {
    /// Rows to write.
    pub fn put(&self) -> impl Iterator<Item = &Row> {
        self.added
            .iter()
            .chain(self.changed.iter().map(|(_, after)| after))
    }

    /// Whether nothing would change.
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// Reads a file and compares it with the book: every fault at once, or what it says and would change. With `replace`,
/// rows that the file does not have go; assets never do: they have a history. A row that is not complete with what
/// is known is a fault, like any other.
pub fn preview(
    book: Book,
    table: &Table,
    known: &Known<'_>,
    current: &[Row],
    replace: bool,
) -> Result<(Imported, Plan), Vec<RowFault>> {
    let mut read = read(book, table, known);
    let plan = plan(book, current, &mut read, replace, &table.file);
    if !read.faults.is_empty() {
        return Err(told(read.faults));
    }
    let file = Imported {
        rows: read.lines.into_iter().map(|line| line.row).collect(),
        ignored: read.ignored,
    };
    Ok((file, plan))
}

fn plan(book: Book, current: &[Row], read: &mut Reading, replace: bool, name: &str) -> Plan {
    let known: BTreeMap<&str, &Row> = current.iter().map(|row| (row.key.as_str(), row)).collect();
    let mut plan = Plan::default();
    for line in &read.lines {
        let before = known.get(line.row.key.as_str()).copied();
        let mut after = merged(before, &line.row);
        for wrong in &line.wrong {
            after.cells.remove(*wrong);
        }
        let lacking = lacks(book, &after, &line.wrong);
        for (column, what, help) in lacking.into_iter().chain(fits(book, &after).err()) {
            let heading = read.headings.get(column).map(String::as_str);
            let heading = heading.or_else(|| book.column(column).map(|column| column.en));
            read.faults.push(RowFault {
                file: name.to_owned(),
                row: line.number,
                column: heading.unwrap_or(column).to_owned(),
                what: what.to_owned(),
                help: help.to_owned(),
            });
        }
        match before {
            None => plan.added.push(after),
            Some(before) if before.cells == after.cells && before.asset == after.asset => plan.same += 1,
            Some(before) => plan.changed.push((before.clone(), after)),
        }
    }
    if replace && book != Book::Assets {
        let kept: BTreeSet<&str> = read.lines.iter().map(|line| line.row.key.as_str()).collect();
        let gone = |row: &&Row| !kept.contains(row.key.as_str());
        plan.removed = current.iter().filter(gone).cloned().collect();
    } else {
        plan.same = current.len().saturating_sub(plan.changed.len());
    }
    plan
}

/// The row with the cells that the file has; empty ones clear.
fn merged(before: Option<&Row>, file: &Row) -> Row {
    let mut row = before.cloned().unwrap_or_default();
    row.key.clone_from(&file.key);
    row.asset = file.asset.or(row.asset);
    for (name, cell) in &file.cells {
        if cell.is_empty() {
            row.cells.remove(name);
        } else {
            row.cells.insert(name.clone(), cell.clone());
        }
    }
    row
}

#[cfg(test)]
mod tests;
