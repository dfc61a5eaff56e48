//! What a row of a book must say as a whole.

use std::collections::BTreeSet;

use super::{
    book::{Book, Kind},
    cell::SUBNET,
    record::{Row, Sign, Subnet},
};
use crate::table::Wrong;

/// A column, and what is wrong with it.
type Misfit = (&'static str, Wrong);

/// Whether the cells of a row go together.
pub(super) fn fits(book: Book, row: &Row) -> Result<(), Misfit> {
    match book {
        Book::Orders | Book::Visits => {
            if let (Some(from), Some(to)) = (row.at("from"), row.at("to"))
                && to <= from
            {
                let what = ("结束时间不晚于开始时间", "it ends before it begins");
                let help = ("请改正其中一个", "correct one of the two");
                return Err(("to", Wrong::new(what, help)));
            }
        }
        Book::Departments => {
            let is_subnet = Sign::by_word(row.text("sign")) == Some(Sign::Subnet);
            let pattern = row.text("pattern");
            if is_subnet && !pattern.is_empty() && Subnet::parse(pattern).is_none() {
                return Err(("pattern", Wrong::is_no(pattern, ("网段", "subnet"), SUBNET)));
            }
        }
        _ => {}
    }
    Ok(())
}

/// What a row lacks, of the columns of which nothing is told yet.
pub(super) fn lacks(book: Book, row: &Row, told: &BTreeSet<&'static str>) -> Vec<Misfit> {
    let has = |name: &str| !row.text(name).is_empty();
    let missing = book
        .columns()
        .iter()
        .filter(|column| column.needed && !told.contains(column.name))
        .filter(|column| match column.kind {
            Kind::Asset => row.asset.is_none(),
            _ => !has(column.name),
        })
        .map(|column| (column.name, empty(("请填写", "fill it in"))));
    let either = |one: &'static str, other: &'static str| !told.contains(one) && !told.contains(other);
    let choice = match book {
        Book::Licences if either("entry", "pattern") && !has("entry") && !has("pattern") => {
            let what = ("没有写明是哪种软件", "nothing says which programs it is");
            let help = (
                "请填写软件目录条目，或名称模式，例如 `AutoCAD*`",
                "fill in the entry of the catalogue, or a name pattern as `AutoCAD*`",
            );
            Some(("pattern", Wrong::new(what, help)))
        }
        Book::Visits if either("provider", "asset") && !has("provider") && row.asset.is_none() => {
            let what = ("没有写明是谁的来访", "nothing says whose visit it is");
            let help = ("请填写外包服务商或资产", "fill in the provider or the asset");
            Some(("provider", Wrong::new(what, help)))
        }
        _ => None,
    };
    missing.chain(choice).collect()
}

/// A cell that says nothing where something must be said.
pub(super) fn empty(help: (&str, &str)) -> Wrong {
    Wrong::new(("单元格为空", "the cell is empty"), help)
}
