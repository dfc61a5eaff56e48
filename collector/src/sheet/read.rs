//! Reading a table: bytes to rows of texts.

use std::io::{self, Cursor, Read as _};

use calamine::{DataRef, Reader as _, Xlsx};
use deskwarden_domain::{model::Lang, table::Table};
use encoding_rs::{GB18030, UTF_16BE, UTF_16LE};

use super::Format;

/// Largest file.
const FILE: usize = 8 << 20;
/// Most that a workbook may unpack to.
const UNPACKED: u64 = 64 << 20;
/// Most rows and columns that are read. One row more than a book takes with its headings: a longer file is refused
/// by the book, and none is cut without a word.
const ROWS: usize = 100_002;
const COLUMNS: u32 = 256;

/// Why a file is no table.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// Over the limit.
    #[error("{0} is larger than {max} MiB; split it", max = FILE >> 20)]
    TooLarge(String),
    /// Unpacks to too much.
    #[error("{0} unpacks to more than {max} MiB; split it", max = UNPACKED >> 20)]
    Bomb(String),
    /// Cells in more columns than are read.
    #[error("{0} has cells beyond {COLUMNS} columns; remove them")]
    Wide(String),
    /// Neither UTF-8 nor GB18030 nor UTF-16.
    #[error("{0} is neither UTF-8 nor GB18030; save it as CSV UTF-8")]
    Encoding(String),
    /// Not readable as what its name says.
    #[error("{name} cannot be read: {why}; save it anew as CSV or XLSX")]
    Broken {
        /// The file.
        name: String,
        /// What its reader says.
        why: String,
    },
}

impl SheetError {
    /// The same for people.
    pub fn said(&self, lang: Lang) -> String {
        if lang == Lang::En {
            return self.to_string();
        }
        match self {
            Self::TooLarge(name) => format!("{name} 超过 {} MiB；请拆成几个文件", FILE >> 20),
            Self::Bomb(name) => format!("{name} 解压后超过 {} MiB；请拆成几个文件", UNPACKED >> 20),
            Self::Wide(name) => format!("{name} 在第 {COLUMNS} 列之后还有内容；请删除"),
            Self::Encoding(name) => {
                format!("{name} 既不是 UTF-8 也不是 GB18030 编码；请另存为“CSV UTF-8”")
            }
            Self::Broken { name, why } => format!("{name} 无法读取：{why}；请重新另存为 CSV 或 XLSX"),
        }
    }
}

/// Reads a file of that name: the first sheet of a workbook, or text with commas, semicolons or tabs.
pub fn read(name: &str, bytes: &[u8]) -> Result<Table, SheetError> {
    if bytes.len() > FILE {
        return Err(SheetError::TooLarge(name.to_owned()));
    }
    let rows = match Format::of(name) {
        Format::Xlsx => workbook(name, bytes)?,
        Format::Csv => separated(name, &text(name, bytes)?)?,
    };
    let rows = rows
        .into_iter()
        .filter(|(_, cells)| cells.iter().any(|cell| !cell.trim().is_empty()))
        .collect();
    Ok(Table {
        file: name.to_owned(),
        rows,
    })
}

/// The text of a file: UTF-8, UTF-16 with its mark, or GB18030, which Excel in China writes.
pub fn text(name: &str, bytes: &[u8]) -> Result<String, SheetError> {
    if bytes.len() > FILE {
        return Err(SheetError::TooLarge(name.to_owned()));
    }
    let strict = |encoding: &'static encoding_rs::Encoding, bytes: &[u8]| {
        encoding
            .decode_without_bom_handling_and_without_replacement(bytes)
            .map(std::borrow::Cow::into_owned)
    };
    let found = if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        String::from_utf8(rest.to_vec()).ok()
    } else if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        strict(UTF_16LE, rest)
    } else if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        strict(UTF_16BE, rest)
    } else {
        String::from_utf8(bytes.to_vec())
            .ok()
            .or_else(|| strict(GB18030, bytes))
    };
    found
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| SheetError::Encoding(name.to_owned()))
}

type Rows = Vec<(usize, Vec<String>)>;

