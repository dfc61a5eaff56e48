//! A ledger file as a table of texts, read as a whole: every fault of every cell at once, or entries.

use std::{collections::BTreeMap, net::IpAddr};

use super::{Column, cells};
use crate::{
    model::{AssetId, LedgerEntry},
    table::{Faults, Head, Ignored, RowFault, Table, Wrong, plain, start_of},
};

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Entries in the order of the file.
    pub entries: Vec<LedgerEntry>,
    /// Columns that are no ledger's: left out, and said.
    pub ignored: Vec<Ignored>,
}

/// Reads a table. `asset` finds an asset by its number, `known` the entry of an address, of which columns that the table
/// does not have stay as they are. Nothing is half-read.
pub fn read<'k>(
    table: &Table,
    asset: &dyn Fn(&str) -> Option<AssetId>,
    known: &dyn Fn(&str) -> Option<&'k LedgerEntry>,
) -> Result<Imported, Vec<RowFault>> {
    let mut faults = Faults::of(&table.file);
    let mut imported = Imported::default();
    if let Some((first, headings, rows)) = table.parts(&mut faults) {
        let spelled = Column::ALL.map(|column| (column, column.spellings()));
        let head = Head::read(first, headings, Column::named, &spelled, &mut faults);
        if !head.has(Column::Address) {
            faults.add(
                first,
                "",
                ("没有地址列", "no column holds the address"),
                (
                    "请在第一行写上“IP地址”这一列标题",
                    "name one IP地址 or Address in the first row",
                ),
            );
        }
        let mut reader = Reader {
            head: &head,
            faults: &mut faults,
            asset,
            known,
            seen: BTreeMap::new(),
        };
        imported.entries = rows
            .iter()
            .filter_map(|(row, cells)| reader.entry(*row, cells))
            .collect();
        imported.ignored = head.ignored;
    }
    faults.end().map(|()| imported)
}

struct Reader<'r, 'f, 'k> {
    head: &'r Head<'r, Column>,
    faults: &'r mut Faults<'f>,
    asset: &'r dyn Fn(&str) -> Option<AssetId>,
    known: &'r dyn Fn(&str) -> Option<&'k LedgerEntry>,
    /// Rows of addresses.
    seen: BTreeMap<IpAddr, usize>,
}

impl Reader<'_, '_, '_> {
    fn entry(&mut self, row: usize, cells: &[String]) -> Option<LedgerEntry> {
        let head = self.head;
        let text = |column: Column| {
            let cell = head.at(column).and_then(|index| cells.get(index));
            cell.map_or("", |cell| plain(cell))
        };
        let heading = |column: Column| head.heading(column).unwrap_or_else(|| column.heading().1);
        let before = self.faults.len();
        head.homeless(row, cells, self.faults);
        if Column::ALL.iter().all(|column| text(*column).is_empty()) {
            return None;
        }
        let mut take = |column: Column, wrong: Wrong| self.faults.wrong(row, heading(column), wrong);
        // A heading that is missing was told once.
        let ip = cells::address(text(Column::Address))
            .map_err(|wrong| head.has(Column::Address).then(|| take(Column::Address, wrong)))
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
            |number| (self.asset)(number).ok_or_else(|| unregistered(number)),
            |wrong| take(Column::Asset, wrong),
        );
        let stays = ip
            .and_then(|ip| (self.known)(&ip.to_string()))
            .cloned()
            .unwrap_or_else(|| LedgerEntry::of(String::new()));
        let prefix = if head.has(Column::Mask) {
            prefix
        } else {
            stays.prefix
        };
        let gateway = if head.has(Column::Gateway) {
            gateway
        } else {
            stays.gateway.as_deref().and_then(|gateway| gateway.parse().ok())
        };
        if let (Some(ip), Some(prefix), Some(gateway)) = (ip, prefix, gateway)
            && let Some(wrong) = cells::outside(ip, gateway, prefix)
        {
            take(Column::Gateway, wrong);
        }
        let ip = ip?;
        if let Some(earlier) = self.seen.insert(ip, row) {
            self.faults
                .repeats(row, heading(Column::Address), &ip.to_string(), earlier);
        }
        let has = |column| head.has(column);
        (self.faults.len() == before).then(|| LedgerEntry {
            address: ip.to_string(),
            prefix,
            gateway: gateway.map(|ip| ip.to_string()),
            dns: if has(Column::Dns) {
                dns.unwrap_or_default()
            } else {
                stays.dns
            },
            mode: if has(Column::Mode) { mode } else { stays.mode },
            mac: if has(Column::Mac) { mac } else { stays.mac },
            asset: if has(Column::Asset) { found } else { stays.asset },
            owner: if has(Column::Owner) { owner } else { stays.owner },
            place: if has(Column::Place) { place } else { stays.place },
        })
    }
}

