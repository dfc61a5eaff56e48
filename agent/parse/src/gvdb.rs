//! The database of dconf: a hash table in a file (GVDB) whose values are serialised variants. Reads every
//! key with a value of a simple type, without hashing: the tables are small.

use crate::text;

/// Most keys of one database.
const MAX_KEYS: usize = 20_000;
/// Longest key in bytes; also the bound of what a chain of parents may join.
const MAX_KEY: usize = 1_024;
/// Longest text that is kept.
const MAX_TEXT: usize = 4_000;
/// Most texts of one list.
const MAX_LIST: usize = 256;
/// Bytes of one entry of the table.
const ITEM: usize = 24;

/// A value of one of the types that settings have.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `b`
    Bool(bool),
    /// Whole numbers of any width.
    Number(i64),
    /// `d`
    Double(f64),
    /// `s`, `o`, `g`
    Text(String),
    /// `as`
    List(Vec<String>),
}

/// Keys with their values, sorted by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database(Vec<(String, Value)>);

impl Database {
    /// The value of a key, as `/system/proxy/mode`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let at = self
            .0
            .binary_search_by(|(known, _)| known.as_str().cmp(key))
            .ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// The value of a key that holds a text.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a key that holds a truth.
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The value of a key that holds a whole number.
    pub fn number(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The value of a key that holds a list; empty without one.
    pub fn list(&self, key: &str) -> &[String] {
        match self.get(key) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads a database; `None` where the bytes are none of this byte order.
pub fn parse_gvdb(bytes: &[u8]) -> Option<Database> {
    if bytes.is_empty() {
        // dconf leaves an empty file where nothing was ever set.
        return Some(Database::default());
    }
    if !bytes.starts_with(b"GVariant") || u32_at(bytes, 8)? != 0 {
        return None;
    }
    let table = slice(bytes, bytes.get(16..24)?)?;
    // The upper five bits are a shift of the filter.
    let filter = (u32_at(table, 0)? & 0x07ff_ffff) as usize;
    let buckets = u32_at(table, 4)? as usize;
    let begin = filter.checked_add(buckets)?.checked_mul(4)?.checked_add(8)?;
    let items: Vec<&[u8]> = table.get(begin..)?.chunks_exact(ITEM).take(MAX_KEYS).collect();
    let mut found = Vec::with_capacity(items.len());
    // Values of a sound database lie side by side; entries that share one would make much of little.
    let mut unread = bytes.len();
    for item in &items {
        if item.get(14) != Some(&b'v') {
            continue;
        }
        let Some(key) = key(bytes, &items, item) else {
            continue;
        };
        let Some(value) = item.get(16..24).and_then(|place| slice(bytes, place)) else {
            continue;
        };
        unread = unread.checked_sub(value.len())?;
        let value = variant(value);
        if let Some(value) = value {
            found.push((key, value));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Some(Database(found))
}

/// A key is the pieces of its parents and its own.
fn key(bytes: &[u8], items: &[&[u8]], item: &[u8]) -> Option<String> {
    let mut pieces = Vec::new();
    let mut length = 0;
    let mut item = item;
    loop {
        let start = u32_at(item, 8)? as usize;
        let size = usize::from(u16::from_le_bytes(*item.get(12..)?.first_chunk()?));
        let piece = bytes.get(start..start.checked_add(size)?)?;
        length += size;
        // An own piece may be empty, so the count is bounded as well as the length.
        if length > MAX_KEY || pieces.len() > 64 {
            return None;
        }
        pieces.push(piece);
        let parent = u32_at(item, 4)?;
        if parent == u32::MAX {
            break;
        }
        item = items.get(parent as usize)?;
    }
    pieces.reverse();
    Some(text::decode(&pieces.concat()).into_owned())
}

/// A serialised variant: the value, a zero byte, the type.
fn variant(bytes: &[u8]) -> Option<Value> {
    let at = memchr::memrchr(0, bytes)?;
    let (value, kind) = (bytes.get(..at)?, bytes.get(at + 1..)?);
    let number = |width: usize, signed: bool| {
        let raw = value.get(..width)?;
        let mut wide = if signed && raw.last()? & 0x80 != 0 {
            [0xff; 8]
        } else {
            [0; 8]
        };
        wide.get_mut(..width)?.copy_from_slice(raw);
        Some(i64::from_le_bytes(wide))
    };
    Some(match kind {
        b"b" => Value::Bool(*value.first()? != 0),
        b"y" => Value::Number(number(1, false)?),
        b"n" => Value::Number(number(2, true)?),
        b"q" => Value::Number(number(2, false)?),
        b"i" => Value::Number(number(4, true)?),
        b"u" => Value::Number(number(4, false)?),
        b"x" | b"t" => Value::Number(number(8, true)?),
        b"d" => Value::Double(f64::from_le_bytes(*value.first_chunk()?)),
        b"s" | b"o" | b"g" => Value::Text(string(value)),
        b"as" => Value::List(strings(value)?),
        b"v" => return None,
        _ => return None,
    })
}

/// Texts one after the other, then the end of each, in numbers as wide as the whole needs.
fn strings(value: &[u8]) -> Option<Vec<String>> {
    if value.is_empty() {
        return Some(Vec::new());
    }
    let width = match value.len() {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        _ => 4,
    };
    let number = |at: usize| {
        let mut wide = [0u8; 8];
        wide.get_mut(..width)?
            .copy_from_slice(value.get(at..at.checked_add(width)?)?);
        usize::try_from(u64::from_le_bytes(wide)).ok()
    };
    let ends = number(value.len().checked_sub(width)?)?;
    let count = value.len().checked_sub(ends)? / width;
    let mut found = Vec::new();
    let mut begin = 0;
    for index in 0..count.min(MAX_LIST) {
        let end = number(ends + index * width)?;
        found.push(string(value.get(begin..end)?));
        begin = end;
    }
    Some(found)
}

fn string(bytes: &[u8]) -> String {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    let text = text::decode(bytes.get(..end).unwrap_or_default());
    text::clip(&text, MAX_TEXT).to_owned()
}

fn slice<'a>(bytes: &'a [u8], place: &[u8]) -> Option<&'a [u8]> {
    let (start, end) = (u32_at(place, 0)? as usize, u32_at(place, 4)? as usize);
    bytes.get(start..end)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Writes databases for tests, with one table and no filter, as dconf lays them out.
#[doc(hidden)]
pub mod sample {
    /// A database of keys with serialised values and their types.
    pub fn gvdb(rows: &[(&str, &[u8], &str)]) -> Vec<u8> {
        let table = 8 + rows.len() * super::ITEM;
        let mut tail = Vec::new();
        let mut items = Vec::new();
        for (key, value, kind) in rows {
            let key_at = (24 + table + tail.len()) as u32;
            tail.extend(key.as_bytes());
            while !(24 + table + tail.len()).is_multiple_of(8) {
                tail.push(0);
            }
            let value_at = (24 + table + tail.len()) as u32;
            tail.extend(*value);
            tail.push(0);
            tail.extend(kind.as_bytes());
            let end = (24 + table + tail.len()) as u32;
            items.extend(0u32.to_le_bytes());
            items.extend(u32::MAX.to_le_bytes());
            items.extend(key_at.to_le_bytes());
            items.extend((key.len() as u16).to_le_bytes());
            items.extend([b'v', 0]);
            items.extend(value_at.to_le_bytes());
            items.extend(end.to_le_bytes());
        }
        let mut out = b"GVariant".to_vec();
        out.extend([0; 8]);
        out.extend(24u32.to_le_bytes());
        out.extend(((24 + table) as u32).to_le_bytes());
        out.extend([0; 8]);
        out.extend(items);
        out.extend(tail);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_of_every_simple_type_are_read() {
        let bytes = sample::gvdb(&[
            ("/a/flag", &[1], "b"),
            ("/a/number", &300u32.to_le_bytes(), "u"),
            ("/a/below", &(-2i32).to_le_bytes(), "i"),
            ("/a/text", "代理\0".as_bytes(), "s"),
            ("/a/list", b"one\0two\0\x04\x08", "as"),
            ("/a/none", b"", "as"),
            ("/a/other", b"", "a{sv}"),
        ]);
        let found = parse_gvdb(&bytes).unwrap();
        assert_eq!(found.flag("/a/flag"), Some(true));
        assert_eq!(found.number("/a/number"), Some(300));
        assert_eq!(found.number("/a/below"), Some(-2));
        assert_eq!(found.text("/a/text"), Some("代理"));
        assert_eq!(found.list("/a/list"), ["one", "two"]);
        assert!(found.list("/a/none").is_empty());
        assert_eq!(found.get("/a/other"), None);
        assert_eq!(found.len(), 6);
    }

    #[test]
    fn what_is_no_database_is_refused() {
        assert_eq!(parse_gvdb(b"tnairaVG rest of it, in the other byte order"), None);
        assert_eq!(parse_gvdb(b""), Some(Database::default()));
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..200, byte in any::<u8>(), cut in 0usize..220) {
            let mut bytes = sample::gvdb(&[("/a/list", b"one\0two\0\x04\x08", "as"), ("/a/text", b"x\0", "s")]);
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
            bytes.truncate(cut.max(24));
            parse_gvdb(&bytes);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut file = b"GVariant\0\0\0\0\0\0\0\0".to_vec();
            file.extend(bytes);
            parse_gvdb(&file);
        }
    }
}
