//! Serials that are none. Agents leave placeholders out already; one that does not know a maker's words, or
//! lies, must not make strangers of one maker each other's thieves.

/// Words that makers leave where a serial belongs, in lower case without spaces and marks.
const WORDS: [&str; 22] = [
    "defaultstring",
    "tobefilledbyoem",
    "tobefilled",
    "oem",
    "none",
    "null",
    "na",
    "no",
    "notspecified",
    "notavailable",
    "notapplicable",
    "notpresent",
    "notprovided",
    "unknown",
    "undefined",
    "invalid",
    "empty",
    "serial",
    "serialnumber",
    "systemserialnumber",
    "baseboardserialnumber",
    "未知",
];
/// A serial is at least so long: shorter ones are counters.
const SHORTEST: usize = 4;

/// The serial without surrounding space; empty when it says nothing.
pub fn meaningful(serial: &str) -> &str {
    let serial = serial.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let plain: String = serial
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    let counted = "0123456789012345678901234567890".contains(&plain) && plain.len() >= SHORTEST;
    let mut letters = plain.chars();
    let first = letters.next();
    let repeated = letters.all(|c| Some(c) == first);
    let numbered = ["sernum", "serialnum", "assettagnum", "partnum", "dimm"]
        .iter()
        .any(|word| plain.strip_prefix(word).is_some_and(|rest| rest.len() <= 2));
    if plain.chars().count() < SHORTEST || counted || repeated || numbered || WORDS.contains(&plain.as_str())
    {
        ""
    } else {
        serial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_serials_stay() {
        for serial in ["36F1A2C7", "S4EWNX0M123456", "PF1ABCDE", "2023-0017"] {
            assert_eq!(meaningful(serial), serial);
        }
    }

    #[test]
    fn what_says_nothing_is_empty() {
        for serial in [
            "12345678",
            "xxxx",
            "----",
            "A1",
            "O.E.M.",
            "SerNum3",
            "Not Specified",
        ] {
            assert_eq!(meaningful(serial), "", "{serial}");
        }
    }
}
