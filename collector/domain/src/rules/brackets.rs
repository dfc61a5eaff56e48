//! How deep a condition nests brackets, before the parser sees it: the parser works with the stack.

/// Deepest nesting of brackets outside quoted texts and comments. The error names what would make the
/// count differ from the parser's.
pub(crate) fn depth(source: &str) -> Result<usize, &'static str> {
    let bytes = source.as_bytes();
    let (mut open, mut deepest, mut at) = (0usize, 0usize, 0usize);
    while let Some(byte) = bytes.get(at).copied() {
        match byte {
            b'(' | b'[' | b'{' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += bytes
                    .iter()
                    .skip(at)
                    .take_while(|byte| !matches!(byte, b'\n' | b'\r'))
                    .count();
                continue;
            }
            b'\'' | b'"' => {
                let before = at
                    .checked_sub(1)
                    .and_then(|at| bytes.get(at))
                    .copied()
                    .unwrap_or(b' ');
                if before.is_ascii_alphanumeric() || before == b'_' {
                    return Err("a quoted text follows a letter");
                }
                if bytes.get(at + 1) == Some(&byte) && bytes.get(at + 2) == Some(&byte) {
                    return Err("a text stands in three quotation marks");
                }
                at = end_of_text(bytes, at, byte);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(deepest)
}

/// Behind the quotation mark that ends the text which starts at `at`.
fn end_of_text(bytes: &[u8], at: usize, quote: u8) -> usize {
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at).copied() {
        match byte {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn brackets_in_texts_and_comments_do_not_count() {
        for (source, found) in [
            ("a", Ok(0)),
            ("f(a[1])", Ok(2)),
            ("(')'+(')'+(')'))) // ))))\n", Ok(3)),
            ("'((((' == \"[[[[\"", Ok(0)),
            (r"('\'((((')", Ok(1)),
            ("'http://x' + (1)", Ok(1)),
            ("// (((", Ok(0)),
            ("'", Ok(0)),
            (r"'\", Ok(0)),
            ("r'\\' + ('", Err("a quoted text follows a letter")),
            ("\"\"\"a\"\"\"", Err("a text stands in three quotation marks")),
        ] {
            assert_eq!(depth(source), found, "{source}");
        }
    }
}
