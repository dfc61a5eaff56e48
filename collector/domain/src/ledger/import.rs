//! A ledger file as a table of texts, read as a whole: every fault of every cell at once, or entries.

use std::{collections::BTreeMap, net::IpAddr};

use super::{
    Column,
    cells::{self, Wrong},
};
use crate::model::{AssetId, LedgerEntry};

/// Most rows of a file.
const ROWS: usize = 100_000;
/// Most faults that are told: a file of another kind has one per cell.
const FAULTS: usize = 500;
/// What to do about a cell without a heading.
pub(crate) const HOMELESS: &str =
    "name its column in the first row, remove the cell, or put quotes around a text with a comma";

/// A file as rows of cells, with the number that a person sees beside each row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Name of the file, for faults.
    pub file: String,
    /// Rows that are not empty; the first holds the headings.
    pub rows: Vec<(usize, Vec<String>)>,
}

/// A fault of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{file}:{row}: {}{what}; {help}", heading(column))]
pub struct RowFault {
    /// The file.
    pub file: String,
    /// Its row, from 1.
    pub row: usize,
    /// Heading of the column.
    pub column: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub help: String,
}

fn heading(column: &str) -> String {
    if column.is_empty() {
        String::new()
    } else {
        format!("{column}: ")
    }
}

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Entries in the order of the file.
    pub entries: Vec<LedgerEntry>,
    /// Columns that are no ledger's: left out, and said.
    pub ignored: Vec<String>,
}

/// Reads a table. `asset` finds an asset by its number. Nothing is half-read.
pub fn read(table: &Table, asset: &dyn Fn(&str) -> Option<AssetId>) -> Result<Imported, Vec<RowFault>> {
    let mut reader = Reader {
        file: &table.file,
        faults: Vec::new(),
    };
    let Some(((first, headings), rows)) = table
        .rows
        .split_first()
        .map(|(head, rows)| ((head.0, &head.1), rows))
    else {
        reader.fault(
            1,
            "",
            "the file is empty",
            "begin with a row of headings, as IP地址 or Address",
        );
        return Err(reader.faults);
    };
    let (columns, ignored) = reader.columns(first, headings);
    if rows.len() > ROWS {
        reader.fault(first, "", "the file has more than 100,000 rows", "split it");
        return Err(reader.faults);
    }
    let mut entries = Vec::new();
    let mut seen: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for (row, cells) in rows {
        entries.extend(reader.entry(*row, cells, &columns, headings, asset, &mut seen));
    }
    if reader.faults.is_empty() {
        Ok(Imported { entries, ignored })
    } else {
        Err(told(reader.faults))
    }
}

/// The faults of a file that are told, in the order of its rows; of more than [`FAULTS`] their number.
pub(crate) fn told(mut faults: Vec<RowFault>) -> Vec<RowFault> {
    faults.sort_by_key(|fault| fault.row);
    let more = faults.len().saturating_sub(FAULTS);
    faults.truncate(FAULTS);
    if let Some(last) = faults.last().filter(|_| more > 0).cloned() {
        faults.push(RowFault {
            column: String::new(),
            what: format!("{more} more faults are not listed"),
            help: "correct these first".to_owned(),
            ..last
        });
    }
    faults
}

/// Cells of a row that stand under no heading, with the letter of their column.
pub(crate) fn homeless<'a>(
    headings: &'a [String],
    cells: &'a [String],
) -> impl Iterator<Item = (String, &'a str)> {
    let named = |index: usize| {
        headings
            .get(index)
            .is_some_and(|heading| !heading.trim().is_empty())
    };
    let cells = cells.iter().map(|cell| plain(cell)).enumerate();
    cells
        .filter(move |(index, cell)| !cell.is_empty() && !named(*index))
        .map(|(index, cell)| (letters(index), cell))
}

/// The name that spreadsheets give to a column: A to Z, AA, AB.
fn letters(index: usize) -> String {
    let last = u8::try_from(index % 26).map_or('?', |step| char::from(b'A' + step));
    match index / 26 {
        0 => last.to_string(),
        rest => letters(rest - 1) + &last.to_string(),
    }
}

