//! What a file would do to a book, before it does it. Columns that the file does not have stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    book::Book,
    cell::Known,
    fits::{fits, lacks},
    read::{Imported, Reading, read},
    record::Row,
};
use crate::table::{Faults, RowFault, Table, Wrong};

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
    let mut faults = Faults::of(&table.file);
    let read = read(book, table, known, &mut faults);
    let plan = plan(book, current, &read, replace, &mut faults);
    faults.end()?;
    let file = Imported {
        rows: read.lines.into_iter().map(|line| line.row).collect(),
        ignored: read.ignored,
    };
    Ok((file, plan))
}

fn plan(book: Book, current: &[Row], read: &Reading<'_>, replace: bool, faults: &mut Faults<'_>) -> Plan {
    let known: BTreeMap<&str, &Row> = current.iter().map(|row| (row.key.as_str(), row)).collect();
    let mut plan = Plan::default();
    let mut serials = Serials::of(book, current, read);
    for line in &read.lines {
        let before = known.get(line.row.key.as_str()).copied();
        let mut after = merged(before, &line.row);
        for wrong in &line.wrong {
            after.cells.remove(*wrong);
        }
        let lacking = lacks(book, &after, &line.wrong);
        for (column, wrong) in lacking.into_iter().chain(fits(book, &after).err()) {
            faults.wrong(line.number, read.heading(book, column), wrong);
        }
        for wrong in serials.taken(&after) {
            faults.wrong(line.number, read.heading(book, SERIALS), wrong);
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

/// The column of what an asset is recognised by.
const SERIALS: &str = "serials";

/// Which asset a serial stands for: a device that comes with it is linked to that asset, so it can be one only.
struct Serials(BTreeMap<String, String>);

impl Serials {
    /// Those of rows that the file says nothing of.
    fn of(book: Book, current: &[Row], read: &Reading<'_>) -> Self {
        let mut serials = Self(BTreeMap::new());
        if book.column(SERIALS).is_some() {
            let told: BTreeSet<&str> = read.lines.iter().map(|line| line.row.key.as_str()).collect();
            let others = current.iter().filter(|row| !told.contains(row.key.as_str()));
            others.for_each(|row| drop(serials.taken(row)));
        }
        serials
    }

    /// Takes a row's; those that stand for another asset are faults.
    fn taken(&mut self, row: &Row) -> Vec<Wrong> {
        let mut taken = Vec::new();
        for serial in row.several(SERIALS) {
            let owner = self.0.entry(serial.clone()).or_insert_with(|| row.key.clone());
            if *owner != row.key && !row.key.is_empty() {
                taken.push(Wrong::new(
                    (
                        format!("序列号“{serial}”已属于资产 {owner}"),
                        format!("the serial `{serial}` stands for asset {owner} already"),
                    ),
                    ("请只写在一台资产下", "write it at one asset only"),
                ));
            }
        }
        taken
    }
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