fn separated(name: &str, text: &str) -> Result<Rows, SheetError> {
    let head = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let count = |separator: char| head.matches(separator).count();
    let separator = [',', ';', '\t', '，']
        .into_iter()
        .max_by_key(|separator| (count(*separator), *separator == ','))
        .unwrap_or(',');
    let whole;
    let (text, byte) = match u8::try_from(separator) {
        Ok(byte) => (text, byte),
        // A full-width comma is what a Chinese keyboard types.
        Err(_) => {
            whole = text.replace(separator, ",");
            (whole.as_str(), b',')
        }
    };
    if let Some(line) = open_quote(text, char::from(byte)) {
        return Err(SheetError::Broken {
            name: name.to_owned(),
            why: format!("the quotation mark at the beginning of a cell in line {line} is never closed"),
        });
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(byte)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records().take(ROWS) {
        let record = record.map_err(|error| SheetError::Broken {
            name: name.to_owned(),
            why: error.to_string(),
        })?;
        let line = record
            .position()
            .map_or(0, |at| at.line() + blank_lines(text, at.byte()));
        let mut beyond = record.iter().skip(COLUMNS as usize);
        if beyond.any(|cell| !cell.trim().is_empty()) {
            return Err(SheetError::Wide(name.to_owned()));
        }
        let cells = record.iter().take(COLUMNS as usize).map(str::to_owned).collect();
        rows.push((usize::try_from(line).unwrap_or(usize::MAX), cells));
    }
    Ok(rows)
}

/// The line of a quoted cell that no quotation mark ends (RFC 4180): it would swallow all rows behind it.
fn open_quote(text: &str, separator: char) -> Option<usize> {
    let (mut line, mut opened) = (1, None);
    let mut begins = true;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, opened) {
            ('"', Some(_)) if rest.peek() == Some(&'"') => {
                rest.next();
            }
            ('"', Some(_)) => opened = None,
            ('"', None) if begins => opened = Some(line),
            _ => {}
        }
        line += usize::from(c == '\n');
        begins = opened.is_none() && (c == separator || c == '\n' || c == '\r');
    }
    opened
}

/// Empty lines before a record, which its reader passes over without counting.
fn blank_lines(text: &str, byte: u64) -> u64 {
    let start = usize::try_from(byte).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    let breaks = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    breaks.fold(0, |count, byte| count + u64::from(*byte == b'\n'))
}

fn workbook(name: &str, bytes: &[u8]) -> Result<Rows, SheetError> {
    let broken = |why: String| SheetError::Broken {
        name: name.to_owned(),
        why,
    };
    unpacks_to_little(name, bytes)?;
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes))
        .map_err(|error: calamine::XlsxError| broken(error.to_string()))?;
    let Some(sheet) = book.sheet_names().first().cloned() else {
        return Err(broken("the workbook has no sheet".to_owned()));
    };
    let mut cells = book
        .worksheet_cells_reader(&sheet)
        .map_err(|error| broken(error.to_string()))?;
    let mut rows: Rows = Vec::new();
    while let Some(cell) = cells.next_cell().map_err(|error| broken(error.to_string()))? {
        let (row, column) = cell.get_position();
        if column >= COLUMNS {
            if shown(cell.get_value()).trim().is_empty() {
                continue;
            }
            return Err(SheetError::Wide(name.to_owned()));
        }
        let number = row as usize + 1;
        if rows.last().is_none_or(|(last, _)| *last != number) {
            if rows.len() >= ROWS {
                break;
            }
            rows.push((number, Vec::new()));
        }
        if let Some((_, row)) = rows.last_mut() {
            let at = column as usize;
            if row.len() <= at {
                row.resize(at + 1, String::new());
            }
            if let Some(slot) = row.get_mut(at) {
                *slot = shown(cell.get_value());
            }
        }
    }
    Ok(rows)
}

/// Counts what the parts of a workbook really unpack to: their headers may lie.
fn unpacks_to_little(name: &str, bytes: &[u8]) -> Result<(), SheetError> {
    let broken = |error: &dyn std::error::Error| SheetError::Broken {
        name: name.to_owned(),
        why: error.to_string(),
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    let mut left = UNPACKED;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| broken(&error))?;
        let read = io::copy(&mut part.take(left + 1), &mut io::sink()).map_err(|error| broken(&error))?;
        left = left
            .checked_sub(read)
            .ok_or_else(|| SheetError::Bomb(name.to_owned()))?;
    }
    Ok(())
}

