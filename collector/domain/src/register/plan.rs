//! What a file would do to a book, before it does it. Columns that the file does not have stay as they are.

use std::collections::BTreeMap;

use super::{
    book::Book,
    read::{Imported, fits, lacks},
    record::Row,
};
use crate::ledger::RowFault;

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

/// Compares a file with the book. With `replace`, rows that the file does not have go; assets never do: they
/// have a history. A row that is not complete with what is known is a fault, like any other.
pub fn plan(
    book: Book,
    current: &[Row],
    file: &Imported,
    replace: bool,
    name: &str,
) -> Result<Plan, Vec<RowFault>> {
    let known: BTreeMap<&str, &Row> = current.iter().map(|row| (row.key.as_str(), row)).collect();
    let mut plan = Plan::default();
    let mut faults = Vec::new();
    for row in &file.rows {
        let before = known.get(row.key.as_str());
        let after = merged(before.copied(), row);
        let lacking = lacks(book, &after).map(|column| (column, "the cell is empty", "fill it in"));
        if let Some((column, what, help)) = lacking.or(fits(book, &after).err()) {
            let heading = book.column(column).map_or(column, |column| column.en);
            faults.push(RowFault {
                file: name.to_owned(),
                row: 0,
                column: heading.to_owned(),
                what: format!("`{}`: {what}", row.key),
                help: help.to_owned(),
            });
            continue;
        }
        match before {
            None => plan.added.push(after),
            Some(before) if before.cells == after.cells && before.asset == after.asset => plan.same += 1,
            Some(before) => plan.changed.push(((*before).clone(), after)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    if replace && book != Book::Assets {
        plan.removed = current
            .iter()
            .filter(|row| !file.rows.iter().any(|new| new.key == row.key))
            .cloned()
            .collect();
    } else {
        plan.same = current.len().saturating_sub(plan.changed.len());
    }
    Ok(plan)
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
mod tests {
    use super::*;

    fn row(key: &str, cells: &[(&str, &str)]) -> Row {
        let mut cells: BTreeMap<String, String> = cells
            .iter()
            .map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned()))
            .collect();
        cells.insert("serial".into(), key.into());
        Row {
            key: key.into(),
            cells,
            ..Row::default()
        }
    }

    fn file(rows: Vec<Row>) -> Imported {
        Imported {
            rows,
            ignored: Vec::new(),
        }
    }

    #[test]
    fn columns_that_a_file_lacks_stay_and_empty_cells_clear() {
        let current = [row("a", &[("name", "U盘"), ("owner", "王芳"), ("note", "x")])];
        let file = file(vec![row("a", &[("name", "硬盘"), ("note", "")]), row("b", &[])]);
        let plan = plan(Book::Media, &current, &file, false, "f").unwrap();
        assert_eq!(plan.added, [row("b", &[])]);
        assert_eq!(
            plan.changed[0].1,
            row("a", &[("name", "硬盘"), ("owner", "王芳")])
        );
        assert_eq!(plan.same, 0);
    }

    #[test]
    fn only_a_replacing_file_removes_and_never_assets() {
        let current = [row("a", &[]), row("b", &[])];
        let new = file(vec![row("b", &[])]);
        let kept = plan(Book::Media, &current, &new, false, "f").unwrap();
        assert!(kept.is_empty() && kept.same == 2);
        let replaced = plan(Book::Media, &current, &new, true, "f").unwrap();
        assert_eq!((replaced.removed.len(), replaced.same), (1, 1));
        let mut asset = row("PC-1", &[]);
        asset.cells.insert("number".into(), "PC-1".into());
        let assets = plan(Book::Assets, &[asset], &file(Vec::new()), true, "f").unwrap();
        assert!(assets.is_empty());
    }

    #[test]
    fn a_new_row_that_is_not_complete_is_a_fault() {
        let mut half = row("x", &[]);
        half.cells.remove("serial");
        let faults = plan(Book::Media, &[], &file(vec![half]), false, "f.csv").unwrap_err();
        assert!(faults[0].to_string().contains("Serial"), "{}", faults[0]);
    }
}
