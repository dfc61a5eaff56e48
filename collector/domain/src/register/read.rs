//! A file of a book as a table of texts, read as a whole: every fault of every cell at once, or rows.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    book::{Book, Column, Kind},
    cell::{self, Known},
    record::{Row, Sign, Subnet},
};
use crate::ledger::{RowFault, Table, plain};

/// Most rows of a file.
const ROWS: usize = 100_000;
/// Most faults that are told: a file of another kind has one per cell.
const FAULTS: usize = 500;

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows in the order of the file. Cells of columns that the file has, also empty ones.
    pub rows: Vec<Row>,
    /// Columns that are none of the book: left out, and said.
    pub ignored: Vec<String>,
}

/// Reads a table. Nothing is half-read.
pub fn read(book: Book, table: &Table, known: &Known<'_>) -> Result<Imported, Vec<RowFault>> {
    let mut reader = Reader {
        book,
        file: &table.file,
        known,
        faults: Vec::new(),
    };
    let Some(((first, headings), rows)) = table
        .rows
        .split_first()
        .map(|(head, rows)| ((head.0, &head.1), rows))
    else {
        reader.fault(1, "", "the file is empty", "begin with a row of headings");
        return Err(reader.faults);
    };
    let (columns, ignored) = reader.columns(first, headings);
    if rows.len() > ROWS {
        reader.fault(first, "", "the file has more than 100,000 rows", "split it");
    }
    let mut read = Vec::new();
    if reader.faults.is_empty() {
        let mut seen = BTreeMap::new();
        for (number, cells) in rows {
            read.extend(reader.row(*number, cells, &columns, &mut seen));
        }
    }
    if reader.faults.is_empty() {
        Ok(Imported { rows: read, ignored })
    } else {
        reader.faults.truncate(FAULTS);
        Err(reader.faults)
    }
}

/// A column of the file: where it is, and how it is headed there.
type Found = (&'static Column, usize, String);

struct Reader<'a> {
    book: Book,
    file: &'a str,
    known: &'a Known<'a>,
    faults: Vec<RowFault>,
}

impl Reader<'_> {
    fn fault(&mut self, row: usize, column: &str, what: impl Into<String>, help: &str) {
        self.faults.push(RowFault {
            file: self.file.to_owned(),
            row,
            column: column.to_owned(),
            what: what.into(),
            help: help.to_owned(),
        });
    }

    fn columns(&mut self, row: usize, headings: &[String]) -> (Vec<Found>, Vec<String>) {
        let mut found: Vec<Found> = Vec::new();
        let mut ignored = Vec::new();
        for (index, heading) in headings.iter().enumerate() {
            let heading = heading.trim();
            match self.book.named(heading) {
                Some(column) if found.iter().any(|(known, ..)| known.name == column.name) => {
                    self.fault(
                        row,
                        heading,
                        "this column stands here twice",
                        "remove one of them",
                    );
                }
                Some(column) => found.push((column, index, heading.to_owned())),
                None if heading.is_empty() => {}
                None => ignored.push(heading.to_owned()),
            }
        }
        for key in self.book.keys() {
            let Some(column) = self.book.column(key) else {
                continue;
            };
            if !found.iter().any(|(known, ..)| known.name == *key) {
                let help = format!("name one {} or {} in the first row", column.zh, column.en);
                self.fault(row, "", format!("no column holds `{}`", column.en), &help);
            }
        }
        (found, ignored)
    }

    fn row(
        &mut self,
        number: usize,
        cells: &[String],
        columns: &[Found],
        seen: &mut BTreeMap<String, usize>,
    ) -> Option<Row> {
        let text = |index: usize| cells.get(index).map_or("", |cell| plain(cell));
        if columns.iter().all(|(_, index, _)| text(*index).is_empty()) {
            return None;
        }
        let before = self.faults.len();
        let mut row = Row::default();
        for (column, index, heading) in columns {
            let given = text(*index);
            if given.is_empty() {
                if column.needed {
                    self.fault(
                        number,
                        heading,
                        "the cell is empty",
                        "fill it in, or remove the row",
                    );
                }
                row.cells.insert(column.name.to_owned(), String::new());
                continue;
            }
            match cell::kept(column.kind, given, self.known) {
                Ok(kept) if column.kind == Kind::Asset => row.asset = (self.known.asset)(&kept),
                Ok(kept) => {
                    row.cells.insert(column.name.to_owned(), kept);
                }
                Err(wrong) => self.fault(number, heading, wrong.what, wrong.help),
            }
        }
        if self.faults.len() > before {
            return None;
        }
        let heading = |name: &str| {
            let found = columns.iter().find(|(column, ..)| column.name == name);
            found.map_or(name.to_owned(), |(_, _, heading)| heading.clone())
        };
        if let Err((name, what, help)) = fits(self.book, &row) {
            self.fault(number, &heading(name), what, help);
            return None;
        }
        row.key = Row::key_of(self.book, &row.cells);
        if let Some(earlier) = seen.insert(row.key.clone(), number) {
            let first = self.book.keys().first().copied().unwrap_or_default();
            let what = format!("`{}` stands in row {earlier} already", row.key);
            self.fault(number, &heading(first), what, "keep one of them");
            return None;
        }
        Some(row)
    }
}

