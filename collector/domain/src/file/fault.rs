//! Faults of rule files: where, what, and what to do. All faults of all files are reported at once.

use std::fmt;

use serde::Serialize;

/// One fault of a rule file, in words for the person who wrote the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

impl Fault {
    /// The first byte of a file that is no UTF-8; `None` where all of it is.
    pub fn of_encoding(file: &str, bytes: &[u8]) -> Option<Self> {
        let error = std::str::from_utf8(bytes).err()?;
        let before = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
        let (line, column) = position(&before, before.len());
        Some(Self {
            file: file.to_owned(),
            line,
            column,
            what: "not UTF-8".to_owned(),
            help: "save the file as UTF-8".to_owned(),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}; {}",
            self.file, self.line, self.column, self.what, self.help
        )
    }
}

/// Line and column (both from 1, columns in characters) of a byte offset.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text.get(..end).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (
        line,
        before.get(line_start..).unwrap_or_default().chars().count() + 1,
    )
}

#[cfg(test)]
mod tests {
    use super::{Fault, position};

    #[test]
    fn columns_count_characters() {
        let text = "a = 1\n名称 = 2\n";
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, 6), (2, 1));
        assert_eq!(position(text, 13), (2, 4));
        assert_eq!(position(text, 7), (2, 1), "inside a character");
        assert_eq!(position(text, 999), (3, 1));
    }

    #[test]
    fn the_first_byte_of_another_encoding_has_a_place() {
        let fault = Fault::of_encoding("a.toml", b"# a\nb = \"\xcc\xda\"\n").unwrap();
        assert_eq!(fault.to_string(), "a.toml:2:6: not UTF-8; save the file as UTF-8");
        assert_eq!(Fault::of_encoding("a.toml", "名 = 1".as_bytes()), None);
    }
}
