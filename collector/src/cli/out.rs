//! Standard output: tables for people in their language, JSON for programs.

use std::io::{self, Write};

use deskwarden_domain::model::{Lang, Millis};
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::{clock, notify::clean};

/// Widest cell of a table, in columns.
const WIDEST: usize = 60;

/// Where and how a command answers.
pub(crate) struct Out<'a> {
    stream: &'a mut (dyn Write + Send),
    /// JSON instead of tables.
    pub(crate) json: bool,
    /// Language of words.
    pub(crate) lang: Lang,
}

impl<'a> Out<'a> {
    pub(crate) fn new(stream: &'a mut (dyn Write + Send), json: bool, lang: Lang) -> Self {
        Self { stream, json, lang }
    }

    /// Chooses words.
    pub(crate) fn say<'w>(&self, zh: &'w str, en: &'w str) -> &'w str {
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// Chooses one of two words.
    pub(crate) const fn pick(&self, words: (&'static str, &'static str)) -> &'static str {
        match self.lang {
            Lang::Zh => words.0,
            Lang::En => words.1,
        }
    }

    /// One line for people.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.stream, "{text}")
    }

    /// JSON where it was asked for, else the line.
    pub(crate) fn done(&mut self, value: &Value, zh: &str, en: &str) -> io::Result<()> {
        if self.json {
            return self.value(value);
        }
        let text = self.say(zh, en).to_owned();
        self.line(&text)
    }

    /// A JSON value, indented.
    pub(crate) fn value(&mut self, value: &Value) -> io::Result<()> {
        writeln!(self.stream, "{value:#}")
    }

    /// A JSON value on one line, flushed: events of a running collector.
    pub(crate) fn event(&mut self, value: &Value) -> io::Result<()> {
        writeln!(self.stream, "{value}")?;
        self.stream.flush()
    }

    /// Text as it is.
    pub(crate) fn raw(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())
    }

    /// A moment for people.
    pub(crate) fn moment(&self, at: Millis) -> String {
        clock::shown(at, self.lang)
    }

    /// Rows under headings (Chinese, English). Cells are one line each, of which the end is left out where it is long, and
    /// hold no control characters.
    pub(crate) fn table(&mut self, headings: &[(&str, &str)], rows: Vec<Vec<String>>) -> io::Result<()> {
        self.columns(headings, rows, cut)
    }

    /// The same with whole cells, for what is shown of one thing.
    pub(crate) fn whole_table(
        &mut self,
        headings: &[(&str, &str)],
        rows: Vec<Vec<String>>,
    ) -> io::Result<()> {
        self.columns(headings, rows, str::to_owned)
    }

    fn columns(
        &mut self,
        headings: &[(&str, &str)],
        rows: Vec<Vec<String>>,
        cut: fn(&str) -> String,
    ) -> io::Result<()> {
        if rows.is_empty() {
            let nothing = self.say("（无）", "(none)").to_owned();
            return self.line(&nothing);
        }
        let head: Vec<String> = headings
            .iter()
            .map(|(zh, en)| self.say(zh, en).to_owned())
            .collect();
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|row| row.iter().map(|cell| cut(&clean(cell))).collect())
            .collect();
        let mut widths: Vec<usize> = head.iter().map(|cell| cell.width()).collect();
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        for row in std::iter::once(&head).chain(&rows) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + 2));
            }
            writeln!(self.stream, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn cut(text: &str) -> String {
    if text.width() <= WIDEST {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        if out.width() >= WIDEST - 1 {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// An absent value is an empty cell.
pub(crate) fn cell(value: Option<&str>) -> String {
    value.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_leaves_out_the_end_of_a_long_cell_and_what_is_shown_of_one_thing_is_whole() {
        let long = format!("{}\u{7}end", "一".repeat(40));
        let rows = || vec![vec![long.clone()]];
        let said = |write: &dyn Fn(&mut Out<'_>)| {
            let mut bytes = Vec::new();
            write(&mut Out::new(&mut bytes, false, Lang::En));
            String::from_utf8(bytes).unwrap()
        };
        let list = said(&|out| out.table(&[("详情", "DETAIL")], rows()).unwrap());
        assert!(list.contains('…') && !list.contains("end"), "{list}");
        let whole = said(&|out| out.whole_table(&[("详情", "DETAIL")], rows()).unwrap());
        assert!(
            whole.contains("end") && !whole.contains(['…', '\u{7}']),
            "{whole}"
        );
    }
}
