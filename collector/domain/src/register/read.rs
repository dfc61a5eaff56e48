//! A file of a book as a table of texts, read as a whole: rows, and every fault of every cell. A faulty row is still
//! asked everything else, so that whoever corrects a file is told once.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    book::{Book, Column, Kind},
    cell::{self, Known},
    fits,
    record::Row,
};
use crate::table::{Faults, Head, Ignored, Table, Wrong, plain};

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows in the order of the file. Cells of columns that the file has, also empty ones.
    pub rows: Vec<Row>,
    /// Columns that are none of the book: left out, and said.
    pub ignored: Vec<Ignored>,
}

/// A row of a file, as far as its cells say something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// The number that a person sees beside it.
    pub(super) number: usize,
    /// What it says.
    pub(super) row: Row,
    /// Columns of which a fault is told already.
    pub(super) wrong: BTreeSet<&'static str>,
}

/// A file as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading<'t> {
    /// Its rows.
    pub(super) lines: Vec<Line>,
    /// Columns that are none of the book.
    pub(super) ignored: Vec<Ignored>,
    /// How it heads the columns of the book.
    headings: BTreeMap<&'static str, &'t str>,
}

impl Reading<'_> {
    /// What a column is called: as in the file, or else by us.
    pub(super) fn heading(&self, book: Book, name: &'static str) -> &str {
        let given = self.headings.get(name).copied();
        given
            .or_else(|| book.column(name).map(|column| column.en))
            .unwrap_or(name)
    }
}

/// Reads a table.
pub(super) fn read<'t>(
    book: Book,
    table: &'t Table,
    known: &Known<'_>,
    faults: &mut Faults<'_>,
) -> Reading<'t> {
    let Some((first, headings, rows)) = table.parts(faults) else {
        return Reading::default();
    };
    let columns = book.columns().iter();
    let spelled: Vec<_> = columns.map(|column| (column, column.spellings())).collect();
    let head = Head::read(first, headings, |heading| book.named(heading), &spelled, faults);
    let mut reader = Reader {
        book,
        known,
        head: &head,
        // A heading that is missing is told once.
        keyless: missing_keys(book, &head, first, faults),
        seen: BTreeMap::new(),
        faults,
    };
    let lines = rows
        .iter()
        .filter_map(|(number, cells)| reader.row(*number, cells))
        .collect();
    let named = head.columns().iter();
    Reading {
        lines,
        headings: named
            .filter_map(|(column, _)| Some((column.name, head.heading(column)?)))
            .collect(),
        ignored: head.ignored,
    }
}

/// Tells of columns that no row can be without.
fn missing_keys(
    book: Book,
    head: &Head<'_, &'static Column>,
    row: usize,
    faults: &mut Faults<'_>,
) -> BTreeSet<&'static str> {
    let keys = book.keys().iter();
    let columns = keys.filter_map(|key| book.column(key));
    let missing: Vec<&Column> = columns.filter(|column| !head.has(*column)).collect();
    for Column { zh, en, .. } in &missing {
        let help = (
            format!("请在第一行写上“{zh}”这一列标题"),
            format!("name one {zh} or {en} in the first row"),
        );
        faults.add(
            row,
            "",
            (format!("缺少“{zh}”列"), format!("no column holds `{en}`")),
            help,
        );
    }
    missing.into_iter().map(|column| column.name).collect()
}

struct Reader<'r, 'f> {
    book: Book,
    known: &'r Known<'r>,
    head: &'r Head<'r, &'static Column>,
    /// Columns of the key that the file does not have.
    keyless: BTreeSet<&'static str>,
    /// Rows of keys.
    seen: BTreeMap<String, usize>,
    faults: &'r mut Faults<'f>,
}

impl Reader<'_, '_> {
    fn row(&mut self, number: usize, cells: &[String]) -> Option<Line> {
        let text = |index: usize| cells.get(index).map_or("", |cell| plain(cell));
        self.head.homeless(number, cells, self.faults);
        let columns = self.head.columns();
        if columns.iter().all(|(_, index)| text(*index).is_empty()) {
            return None;
        }
        let mut line = Line {
            number,
            wrong: self.keyless.clone(),
            row: Row::default(),
        };
        let row = &mut line.row;
        for (column, index) in columns {
            let given = text(*index);
            if given.is_empty() {
                if column.needed {
                    let help = ("请填写，或删除此行", "fill it in, or remove the row");
                    self.wrong(number, column, fits::empty(help));
                    line.wrong.insert(column.name);
                }
                row.cells.insert(column.name.to_owned(), String::new());
                continue;
            }
            match cell::kept(column.kind, given, self.known) {
                Ok(kept) if column.kind == Kind::Asset => row.asset = (self.known.asset)(&kept),
                Ok(kept) => {
                    row.cells.insert(column.name.to_owned(), kept);
                }
                Err(wrong) => {
                    self.wrong(number, column, wrong);
                    line.wrong.insert(column.name);
                }
            }
        }
        let keys = self.book.keys();
        if keys.iter().any(|key| line.wrong.contains(key)) {
            return Some(line);
        }
        line.row.key = Row::key_of(self.book, &line.row.cells);
        if let Some(earlier) = self.seen.insert(line.row.key.clone(), number) {
            let first = keys.first().and_then(|key| self.book.column(key));
            let heading = first.and_then(|column| self.head.heading(column));
            self.faults
                .repeats(number, heading.unwrap_or_default(), &line.row.key, earlier);
        }
        Some(line)
    }

    fn wrong(&mut self, row: usize, column: &'static Column, wrong: Wrong) {
        let heading = self.head.heading(column).unwrap_or(column.en);
        self.faults.wrong(row, heading, wrong);
    }
}
