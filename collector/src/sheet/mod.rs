//! Tables as office programs read and write them: CSV in the encodings that Excel uses, and XLSX. Knows rows
//! of texts, not what they mean. Everything read is bounded before it is unpacked.

mod read;
mod write;

pub use read::{SheetError, read, text};
pub use rust_xlsxwriter::XlsxError;
pub use write::{Book, Field, MARK, csv, csv_rows, xlsx};

/// What a file may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Texts with separators.
    Csv,
    /// A workbook.
    Xlsx,
}

impl Format {
    /// By the end of a file's name; anything but `.xlsx` is text.
    pub fn of(name: &str) -> Self {
        if name.to_ascii_lowercase().ends_with(".xlsx") {
            Self::Xlsx
        } else {
            Self::Csv
        }
    }
}
