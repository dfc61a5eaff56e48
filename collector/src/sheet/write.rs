//! Writing a table so that no spreadsheet calculates what a cell says.

use rust_xlsxwriter::{Format, Workbook, XlsxError};

/// As CSV in UTF-8 with the mark by which Excel knows it.
pub fn csv(headings: &[String], rows: &[Vec<String>]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(b"\xef\xbb\xbf".to_vec());
    for row in std::iter::once(headings).chain(rows.iter().map(Vec::as_slice)) {
        writer.write_record(row.iter().map(|cell| inert(cell)))?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// As a workbook of one sheet; every cell is text.
pub fn xlsx(sheet: &str, headings: &[String], rows: &[Vec<String>]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let page = book.add_worksheet().set_name(sheet)?;
    let bold = Format::new().set_bold();
    for (column, heading) in (0u16..).zip(headings) {
        page.write_string_with_format(0, column, inert(heading), &bold)?;
        page.set_column_width(column, 18)?;
    }
    for (line, row) in (1u32..).zip(rows) {
        for (column, cell) in (0u16..).zip(row) {
            page.write_string(line, column, inert(cell))?;
        }
    }
    page.set_freeze_panes(1, 0)?;
    book.save_to_buffer()
}

/// The text with a mark before anything that a spreadsheet would calculate, on every line of the cell, also
/// after white space.
fn inert(cell: &str) -> String {
    let dangerous = |line: &str| {
        line.starts_with(['\t', '\r'])
            || line
                .trim_start()
                .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
    };
    cell.split('\n')
        .map(|line| {
            if dangerous(line) {
                format!("'{line}")
            } else {
                line.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
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
            ("\tx", "'\tx"),
            ("10.0.0.1", "10.0.0.1"),
            ("a=b", "a=b"),
        ] {
            assert_eq!(inert(cell), written);
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
}
