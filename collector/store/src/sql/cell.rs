//! One value on its way to or from a database. Borrows, so that a row costs no allocation.

use std::borrow::Cow;

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Nothing.
    Null,
    /// A number, a time, a flag (0 or 1).
    Int(i64),
    /// A gauge.
    Real(f64),
    /// Words.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
    /// A digest: 16 bytes, big endian, when stored.
    Wide(u128),
}

impl Cell<'_> {
    /// A flag.
    pub(crate) const fn flag(value: bool) -> Self {
        Self::Int(value as i64)
    }

    /// A number that a database has no type for: the same bits, signed.
    pub(crate) const fn bits(value: u64) -> Self {
        Self::Int(value.cast_signed())
    }
}

impl From<i64> for Cell<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<Option<i64>> for Cell<'_> {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Int)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a Option<String>> for Cell<'a> {
    fn from(value: &'a Option<String>) -> Self {
        value.as_deref().map_or(Self::Null, Self::Text)
    }
}

impl<'a> From<&'a [u8]> for Cell<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(value)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Cell<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Blob(value)
    }
}

impl<'a, const N: usize> From<&'a Option<[u8; N]>> for Cell<'a> {
    fn from(value: &'a Option<[u8; N]>) -> Self {
        value.as_ref().map_or(Self::Null, |bytes| Self::Blob(bytes))
    }
}

/// Text as both engines store it: PostgreSQL has no NUL character, so it becomes U+FFFD. Identities have no
/// control characters by contract; only words for people can be touched by this.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.as_bytes().contains(&0) {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}
