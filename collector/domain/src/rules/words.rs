//! The words of a rule with their placeholders, and how they are filled in.

use super::choice;
use crate::model::{Lang, Text};

/// The placeholders that titles, messages and remedies may contain.
pub const PLACEHOLDERS: [&str; 3] = ["subject", "asset", "detail"];

/// What stands for the placeholders of a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words<'a> {
    /// For `{subject}`.
    pub subject: &'a str,
    /// For `{asset}`.
    pub asset: &'a str,
    /// For `{detail}`.
    pub detail: &'a str,
}

/// The text in one language with its placeholders filled in. What is filled in is never read as a
/// placeholder itself.
pub fn fill(text: &Text, lang: Lang, words: Words<'_>) -> String {
    let mut rest = text.get(lang);
    let subject = choice::subject(words.subject, lang);
    let mut out = String::with_capacity(rest.len() + subject.len() + words.asset.len());
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let known = after.split_once('}').and_then(|(name, tail)| {
            let word = match name {
                "subject" => subject.as_ref(),
                "asset" => words.asset,
                "detail" => words.detail,
                _ => return None,
            };
            Some((word, tail))
        });
        if let Some((word, tail)) = known {
            out.push_str(word);
            rest = tail;
        } else {
            out.push('{');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let text = Text::new("{asset}装有{subject}", "{subject} on {asset}: {detail} {other} {");
        let words = Words {
            subject: "{asset}",
            asset: "PC-7",
            detail: "x",
        };
        assert_eq!(fill(&text, Lang::Zh, words), "PC-7装有{asset}");
        assert_eq!(fill(&text, Lang::En, words), "{asset} on PC-7: x {other} {");
    }
}
