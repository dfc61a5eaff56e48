//! The headings of a file: which columns of ours they name, and which none.

use std::fmt;

use super::{Faults, plain, start_of};

/// A heading that names no column of ours: left out, and said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// As it stands in the file.
    pub heading: String,
    /// The heading that may be meant, of a column that the file does not have.
    pub meant: Option<&'static str>,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { heading, meant } = self;
        match meant {
            Some(meant) => write!(f, "{heading} ({meant}?)"),
            None => f.write_str(heading),
        }
    }
}

/// The headings of a file.
#[derive(Debug)]
pub(crate) struct Head<'a, C> {
    headings: &'a [String],
    columns: Vec<(C, usize)>,
    /// Headings that name nothing.
    pub(crate) ignored: Vec<Ignored>,
}

impl<'a, C: Copy + PartialEq> Head<'a, C> {
    /// Reads headings that stand in that row: `named` tells the column of one, `spelled` how columns may be headed.
    pub(crate) fn read(
        row: usize,
        headings: &'a [String],
        named: impl Fn(&str) -> Option<C>,
        spelled: &[(C, Vec<&'static str>)],
        faults: &mut Faults<'_>,
    ) -> Self {
        let (mut columns, mut ignored) = (Vec::<(C, usize)>::new(), Vec::new());
        for (index, heading) in headings.iter().enumerate() {
            let heading = heading.trim();
            match named(heading) {
                Some(column) if columns.iter().any(|(known, _)| *known == column) => faults.add(
                    row,
                    heading,
                    ("此列出现两次", "this column stands here twice"),
                    ("请删除其中一列", "remove one of them"),
                ),
                Some(column) => columns.push((column, index)),
                None if heading.is_empty() => {}
                None => ignored.push(heading),
            }
        }
        let missing = spelled
            .iter()
            .filter(|(column, _)| columns.iter().all(|(known, _)| known != column))
            .flat_map(|(_, spellings)| spellings.iter().copied());
        let missing: Vec<&'static str> = missing.collect();
        let ignored = ignored.into_iter().map(|heading| Ignored {
            heading: heading.to_owned(),
            meant: nearest(heading, &missing),
        });
        Self {
            headings,
            ignored: ignored.collect(),
            columns,
        }
    }

    /// Columns of ours that it names, in its order, each with where it is.
    pub(crate) fn columns(&self) -> &[(C, usize)] {
        &self.columns
    }

    /// Whether it names a column.
    pub(crate) fn has(&self, column: C) -> bool {
        self.at(column).is_some()
    }

    /// Where a column is.
    pub(crate) fn at(&self, column: C) -> Option<usize> {
        let found = self.columns.iter().find(|(known, _)| *known == column);
        found.map(|(_, index)| *index)
    }

    /// How it names a column.
    pub(crate) fn heading(&self, column: C) -> Option<&'a str> {
        self.headings.get(self.at(column)?).map(|heading| heading.trim())
    }

    /// Tells of cells that stand under no heading, by the letter of their column.
    pub(crate) fn homeless(&self, row: usize, cells: &[String], faults: &mut Faults<'_>) {
        let named = |index: usize| {
            let heading = self.headings.get(index);
            heading.is_some_and(|heading| !heading.trim().is_empty())
        };
        for (index, cell) in cells.iter().map(|cell| plain(cell)).enumerate() {
            if cell.is_empty() || named(index) {
                continue;
            }
            let shown = start_of(cell);
            faults.add(
                row,
                &letters(index),
                (format!("“{shown}”上方没有列标题"), format!("`{shown}` stands under no heading")),
                (
                    "请在第一行写上列标题，或删除此单元格；内容含逗号时请加引号",
                    "name its column in the first row, remove the cell, or put quotes around a text with a comma",
                ),
            );
        }
    }
}

/// A heading as headings are compared: lower case, without spaces and marks.
pub(crate) fn heading_text(heading: &str) -> String {
    heading
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// What may be meant by a heading that is one slip away from it: two in a long word.
fn nearest(heading: &str, spellings: &[&'static str]) -> Option<&'static str> {
    let given = heading_text(heading);
    let most = match given.chars().count() {
        0..=2 => return None,
        3..=6 => 1,
        _ => 2,
    };
    let distance = |spelling: &&'static str| strsim::osa_distance(&given, &heading_text(spelling));
    let near = spellings.iter().map(|spelling| (distance(spelling), *spelling));
    let near = near.filter(|(distance, _)| *distance <= most);
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, spelling)| spelling)
}

/// The name that spreadsheets give to a column: A to Z, AA, AB.
fn letters(index: usize) -> String {
    let last = u8::try_from(index % 26).map_or('?', |step| char::from(b'A' + step));
    match index / 26 {
        0 => last.to_string(),
        rest => letters(rest - 1) + &last.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_letters_of_spreadsheets() {
        assert_eq!([0, 25, 26, 701, 702].map(letters), ["A", "Z", "AA", "ZZ", "AAA"]);
    }

    #[test]
    fn a_misspelt_heading_is_told_with_what_may_be_meant() {
        let spelled = ["Custodian", "保管人", "Department", "部门", "No"];
        for (heading, meant) in [
            ("custodain", Some("Custodian")),
            ("Departement", Some("Department")),
            ("保管者", Some("保管人")),
            ("部位", None),
            ("序号", None),
            ("N0", None),
            ("Telephone", None),
        ] {
            assert_eq!(nearest(heading, &spelled), meant, "{heading}");
        }
    }

    #[test]
    fn what_may_be_meant_is_a_column_that_the_file_lacks() {
        let headings = ["Custodian", "custodain", "custodiam"].map(str::to_owned);
        let named = |heading: &str| (heading == "Custodian").then_some(1);
        let spelled = [(1, vec!["Custodian"]), (2, vec!["Custodial"])];
        let mut faults = Faults::of("x.csv");
        let head = Head::read(1, &headings, named, &spelled, &mut faults);
        let shown: Vec<String> = head.ignored.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["custodain (Custodial?)", "custodiam (Custodial?)"]);
        assert_eq!(
            (head.at(1), head.has(2), head.heading(1)),
            (Some(0), false, Some("Custodian"))
        );
    }
}
