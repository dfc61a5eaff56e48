//! What a row of a book must say as a whole.

use std::collections::BTreeSet;

use super::{
    book::{Book, Kind},
    record::{Row, Sign, Subnet},
};

/// A column, what is wrong with it, and what to do.
type Misfit = (&'static str, &'static str, &'static str);

/// Whether the cells of a row go together.
pub(super) fn fits(book: Book, row: &Row) -> Result<(), Misfit> {
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
            let pattern = row.text("pattern");
            if is_subnet && !pattern.is_empty() && Subnet::parse(pattern).is_none() {
                return Err(("pattern", "it is no subnet", "write it as 10.1.2.0/24"));
            }
        }
        _ => {}
    }
    Ok(())
}

/// What a row lacks, of the columns of which nothing is told yet.
pub(super) fn lacks(book: Book, row: &Row, told: &BTreeSet<&'static str>) -> Vec<Misfit> {
    const EMPTY: &str = "the cell is empty";
    let has = |name: &str| !row.text(name).is_empty();
    let missing = book
        .columns()
        .iter()
        .filter(|column| column.needed && !told.contains(column.name))
        .filter(|column| match column.kind {
            Kind::Asset => row.asset.is_none(),
            _ => !has(column.name),
        })
        .map(|column| (column.name, EMPTY, "fill it in"));
    let either = |one: &'static str, other: &'static str| !told.contains(one) && !told.contains(other);
    let choice = match book {
        Book::Licences if either("entry", "pattern") && !has("entry") && !has("pattern") => {
            let help = "fill in the entry of the catalogue, or a name pattern as `AutoCAD*`";
            Some(("pattern", "nothing says which programs it is", help))
        }
        Book::Visits if either("provider", "asset") && !has("provider") && row.asset.is_none() => Some((
            "provider",
            "nothing says whose visit it is",
            "fill in the provider or the asset",
        )),
        _ => None,
    };
    missing.chain(choice).collect()
}
