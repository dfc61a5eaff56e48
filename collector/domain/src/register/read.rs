//! A file of a book as a table of texts, read as a whole: rows, and every fault of every cell. A faulty row is still
//! asked everything else, so that whoever corrects a file is told once.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    book::{Book, Column, Kind},
    cell::{self, Known},
    record::Row,
};
use crate::ledger::{HOMELESS, RowFault, Table, homeless, plain};

/// Most rows of a file.
const ROWS: usize = 100_000;

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows in the order of the file. Cells of columns that the file has, also empty ones.
    pub rows: Vec<Row>,
    /// Columns that are none of the book: left out, and said.
    pub ignored: Vec<String>,
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
pub(super) struct Reading {
    /// Its rows.
    pub(super) lines: Vec<Line>,
    /// Columns that are none of the book.
    pub(super) ignored: Vec<String>,
    /// How it heads the columns of the book.
    pub(super) headings: BTreeMap<&'static str, String>,
    /// What is wrong with its headings and cells.
    pub(super) faults: Vec<RowFault>,
}

/// Reads a table.
pub(super) fn read(book: Book, table: &Table, known: &Known<'_>) -> Reading {
    let mut reader = Reader {
        book,
        file: &table.file,
        known,
        read: Reading::default(),
    };
    let Some(((first, headings), rows)) = table
        .rows
        .split_first()
        .map(|(head, rows)| ((head.0, &head.1), rows))
    else {
        reader.fault(1, "", "the file is empty", "begin with a row of headings");
        return reader.read;
    };
    let columns = reader.columns(first, headings);
    if rows.len() > ROWS {
        reader.fault(first, "", "the file has more than 100,000 rows", "split it");
        return reader.read;
    }
    let mut seen = BTreeMap::new();
    for (number, cells) in rows {
        for (letters, cell) in homeless(headings, cells) {
            let shown: String = cell.chars().take(40).collect();
            let what = format!("`{shown}` stands under no heading");
            reader.fault(*number, &letters, what, HOMELESS);
        }
        let line = reader.row(*number, cells, &columns, &mut seen);
        reader.read.lines.extend(line);
    }
    reader.read
}

/// A column of the file, and where it is there.
type Found = (&'static Column, usize);

struct Reader<'a> {
    book: Book,
    file: &'a str,
    known: &'a Known<'a>,
    read: Reading,
}

impl Reader<'_> {
    fn fault(&mut self, row: usize, column: &str, what: impl Into<String>, help: &str) {
        self.read.faults.push(RowFault {
            file: self.file.to_owned(),
            row,
            column: column.to_owned(),
            what: what.into(),
            help: help.to_owned(),
        });
    }

    fn heading(&self, name: &'static str) -> String {
        let given = self.read.headings.get(name);
        given.map_or(name.to_owned(), String::clone)
    }

    fn columns(&mut self, row: usize, headings: &[String]) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        for (index, heading) in headings.iter().enumerate() {
            let heading = heading.trim();
            match self.book.named(heading) {
                Some(column) if self.read.headings.contains_key(column.name) => {
                    self.fault(
                        row,
                        heading,
                        "this column stands here twice",
                        "remove one of them",
                    );
                }
                Some(column) => {
                    found.push((column, index));
                    self.read.headings.insert(column.name, heading.to_owned());
                }
                None if heading.is_empty() => {}
                None => self.read.ignored.push(heading.to_owned()),
            }
        }
        for key in self.book.keys() {
            let Some(column) = self.book.column(key) else {
                continue;
            };
            if !self.read.headings.contains_key(key) {
                let help = format!("name one {} or {} in the first row", column.zh, column.en);
                self.fault(row, "", format!("no column holds `{}`", column.en), &help);
            }
        }
        found
    }

    fn row(
        &mut self,
        number: usize,
        cells: &[String],
        columns: &[Found],
        seen: &mut BTreeMap<String, usize>,
    ) -> Option<Line> {
        let text = |index: usize| cells.get(index).map_or("", |cell| plain(cell));
        if columns.iter().all(|(_, index)| text(*index).is_empty()) {
            return None;
        }
        let mut line = Line {
            number,
            // A heading that is missing was told once.
            wrong: self
                .book
                .keys()
                .iter()
                .copied()
                .filter(|key| !self.read.headings.contains_key(key))
                .collect(),
            row: Row::default(),
        };
        let row = &mut line.row;
        for (column, index) in columns {
            let given = text(*index);
            if given.is_empty() {
                if column.needed {
                    let help = "fill it in, or remove the row";
                    self.fault(number, &self.heading(column.name), "the cell is empty", help);
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
                    self.fault(number, &self.heading(column.name), wrong.what, wrong.help);
                    line.wrong.insert(column.name);
                }
            }
        }
        let keys = self.book.keys();
        if keys.iter().any(|key| line.wrong.contains(key)) {
            return Some(line);
        }
        line.row.key = Row::key_of(self.book, &line.row.cells);
        if let Some(earlier) = seen.insert(line.row.key.clone(), number) {
            let first = keys.first().copied().unwrap_or_default();
            let what = format!("`{}` stands in row {earlier} already", line.row.key);
            self.fault(number, &self.heading(first), what, "keep one of them");
        }
        Some(line)
    }
}
