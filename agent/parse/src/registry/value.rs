//! A registry value: its bytes, and what they say as text, number or list. Programs write the wrong kind now and
//! then; what can still be understood is.

use super::MAX_VALUE;
use crate::text;

/// Kinds, by their numbers.
const SZ: u32 = 1;
const EXPAND_SZ: u32 = 2;
const BINARY: u32 = 3;
const DWORD: u32 = 4;
const DWORD_BIG_ENDIAN: u32 = 5;
const LINK: u32 = 6;
const MULTI_SZ: u32 = 7;
const QWORD: u32 = 11;

/// Longest text in bytes that is kept of a value.
const MAX_TEXT: usize = 32 << 10;

/// A value as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Number of its kind.
    pub kind: u32,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Value {
    /// A value of that kind, cut at the bound.
    pub fn new(kind: u32, mut bytes: Vec<u8>) -> Self {
        bytes.truncate(MAX_VALUE);
        Self { kind, bytes }
    }

    /// The text; a number as its digits, the first of a list. Empty for bytes that are no text.
    pub fn text(&self) -> String {
        match self.kind {
            SZ | EXPAND_SZ | LINK => parse_wide(&self.bytes),
            MULTI_SZ => self.texts().into_iter().next().unwrap_or_default(),
            DWORD | DWORD_BIG_ENDIAN | QWORD => self.number().map(|n| n.to_string()).unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// The number; also where it was written as text, or as bytes of a number's length.
    pub fn number(&self) -> Option<u64> {
        match self.kind {
            DWORD_BIG_ENDIAN => Some(u32::from_be_bytes(self.bytes.get(..4)?.try_into().ok()?).into()),
            DWORD | QWORD | BINARY => match self.bytes.len() {
                4 => Some(u32::from_le_bytes(self.bytes.get(..4)?.try_into().ok()?).into()),
                8 => Some(u64::from_le_bytes(self.bytes.get(..8)?.try_into().ok()?)),
                _ => None,
            },
            SZ | EXPAND_SZ => {
                let text = parse_wide(&self.bytes);
                let text = text.trim();
                match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                    Some(digits) => u64::from_str_radix(digits, 16).ok(),
                    None => text.parse().ok(),
                }
            }
            _ => None,
        }
    }

    /// The texts of a list; a plain text is a list of one.
    pub fn texts(&self) -> Vec<String> {
        match self.kind {
            MULTI_SZ => units(&self.bytes)
                .split(|unit| *unit == 0)
                .map(String::from_utf16_lossy)
                .filter(|text| !text.is_empty())
                .collect(),
            SZ | EXPAND_SZ => Some(self.text())
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// UTF-16 as Windows stores it, up to its end mark. Half a character at the end, and halves of pairs, become the
/// replacement character; nothing is dropped silently.
pub fn parse_wide(bytes: &[u8]) -> String {
    let units = units(bytes);
    let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
    let text = String::from_utf16_lossy(units.get(..end).unwrap_or_default());
    text::clip(&text, MAX_TEXT).to_owned()
}

fn units(bytes: &[u8]) -> Vec<u16> {
    bytes
        .chunks_exact(2)
        .filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn texts_in_every_script_are_read_up_to_their_end() {
        for text in ["微信", "Яндекс Браузер", "QQ音乐 𝄞", ""] {
            assert_eq!(Value::new(SZ, wide(text)).text(), text);
            let mut ended = wide(text);
            ended.extend([0, 0, b'x', 0]);
            assert_eq!(Value::new(EXPAND_SZ, ended).text(), text);
        }
    }

    #[test]
    fn half_a_character_at_the_end_spoils_nothing_else() {
        let mut odd = wide("QQ");
        odd.push(0x51);
        assert_eq!(Value::new(SZ, odd).text(), "QQ");
        assert_eq!(parse_wide(&[0x00, 0xd8, b'Q', 0]), "\u{fffd}Q");
    }

    #[test]
    fn values_of_the_wrong_kind_are_understood_where_that_is_possible() {
        assert_eq!(Value::new(DWORD, vec![7, 0, 0, 0]).text(), "7");
        assert_eq!(Value::new(SZ, wide("12")).number(), Some(12));
        assert_eq!(Value::new(SZ, wide(" 0x1F ")).number(), Some(31));
        assert_eq!(Value::new(BINARY, vec![1, 0, 0, 0]).number(), Some(1));
        assert_eq!(Value::new(DWORD_BIG_ENDIAN, vec![0, 0, 0, 9]).number(), Some(9));
        assert_eq!(Value::new(QWORD, vec![1, 0, 0, 0, 0, 0, 0, 0]).number(), Some(1));
        assert_eq!(Value::new(DWORD, vec![1, 0]).number(), None);
        assert_eq!(Value::new(BINARY, wide("text")).text(), "");
        assert_eq!(Value::new(SZ, wide("no number")).number(), None);
    }

    #[test]
    fn a_list_ends_where_it_ends_and_may_lack_its_end_mark() {
        let list = wide("a\0财务\0\0");
        assert_eq!(Value::new(MULTI_SZ, list).texts(), ["a", "财务"]);
        assert_eq!(Value::new(MULTI_SZ, wide("a\0b")).texts(), ["a", "b"]);
        assert_eq!(Value::new(MULTI_SZ, wide("a\0b")).text(), "a");
        assert_eq!(Value::new(SZ, wide("a")).texts(), ["a"]);
    }
}