fn unregistered(number: &str) -> Wrong {
    let shown = start_of(number);
    Wrong::new(
        (
            format!("没有编号为“{shown}”的资产"),
            format!("no asset has the number `{shown}`"),
        ),
        (
            "请先登记该资产，或留空并填写使用人",
            "register the asset first, or leave the cell empty and name the owner",
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing<'k>(_: &str) -> Option<&'k LedgerEntry> {
        None
    }

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
        let (zh, en) = (
            read(&zh, &assets, &nothing).unwrap(),
            read(&en, &assets, &nothing).unwrap(),
        );
        assert_eq!(zh.entries, en.entries);
        let ignored: Vec<String> = zh.ignored.iter().map(ToString::to_string).collect();
        assert_eq!((ignored, en.ignored), (vec!["序号".to_owned()], Vec::new()));
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
            &nothing,
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
            &nothing,
        )
        .unwrap_err();
        let places: Vec<(usize, &str)> = faults.iter().map(|f| (f.row, f.column.as_str())).collect();
        assert_eq!(
            places,
            [(1, "使用人"), (2, "B"), (2, "E"), (3, "IP地址"), (4, "F")]
        );
        let faults = read(&table(&[&["掩码", "位置"], &["0", "201"]]), &assets, &nothing).unwrap_err();
        let places: Vec<(usize, &str)> = faults.iter().map(|f| (f.row, f.column.as_str())).collect();
        assert_eq!(places, [(1, ""), (2, "掩码")]);
        assert!(
            faults[0].to_string().starts_with("台账.csv:1: no column"),
            "{}",
            faults[0]
        );
    }

    #[test]
    fn a_file_without_addresses_or_rows_is_refused() {
        for rows in [
            &[][..],
            &[&["name", "phone"][..], &["a", "b"]],
            &[&["ip", "地址"][..]],
        ] {
            assert!(read(&table(rows), &assets, &nothing).is_err());
        }
    }

    #[test]
    fn columns_that_the_file_does_not_have_stay() {
        let before = LedgerEntry {
            prefix: Some(24),
            gateway: Some("10.0.0.1".into()),
            mac: Some("00:1a:2b:3c:4d:5e".into()),
            asset: Some(AssetId(7)),
            owner: Some("王芳".into()),
            ..LedgerEntry::of("10.0.0.20".into())
        };
        let known = |address: &str| (address == "10.0.0.20").then_some(&before);
        let file = table(&[
            &["IP地址", "使用人", "位置"],
            &["10.0.0.20", "", "201"],
            &["10.0.0.21", "", "202"],
        ]);
        let read_rows = read(&file, &assets, &known).unwrap().entries;
        let expected = LedgerEntry {
            owner: None,
            place: Some("201".into()),
            ..before.clone()
        };
        assert_eq!(
            read_rows[0], expected,
            "an empty cell clears, a missing column does not"
        );
        assert_eq!(read_rows[1].prefix, None);
        // What stays and what is new must go together.
        let file = table(&[&["IP地址", "掩码"], &["10.0.0.20", "32"]]);
        let faults = read(&file, &assets, &known).unwrap_err();
        assert!(
            faults[0].to_string().contains("10.0.0.1 is not in the subnet"),
            "{}",
            faults[0]
        );
    }
}
