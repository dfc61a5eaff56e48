//! Texts as Windows takes and gives them: UTF-16 that ends in zero.

use std::{ffi::OsStr, os::windows::ffi::OsStrExt as _};

/// With the zero at the end.
pub fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}

/// Several texts after each other, and an empty one as the end.
pub fn wide_list(texts: &[&str]) -> Vec<u16> {
    texts.iter().flat_map(wide).chain([0]).collect()
}

/// The text of a buffer up to its zero, or its end.
pub fn narrow(units: &[u16]) -> String {
    let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
    String::from_utf16_lossy(units.get(..end).unwrap_or_default())
}

/// The text behind a pointer, at most `max` characters; empty for a null pointer.
///
/// # Safety
/// The pointer is null, or points to characters of which one within `max` is zero.
#[expect(unsafe_code, reason = "a pointer that a function of the system gave")]
pub unsafe fn behind(text: *const u16, max: usize) -> String {
    if text.is_null() {
        return String::new();
    }
    let mut units = Vec::new();
    for index in 0..max {
        // SAFETY: as the caller promises; nothing behind the zero is read.
        let unit = unsafe { text.add(index).read_unaligned() };
        if unit == 0 {
            break;
        }
        units.push(unit);
    }
    String::from_utf16_lossy(&units)
}
