//! Texts as Windows takes them: UTF-16 that ends in zero.

use std::{ffi::OsStr, os::windows::ffi::OsStrExt as _};

/// With the zero at the end.
pub(super) fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}

/// Several texts after each other, and an empty one as the end.
pub(super) fn wide_list(texts: &[&str]) -> Vec<u16> {
    texts.iter().flat_map(wide).chain([0]).collect()
}
