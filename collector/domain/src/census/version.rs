//! Which of two versions is the newer one, as people read them: numbers by their value, the rest by its letters.

use std::cmp::Ordering;

/// Compares two versions.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        match (a.is_empty(), b.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        let (number_a, rest_a) = part(a);
        let (number_b, rest_b) = part(b);
        let order = match (digits(number_a), digits(number_b)) {
            (true, true) => {
                let (x, y) = (number_a.trim_start_matches('0'), number_b.trim_start_matches('0'));
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
            // `1.0` is newer than `1.0-rc`, but a number is newer than a letter.
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => number_a.cmp(number_b),
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

fn digits(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// The run of digits, or of anything else, at the beginning.
fn part(text: &str) -> (&str, &str) {
    let number = digits(text);
    let end = text
        .find(|c: char| c.is_ascii_digit() != number)
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_by_their_value() {
        for (newer, older) in [
            ("9.10.1", "9.9.99"),
            ("12", "3.9"),
            ("1.0.1", "1.0"),
            ("2:1.10-3", "2:1.9-4"),
            ("007", "6"),
            ("1.2b", "1.2a"),
            ("10000000000000000000000000", "9"),
        ] {
            assert_eq!(compare(newer, older), Ordering::Greater, "{newer} {older}");
            assert_eq!(compare(older, newer), Ordering::Less, "{newer} {older}");
        }
        assert_eq!(compare("1.0", "1.0"), Ordering::Equal);
        assert_eq!(compare("", ""), Ordering::Equal);
    }
}
