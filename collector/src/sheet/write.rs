//! Writing a table so that no spreadsheet calculates what a cell says.

use rust_xlsxwriter::{Format, Workbook, XlsxError};

/// The mark by which Excel knows a CSV file as UTF-8.
pub const MARK: [u8; 3] = *b"\xef\xbb\xbf";
/// Longest text of a cell of a workbook; Excel refuses more than 32,767.
const LONGEST: usize = 32_000;

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Words, whoever wrote them.
    Text(String),
    /// A number of ours.
    Number(i64),
}

/// Lines of a CSV file, without the mark.
pub fn csv_rows(rows: &[Vec<Field>]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|field| match field {
            Field::Text(text) => inert(text),
            Field::Number(number) => number.to_string(),
        }))?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// As CSV in UTF-8 with the mark by which Excel knows it.
pub fn csv(headings: &[String], rows: &[Vec<String>]) -> Result<Vec<u8>, csv::Error> {
    let rows: Vec<Vec<Field>> = std::iter::once(headings)
        .chain(rows.iter().map(Vec::as_slice))
        .map(texts)
        .collect();
    Ok([MARK.as_slice(), &csv_rows(&rows)?].concat())
}

/// As a workbook of one sheet.
pub fn xlsx(sheet: &str, headings: &[String], rows: &[Vec<String>]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Book::new(sheet, headings)?;
    for row in rows {
        book.row(&texts(row))?;
    }
    book.finish()
}

fn texts(row: &[String]) -> Vec<Field> {
    row.iter().cloned().map(Field::Text).collect()
}

/// A workbook of one sheet that is filled row by row. Words are text cells, never formulas.
pub struct Book {
    book: Workbook,
    next: u32,
}

impl Book {
    /// With a row of headings that stays while one scrolls.
    pub fn new(sheet: &str, headings: &[String]) -> Result<Self, XlsxError> {
        let mut book = Workbook::new();
        let page = book.add_worksheet().set_name(sheet)?;
        let bold = Format::new().set_bold();
        for (column, heading) in (0u16..).zip(headings) {
            page.write_string_with_format(0, column, inert(heading), &bold)?;
            page.set_column_width(column, 18)?;
        }
        page.set_freeze_panes(1, 0)?;
        Ok(Self { book, next: 1 })
    }

    /// Adds a row.
    pub fn row(&mut self, fields: &[Field]) -> Result<(), XlsxError> {
        let page = self.book.worksheet_from_index(0)?;
        for (column, field) in (0u16..).zip(fields) {
            match field {
                Field::Number(number) => page.write_number(self.next, column, *number as f64)?,
                Field::Text(text) if text.is_empty() => continue,
                Field::Text(text) => page.write_string(self.next, column, cut(&inert(text)))?,
            };
        }
        self.next += 1;
        Ok(())
    }

    /// The file.
    pub fn finish(mut self) -> Result<Vec<u8>, XlsxError> {
        self.book.save_to_buffer()
    }
}

/// What fits into a cell; a text that does not ends with a sign that says so.
fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The text with a mark before anything that a spreadsheet would calculate, on every line of the cell, also
/// after white space.
fn inert(cell: &str) -> String {
    let mut out = String::with_capacity(cell.len() + 1);
    let mut rest = cell;
    loop {
        let end = rest.find(['\n', '\r']);
        let line = end.map_or(rest, |end| rest.get(..end).unwrap_or_default());
        let dangerous = line.starts_with('\t')
            || line
                .trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}')
                .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
        // A line that begins with a carriage return is one that ends at once.
        if dangerous || (line.is_empty() && rest.starts_with('\r')) {
            out.push('\'');
        }
        out.push_str(line);
        let Some(end) = end else { return out };
        out.push_str(rest.get(end..=end).unwrap_or_default());
        rest = rest.get(end + 1..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::read;

    #[test]
    fn nothing_that_a_spreadsheet_would_calculate_is_written() {
        for (cell, written) in [
            ("=1+1", "'=1+1"),
            ("  @SUM(A1)", "'  @SUM(A1)"),
            ("a\n-2", "a\n'-2"),
            ("a\r=2", "a\r'=2"),
            ("a\r\n +2", "a\r\n' +2"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("\u{0}\u{a0}=1", "'\u{0}\u{a0}=1"),
            ("\u{feff}=1", "'\u{feff}=1"),
            ("10.0.0.1", "10.0.0.1"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(inert(cell), written, "{cell:?}");
        }
    }

    #[test]
    fn what_is_written_comes_back_from_both_formats() {
        let headings = ["IP地址".to_owned(), "使用人".to_owned()];
        let rows = [vec!["10.0.0.20".to_owned(), "王芳, \"二楼\"".to_owned()]];
        let csv = csv(&headings, &rows).unwrap();
        let xlsx = xlsx("台账", &headings, &rows).unwrap();
        for (name, bytes) in [("a.csv", csv), ("a.xlsx", xlsx)] {
            let table = read(name, &bytes).unwrap();
            assert_eq!(table.rows[0].1, headings, "{name}");
            assert_eq!(table.rows[1].1, rows[0], "{name}");
        }
    }

    #[test]
    fn an_endless_text_is_cut_visibly_and_a_number_stays_one() {
        let mut book = Book::new("x", &["a".into(), "b".into()]).unwrap();
        book.row(&[Field::Text("长".repeat(40_000)), Field::Number(-5)])
            .unwrap();
        let table = read("a.xlsx", &book.finish().unwrap()).unwrap();
        assert!(table.rows[1].1[0].ends_with('…'));
        assert_eq!(table.rows[1].1[1], "-5");
    }
}
