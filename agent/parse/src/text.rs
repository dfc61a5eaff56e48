//! Text as it is found on disk: lines, trimming, and UTF-8 with the faults marked.

use std::borrow::Cow;

/// The bytes as text. What is not UTF-8 becomes U+FFFD, so that a damaged name stays visible as damaged.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Lines without their ending (`\n` or `\r\n`); the last one needs no ending.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let (line, after) = match memchr::memchr(b'\n', bytes) {
            Some(end) => {
                let (line, after) = bytes.split_at_checked(end)?;
                (line, after.get(1..))
            }
            None if bytes.is_empty() => return None,
            None => (bytes, None),
        };
        rest = after;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}

/// Both halves around the first `at`, without it.
pub fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = memchr::memchr(at, bytes)?;
    let (before, after) = bytes.split_at_checked(position)?;
    Some((before, after.get(1..)?))
}

/// The text without a pair of quotes around it.
pub fn unquote(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote)) {
            return inner;
        }
    }
    text
}

/// At most `max` bytes of the text, cut between characters.
pub fn clip(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// What is kept of a value: at most `max` bytes, without blanks around, not even where it was cut.
pub fn kept(text: &str, max: usize) -> &str {
    clip(text.trim(), max).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_end_at_either_ending() {
        let found: Vec<&[u8]> = lines(b"a\r\n\nb").collect();
        assert_eq!(found, [b"a".as_slice(), b"", b"b"]);
        assert_eq!(lines(b"").count(), 0);
    }

    #[test]
    fn no_blank_stays_where_a_value_was_cut() {
        assert_eq!(kept("  QQ \u{a0}music ", 5), "QQ");
        assert_eq!(kept(" QQ ", 5), "QQ");
    }

    #[test]
    fn damaged_text_is_marked() {
        assert_eq!(decode(b"QQ\xff"), "QQ\u{fffd}");
    }

    proptest! {
        #[test]
        fn clip_never_exceeds_its_bound(text in ".*", max in 0usize..40) {
            prop_assert!(clip(&text, max).len() <= max);
            let once = kept(&text, max);
            prop_assert!(once.len() <= max && kept(once, max) == once);
        }
    }
}
