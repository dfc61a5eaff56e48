//! Promises that several parsers make in the same way.

use std::fmt::Debug;

use deskwarden_parse::proxy::Setting;

/// Lines stand for themselves: what two files say one after the other is what both say together.
pub(crate) fn lines_are_independent<T: Debug + PartialEq>(bytes: &[u8], parse: impl Fn(&[u8]) -> Vec<T>) {
    let Some(middle) = bytes.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    let (before, after) = bytes.split_at(middle + 1);
    let mut parts = parse(before);
    parts.extend(parse(after));
    assert_eq!(parts, parse(bytes));
}

/// Name and value of each setting: its own `Debug` hides values that may hold a password.
pub(crate) fn shown(settings: &[Setting]) -> Vec<(&str, &str, bool)> {
    settings
        .iter()
        .map(|setting| (setting.name.as_str(), setting.value.as_str(), setting.in_force))
        .collect()
}

/// One head and as much of a repeated part as a long input holds: what is said once and counts for all.
pub(crate) fn repeated(head: &str, part: &str) -> Vec<u8> {
    let mut out = head.as_bytes().to_vec();
    while out.len() + part.len() <= crate::MAX_INPUT / 2 {
        out.extend(part.as_bytes());
    }
    out
}

/// Texts as inputs.
pub(crate) fn texts<const N: usize>(texts: [&str; N]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
