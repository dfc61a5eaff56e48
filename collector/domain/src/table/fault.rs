//! What is wrong with a file of people, and where.

use std::fmt;

use serde::{Serialize, Serializer};

use super::start_of;
use crate::model::{Lang, Text};

/// Most faults that are told: a file of another kind has one per cell.
const MOST: usize = 500;

/// A fault of a file. In JSON its words are English.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowFault {
    /// The file.
    pub file: String,
    /// Its row, from 1.
    pub row: usize,
    /// Heading of the column.
    pub column: String,
    /// What is wrong.
    #[serde(serialize_with = "english")]
    pub what: Text,
    /// What to do.
    #[serde(serialize_with = "english")]
    pub help: Text,
}

fn english<S: Serializer>(text: &Text, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text.en)
}

impl RowFault {
    /// The fault as one line.
    pub fn said(&self, lang: Lang) -> String {
        let Self { file, row, .. } = self;
        let what = self.said_of(&self.column, lang);
        match (lang, self.column.is_empty()) {
            (Lang::Zh, true) => format!("{file} 第 {row} 行：{what}"),
            (Lang::Zh, false) => format!("{file} 第 {row} 行，{what}"),
            (Lang::En, _) => format!("{file}:{row}: {what}"),
        }
    }

    /// The fault of the only row that there is, where its column is called so.
    pub fn said_of(&self, column: &str, lang: Lang) -> String {
        let (what, help) = (self.what.get(lang), self.help.get(lang));
        match (lang, column.is_empty()) {
            (Lang::Zh, true) => format!("{what}；{help}"),
            (Lang::Zh, false) => format!("{column}：{what}；{help}"),
            (Lang::En, true) => format!("{what}; {help}"),
            (Lang::En, false) => format!("{column}: {what}; {help}"),
        }
    }
}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said(Lang::En))
    }
}

/// What is wrong with a cell, and what to do.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) what: Text,
    pub(crate) help: Text,
}

impl Wrong {
    /// From words in Chinese and English.
    pub(crate) fn new(what: impl Into<Text>, help: impl Into<Text>) -> Self {
        Self {
            what: what.into(),
            help: help.into(),
        }
    }

    /// The text is not what it should be.
    pub(crate) fn is_no(text: &str, (zh, en): (&str, &str), help: (&str, &str)) -> Self {
        let shown = start_of(text);
        Self::new(
            (format!("“{shown}”不是{zh}"), format!("`{shown}` is no {en}")),
            help,
        )
    }
}

/// The faults of a file so far.
#[derive(Debug)]
pub(crate) struct Faults<'a> {
    file: &'a str,
    told: Vec<RowFault>,
}

impl<'a> Faults<'a> {
    /// None of that file yet.
    pub(crate) const fn of(file: &'a str) -> Self {
        Self {
            file,
            told: Vec::new(),
        }
    }

    /// One more.
    pub(crate) fn add(&mut self, row: usize, column: &str, what: impl Into<Text>, help: impl Into<Text>) {
        self.told.push(RowFault {
            file: self.file.to_owned(),
            row,
            column: column.to_owned(),
            what: what.into(),
            help: help.into(),
        });
    }

    /// What is wrong with a cell.
    pub(crate) fn wrong(&mut self, row: usize, column: &str, wrong: Wrong) {
        self.add(row, column, wrong.what, wrong.help);
    }

    /// A cell that repeats one of an earlier row.
    pub(crate) fn repeats(&mut self, row: usize, column: &str, text: &str, earlier: usize) {
        let shown = start_of(text);
        self.add(
            row,
            column,
            (
                format!("“{shown}”在第 {earlier} 行已有"),
                format!("`{shown}` stands in row {earlier} already"),
            ),
            ("请只保留一处", "keep one of them"),
        );
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.told.len()
    }

    /// Nothing, or the faults in the order of rows; of more than [`MOST`] their number.
    pub(crate) fn end(self) -> Result<(), Vec<RowFault>> {
        let mut faults = self.told;
        if faults.is_empty() {
            return Ok(());
        }
        faults.sort_by_key(|fault| fault.row);
        let more = faults.len().saturating_sub(MOST);
        faults.truncate(MOST);
        if let Some(last) = faults.last().filter(|_| more > 0).cloned() {
            faults.push(RowFault {
                column: String::new(),
                what: Text::new(
                    format!("还有 {more} 处错误未列出"),
                    format!("{more} more faults are not listed"),
                ),
                help: Text::new("请先改正以上各处", "correct these first"),
                ..last
            });
        }
        Err(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_in_both_languages() {
        let mut faults = Faults::of("台账.csv");
        faults.wrong(
            3,
            "网关",
            Wrong::is_no("x", ("地址", "address"), ("请改正", "correct it")),
        );
        faults.add(2, "", ("空的", "empty"), ("请填写", "fill it in"));
        let faults = faults.end().unwrap_err();
        let said = |lang| faults.iter().map(|fault| fault.said(lang)).collect::<Vec<_>>();
        assert_eq!(
            said(Lang::Zh),
            [
                "台账.csv 第 2 行：空的；请填写",
                "台账.csv 第 3 行，网关：“x”不是地址；请改正"
            ]
        );
        assert_eq!(
            said(Lang::En),
            [
                "台账.csv:2: empty; fill it in",
                "台账.csv:3: 网关: `x` is no address; correct it"
            ]
        );
        assert_eq!(
            faults[1].said_of("Gateway", Lang::En),
            "Gateway: `x` is no address; correct it"
        );
        assert_eq!(faults[0].said_of("", Lang::Zh), "空的；请填写");
        let json = serde_json::to_value(&faults[1]).unwrap();
        assert_eq!(
            (json["what"].as_str(), json["row"].as_u64()),
            (Some("`x` is no address"), Some(3))
        );
    }

    #[test]
    fn of_too_many_their_number_is_told() {
        let mut faults = Faults::of("x.csv");
        (0..MOST + 7).for_each(|row| faults.add(row, "A", ("", ""), ("", "")));
        let faults = faults.end().unwrap_err();
        assert_eq!(faults.len(), MOST + 1);
        let last = &faults[MOST];
        assert!(last.to_string().contains("7 more faults"), "{last}");
        assert!(last.said(Lang::Zh).contains("还有 7 处"), "{last:?}");
        assert_eq!(Faults::of("x.csv").end(), Ok(()));
    }
}