/// A cell as a person sees it: a number typed as 24 is no 24.0.
fn shown(value: &DataRef<'_>) -> String {
    match value {
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(flag) => flag.to_string(),
        other => calamine::Data::from(other.clone()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(table: &Table) -> Vec<Vec<&str>> {
        table
            .rows
            .iter()
            .map(|(_, cells)| cells.iter().map(String::as_str).collect())
            .collect()
    }

    #[test]
    fn what_is_no_table_is_told_in_both_languages() {
        let name = || "台账.csv".to_owned();
        let why = "it ends".to_owned();
        for (error, zh) in [
            (
                SheetError::TooLarge(name()),
                "台账.csv 超过 8 MiB；请拆成几个文件",
            ),
            (
                SheetError::Bomb(name()),
                "台账.csv 解压后超过 64 MiB；请拆成几个文件",
            ),
            (
                SheetError::Wide(name()),
                "台账.csv 在第 256 列之后还有内容；请删除",
            ),
            (
                SheetError::Encoding(name()),
                "台账.csv 既不是 UTF-8 也不是 GB18030 编码；请另存为“CSV UTF-8”",
            ),
            (
                SheetError::Broken { name: name(), why },
                "台账.csv 无法读取：it ends；请重新另存为 CSV 或 XLSX",
            ),
        ] {
            assert_eq!(error.said(Lang::Zh), zh);
            assert_eq!(error.said(Lang::En), error.to_string());
        }
    }

    #[test]
    fn a_quotation_mark_that_nothing_ends_is_named_with_its_line() {
        let told = |text: &str| {
            read("a.csv", text.as_bytes())
                .err()
                .map(|error| error.to_string())
        };
        let fault = told("Number,Name\nZ1,\"x\nZ2,y\nZ3,z\n").unwrap();
        assert!(
            fault.contains("in line 2 is never closed") && fault.contains("save it anew"),
            "{fault}"
        );
        let semicolons = told("Number;Name\n\"a\";\"b\"\"c\"\n1;\"\"\"\n").unwrap();
        assert!(semicolons.contains("in line 3"), "{semicolons}");
        for sound in [
            "Number,Name\nZ1,\"two\nlines\"\nZ2,\"\"\n",
            "Number,Name\nZ1,24\" screen\nZ2,y\n",
            "Number,Name\nZ1,\"a \"\"quoted\"\" word\"\n",
        ] {
            assert_eq!(told(sound), None, "{sound}");
        }
    }

    #[test]
    fn what_excel_in_china_writes_is_read() {
        let text = "IP地址,使用人\r\n10.0.0.20,\"王,芳\"\r\n";
        let (gb, _, _) = GB18030.encode(text);
        let mut utf16 = vec![0xff, 0xfe];
        utf16.extend(
            text.replace("\"王,芳\"", "王芳")
                .replace(',', "\t")
                .encode_utf16()
                .flat_map(u16::to_le_bytes),
        );
        let bom = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        for bytes in [text.as_bytes(), &gb, &bom] {
            let table = read("a.csv", bytes).unwrap();
            assert_eq!(cells(&table), [["IP地址", "使用人"], ["10.0.0.20", "王,芳"]]);
        }
        assert_eq!(cells(&read("a.txt", &utf16).unwrap())[1], ["10.0.0.20", "王芳"]);
    }

    #[test]
    fn rows_keep_the_number_that_a_person_sees() {
        let table = read("a.csv", b"ip;owner\n\n10.0.0.1;a\n;;\n10.0.0.2;b").unwrap();
        let numbers: Vec<usize> = table.rows.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [1, 3, 5]);
    }

    #[test]
    fn what_stands_beyond_the_columns_that_are_read_is_refused() {
        let wide = format!("ip{}\n", ",".repeat(COLUMNS as usize));
        assert!(read("a.csv", wide.as_bytes()).is_ok());
        let told = read("a.csv", format!("{wide}{}x\n", ",".repeat(300)).as_bytes());
        assert!(matches!(told, Err(SheetError::Wide(_))));
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet();
        sheet.write_string(0, 0, "ip").unwrap();
        sheet.write_string(1, 300, "x").unwrap();
        let told = read("a.xlsx", &book.save_to_buffer().unwrap());
        assert!(matches!(told, Err(SheetError::Wide(_))));
    }

    #[test]
    fn a_file_of_too_many_rows_is_not_cut_but_refused_by_its_book() {
        let text = "序列号\n".to_owned() + &"x\n".repeat(100_001);
        assert_eq!(read("a.csv", text.as_bytes()).unwrap().rows.len(), 100_002);
    }

    #[test]
    fn a_workbook_that_another_program_could_have_made_is_read() {
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet();
        sheet.write_string(0, 0, "IP地址").unwrap();
        sheet.write_string(0, 1, "前缀").unwrap();
        sheet.write_string(2, 0, "10.0.0.20").unwrap();
        sheet.write_number(2, 1, 24.0).unwrap();
        let bytes = book.save_to_buffer().unwrap();
        let table = read("台账.XLSX", &bytes).unwrap();
        assert_eq!(
            table.rows,
            [
                (1, vec!["IP地址".to_owned(), "前缀".to_owned()]),
                (3, vec!["10.0.0.20".to_owned(), "24".to_owned()]),
            ]
        );
    }

    #[test]
    fn bombs_garbage_and_foreign_encodings_are_refused_with_words() {
        assert!(matches!(
            read("a.csv", &vec![b'a'; FILE + 1]),
            Err(SheetError::TooLarge(_))
        ));
        assert!(matches!(
            read("a.csv", b"\x00\x01\xff\xff\xff"),
            Err(SheetError::Encoding(_))
        ));
        assert!(matches!(
            read("a.xlsx", b"PK\x03\x04nonsense"),
            Err(SheetError::Broken { .. })
        ));
        let mut packed = zip::ZipWriter::new(Cursor::new(Vec::new()));
        packed
            .start_file("xl/sharedStrings.xml", zip::write::SimpleFileOptions::default())
            .unwrap();
        io::copy(&mut io::repeat(b' ').take(UNPACKED + 2), &mut packed).unwrap();
        let bytes = packed.finish().unwrap().into_inner();
        assert!(bytes.len() < 1 << 20);
        assert!(matches!(read("a.xlsx", &bytes), Err(SheetError::Bomb(_))));
    }
}