struct Reader<'a> {
    file: &'a str,
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

    fn columns(&mut self, row: usize, headings: &[String]) -> (BTreeMap<Column, usize>, Vec<String>) {
        let mut columns = BTreeMap::new();
        let mut ignored = Vec::new();
        for (index, heading) in headings.iter().enumerate() {
            match Column::named(heading) {
                Some(column) if columns.contains_key(&column) => {
                    self.fault(
                        row,
                        heading,
                        "this column stands here twice",
                        "remove one of them",
                    );
                }
                Some(column) => {
                    columns.insert(column, index);
                }
                None if heading.trim().is_empty() => {}
                None => ignored.push(heading.trim().to_owned()),
            }
        }
        if !columns.contains_key(&Column::Address) {
            self.fault(
                row,
                "",
                "no column holds the address",
                "name one IP地址 or Address in the first row",
            );
        }
        (columns, ignored)
    }

    fn entry(
        &mut self,
        row: usize,
        cells: &[String],
        columns: &BTreeMap<Column, usize>,
        headings: &[String],
        asset: &dyn Fn(&str) -> Option<AssetId>,
        seen: &mut BTreeMap<IpAddr, usize>,
    ) -> Option<LedgerEntry> {
        let text = |column: Column| {
            let cell = columns.get(&column).and_then(|index| cells.get(*index));
            cell.map_or("", |cell| plain(cell))
        };
        let heading = |column: Column| {
            let given = columns.get(&column).and_then(|index| headings.get(*index));
            given.map_or_else(|| column.heading().1.to_owned(), |given| given.trim().to_owned())
        };
        let before = self.faults.len();
        for (letters, cell) in homeless(headings, cells) {
            let shown: String = cell.chars().take(40).collect();
            self.fault(
                row,
                &letters,
                format!("`{shown}` stands under no heading"),
                HOMELESS,
            );
        }
        if Column::ALL.iter().all(|column| text(*column).is_empty()) {
            return None;
        }
        let mut take =
            |column: Column, wrong: Wrong| self.fault(row, &heading(column), wrong.what, wrong.help);
        // A heading that is missing was told once.
        let has_address = columns.contains_key(&Column::Address);
        let ip = cells::address(text(Column::Address))
            .map_err(|wrong| has_address.then(|| take(Column::Address, wrong)))
            .ok();
        fn some<T>(
            text: &str,
            read: impl FnOnce(&str) -> Result<T, Wrong>,
            fault: impl FnOnce(Wrong),
        ) -> Option<T> {
            if text.is_empty() {
                return None;
            }
            read(text).map_err(fault).ok()
        }
        let prefix = some(
            text(Column::Mask),
            |text| cells::prefix(text, ip),
            |wrong| take(Column::Mask, wrong),
        );
        let gateway = some(text(Column::Gateway), cells::address, |wrong| {
            take(Column::Gateway, wrong)
        });
        let dns = some(text(Column::Dns), cells::dns, |wrong| take(Column::Dns, wrong));
        let mode = some(text(Column::Mode), cells::mode, |wrong| take(Column::Mode, wrong));
        let mac = some(text(Column::Mac), cells::mac, |wrong| take(Column::Mac, wrong));
        let owner = some(text(Column::Owner), cells::words, |wrong| {
            take(Column::Owner, wrong)
        });
        let place = some(text(Column::Place), cells::words, |wrong| {
            take(Column::Place, wrong)
        });
        let found = some(
            text(Column::Asset),
            |number| {
                asset(number).ok_or_else(|| Wrong {
                    what: format!(
                        "no asset has the number `{}`",
                        number.chars().take(40).collect::<String>()
                    ),
                    help: "register the asset first, or leave the cell empty and name the owner",
                })
            },
            |wrong| take(Column::Asset, wrong),
        );
        if let (Some(ip), Some(prefix), Some(gateway)) = (ip, prefix, gateway)
            && !cells::same_subnet(ip, gateway, prefix)
        {
            self.fault(
                row,
                &heading(Column::Gateway),
                format!("{gateway} is not in the subnet of {ip}/{prefix}"),
                "correct the gateway, the mask or the address",
            );
        }
        let ip = ip?;
        if let Some(earlier) = seen.insert(ip, row) {
            self.fault(
                row,
                &heading(Column::Address),
                format!("{ip} stands in row {earlier} already"),
                "keep one of them",
            );
        }
        (self.faults.len() == before).then(|| LedgerEntry {
            address: ip.to_string(),
            prefix,
            gateway: gateway.map(|ip| ip.to_string()),
            dns: dns.unwrap_or_default(),
            mode,
            mac,
            asset: found,
            owner,
            place,
        })
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

#[cfg(test)]
mod tests {
    use super::*;

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

    fn assets(number: &str) -> Option<AssetId> {
        (number == "PC-7").then_some(AssetId(7))
    }

    #[test]
    fn headings_of_both_languages_make_the_same_entry() {
        let zh = table(&[
            &[
                "序号",
                "IP 地址",
                "子网掩码",
                "默认网关",
                "DNS",
                "获取方式",
                "MAC地址",
                "资产编号",
                "使用人",
                "位置",
            ],
            &[
                "1",
                "10.0.0.20",
                "255.255.255.0",
                "10.0.0.1",
                "10.0.0.53，8.8.8.8",
                "静态",
                "00-1A-2B-3C-4D-5E",
                "PC-7",
                "王芳",
                "201",
            ],
        ]);
        let en = table(&[
            &[
                "address", "prefix", "gateway", "dns", "mode", "mac", "asset", "owner", "place",
            ],
            &[
                "10.0.0.20",
                "24",
                "10.0.0.1",
                "10.0.0.53 8.8.8.8",
                "static",
                "001a.2b3c.4d5e",
                "PC-7",
                "王芳",
                "201",
            ],
        ]);
        let (zh, en) = (read(&zh, &assets).unwrap(), read(&en, &assets).unwrap());
        assert_eq!(zh.entries, en.entries);
        assert_eq!((zh.ignored, en.ignored), (vec!["序号".to_owned()], Vec::new()));
        let entry = &en.entries[0];
        assert_eq!((entry.prefix, entry.asset), (Some(24), Some(AssetId(7))));
        assert_eq!(super::super::row(entry, "PC-7", true)[1], "255.255.255.0");
    }

    #[test]
    fn every_fault_is_told_with_row_and_column_and_nothing_is_loaded() {
        let faults = read(
            &table(&[
                &["IP地址", "掩码", "网关", "MAC", "资产编号", "方式"],
                &["10.0.0.300", "255.0.255.0", "x", "00:1a", "PC-9", "maybe"],
                &["10.0.0.20", "24", "10.0.1.1", "", "", ""],
                &["10.0.0.20", "", "", "", "", ""],
                &["", "", "", "", "", ""],
            ]),
            &assets,
        )
        .unwrap_err();
        let places: Vec<(usize, &str)> = faults
            .iter()
            .map(|fault| (fault.row, fault.column.as_str()))
            .collect();
        assert_eq!(
            places,
            [
                (2, "IP地址"),
                (2, "掩码"),
                (2, "网关"),
                (2, "方式"),
                (2, "MAC"),
                (2, "资产编号"),
                (3, "网关"),
                (4, "IP地址"),
            ]
        );
        assert!(faults[7].to_string().contains("row 3"), "{}", faults[7]);
    }

    #[test]
    fn a_cell_under_no_heading_is_told_and_a_faulty_heading_hides_no_row() {
        let faults = read(
            &table(&[
                &["IP地址", "", "使用人", "使用人"],
                &["10.0.0.20", "x", "王芳", "", "前台"],
                &["10.0.0.300", "", "", ""],
                &["", "", "", "", "", "y"],
            ]),
            &assets,
        )
        .unwrap_err();
        let places: Vec<(usize, &str)> = faults.iter().map(|f| (f.row, f.column.as_str())).collect();
        assert_eq!(
            places,
            [(1, "使用人"), (2, "B"), (2, "E"), (3, "IP地址"), (4, "F")]
        );
        let faults = read(&table(&[&["掩码", "位置"], &["0", "201"]]), &assets).unwrap_err();
        let places: Vec<(usize, &str)> = faults.iter().map(|f| (f.row, f.column.as_str())).collect();
        assert_eq!(places, [(1, ""), (2, "掩码")]);
        assert!(
            faults[0].to_string().starts_with("台账.csv:1: no column"),
            "{}",
            faults[0]
        );
        assert_eq!([0, 25, 26, 701, 702].map(letters), ["A", "Z", "AA", "ZZ", "AAA"]);
    }

    #[test]
    fn of_too_many_faults_their_number_is_told() {
        let mut rows = vec![vec!["IP地址"]];
        rows.resize(FAULTS + 8, vec!["x"]);
        let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        let faults = read(&table(&rows), &assets).unwrap_err();
        assert_eq!(faults.len(), FAULTS + 1);
        assert!(
            faults[FAULTS].to_string().contains("7 more faults"),
            "{}",
            faults[FAULTS]
        );
    }

    #[test]
    fn a_file_without_addresses_or_rows_is_refused() {
        for rows in [
            &[][..],
            &[&["name", "phone"][..], &["a", "b"]],
            &[&["ip", "地址"][..]],
        ] {
            assert!(read(&table(rows), &assets).is_err());
        }
    }
}