type Misfit = (&'static str, &'static str, &'static str);

/// Whether the cells of a row go together. Columns that a file does not have are not asked for here.
pub(super) fn fits(book: Book, row: &Row) -> Result<(), Misfit> {
    let has = |name: &str| !row.text(name).is_empty();
    let tells = |name: &str| row.cells.contains_key(name);
    match book {
        Book::Orders | Book::Visits => {
            if let (Some(from), Some(to)) = (row.at("from"), row.at("to"))
                && to <= from
            {
                return Err(("to", "it ends before it begins", "correct one of the two"));
            }
        }
        Book::Departments => {
            let is_subnet = Sign::by_word(row.text("sign")) == Some(Sign::Subnet);
            if is_subnet && Subnet::parse(row.text("pattern")).is_none() {
                return Err(("pattern", "it is no subnet", "write it as 10.1.2.0/24"));
            }
        }
        Book::Licences if tells("entry") && tells("pattern") && !has("entry") && !has("pattern") => {
            let help = "fill in the entry of the catalogue, or a name pattern as `AutoCAD*`";
            return Err(("pattern", "nothing says which programs it is", help));
        }
        _ => {}
    }
    Ok(())
}

/// What a whole row lacks; asked once it is complete.
pub(super) fn lacks(book: Book, row: &Row) -> Option<&'static str> {
    let has = |name: &str| !row.text(name).is_empty();
    let missing: BTreeSet<&'static str> = book
        .columns()
        .iter()
        .filter(|column| column.needed)
        .filter(|column| match column.kind {
            Kind::Asset => row.asset.is_none(),
            _ => !has(column.name),
        })
        .map(|column| column.name)
        .collect();
    let choice = match book {
        Book::Licences if !has("entry") && !has("pattern") => Some("pattern"),
        Book::Visits if !has("provider") && row.asset.is_none() => Some("provider"),
        _ => None,
    };
    missing.into_iter().next().or(choice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AssetId;

    fn table(rows: &[&[&str]]) -> Table {
        Table {
            file: "台账.csv".into(),
            rows: rows
                .iter()
                .enumerate()
                .map(|(index, cells)| (index + 1, cells.iter().map(|cell| (*cell).to_owned()).collect()))
                .collect(),
        }
    }

    fn reads(book: Book, rows: &[&[&str]]) -> Result<Imported, Vec<RowFault>> {
        let known = Known {
            asset: &|number| (number == "PC-7").then_some(AssetId(7)),
            entry: &|_| true,
            offset_minutes: 480,
        };
        read(book, &table(rows), &known)
    }

    #[test]
    fn headings_of_both_languages_make_the_same_rows() {
        let zh = reads(
            Book::Assets,
            &[
                &[
                    "序号",
                    "资产编号",
                    "设备名称",
                    "类别",
                    "使用状态",
                    "使用人",
                    "部门",
                    "序列号",
                ],
                &[
                    "1",
                    "PC-9",
                    "财务机",
                    "自有",
                    "在用",
                    "王芳",
                    "财务部",
                    "PF2ABC01",
                ],
            ],
        )
        .unwrap();
        let en = reads(
            Book::Assets,
            &[
                &[
                    "number",
                    "name",
                    "class",
                    "state",
                    "custodian",
                    "department",
                    "serials",
                ],
                &["PC-9", "财务机", "own", "in_use", "王芳", "财务部", "pf2abc01"],
            ],
        )
        .unwrap();
        assert_eq!(zh.rows, en.rows);
        assert_eq!(zh.ignored, ["序号"]);
        assert_eq!(en.rows[0].key, "PC-9");
    }

    #[test]
    fn every_fault_is_told_with_row_and_column_and_nothing_is_loaded() {
        let faults = reads(
            Book::Orders,
            &[
                &["工单号", "资产编号", "开始", "结束", "维修内容", "部件"],
                &["WO-1", "PC-8", "soon", "2026-11-28", "换内存", "mouse"],
                &["WO-2", "PC-7", "2026-11-28", "2026-11-27", "x", ""],
                &["", "PC-7", "2026-11-28", "2026-11-29", "x", ""],
                &["WO-3", "PC-7", "2026-11-28", "2026-11-29", "x", ""],
                &["WO-3", "PC-7", "2026-11-28", "2026-11-29", "x", ""],
            ],
        )
        .unwrap_err();
        let places: Vec<(usize, &str)> = faults.iter().map(|f| (f.row, f.column.as_str())).collect();
        assert_eq!(
            places,
            [
                (2, "资产编号"),
                (2, "开始"),
                (2, "部件"),
                (3, "结束"),
                (4, "工单号"),
                (6, "工单号"),
            ]
        );
        assert!(faults[5].to_string().contains("row 5"), "{}", faults[5]);
    }

    #[test]
    fn a_file_of_another_kind_is_refused_with_the_heading_that_it_lacks() {
        let faults = reads(Book::Media, &[&["姓名", "电话"], &["王芳", "1"]]).unwrap_err();
        assert!(faults[0].to_string().contains("序列号"), "{}", faults[0]);
        assert!(reads(Book::Media, &[]).is_err());
        let twice = reads(Book::Media, &[&["serial", "序列号"], &["a", "b"]]).unwrap_err();
        assert!(twice[0].to_string().contains("twice"));
    }

    #[test]
    fn a_licence_without_programs_and_a_visit_of_nobody_lack_something() {
        let licences = reads(Book::Licences, &[&["软件名称", "授权数"], &["AutoCAD", "5"]]).unwrap();
        assert_eq!(lacks(Book::Licences, &licences.rows[0]), Some("pattern"));
        let visits = reads(
            Book::Visits,
            &[&["number", "from", "to"], &["V-1", "2026-11-28", "2026-11-29"]],
        )
        .unwrap();
        assert_eq!(lacks(Book::Visits, &visits.rows[0]), Some("provider"));
        let order = reads(Book::Orders, &[&["number", "asset"], &["WO-1", "PC-7"]]).unwrap();
        assert_eq!(order.rows[0].asset, Some(AssetId(7)));
        assert_eq!(lacks(Book::Orders, &order.rows[0]), Some("from"));
    }
}
