//! Text from agents made safe to show where a person, a mail program or a chat program reads it.

/// Longest text taken over from an agent, in characters.
const LONGEST: usize = 300;

/// One line without control characters, direction marks and invisible characters, at most 300 characters.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(4 * LONGEST));
    let mut count = 0usize;
    for c in text.chars() {
        let c = if c.is_whitespace() || c.is_control() {
            ' '
        } else {
            c
        };
        if is_invisible(c) || (c == ' ' && (out.is_empty() || out.ends_with(' '))) {
            continue;
        }
        if count == LONGEST {
            out.push('…');
            break;
        }
        out.push(c);
        count += 1;
    }
    out.truncate(out.trim_end().len());
    out
}

/// [`clean`], and nothing in it becomes a link or markup in a program that makes text clickable.
pub fn inert(text: &str) -> String {
    let mut rest = clean(text).replace("://", "[:]//");
    let mut out = String::with_capacity(rest.len());
    while let Some(at) = rest.to_ascii_lowercase().find("www.") {
        let tail = rest.split_off(at + 3);
        out.push_str(&rest);
        out.push_str("[.]");
        rest = tail.get(1..).unwrap_or_default().to_owned();
    }
    out.push_str(&rest);
    undotted(&out)
        .replace('<', "‹")
        .replace('>', "›")
        .replace("](", "] (")
        .replace('@', "(at)")
}

/// Endings of file names that no domain has.
const FILES: [&str; 10] = [
    "exe", "dll", "msi", "sys", "conf", "ini", "txt", "log", "jar", "rpm",
];

/// A name that a chat program would take for an address, as `evil.example`, is one no more.
fn undotted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let before = out.chars().next_back().is_some_and(char::is_alphanumeric);
        let after = text.get(at + 1..).filter(|_| c == '.').unwrap_or_default();
        let ending: String = after.chars().take_while(|c| c.is_alphabetic()).take(64).collect();
        let ends = after
            .get(ending.len()..)
            .and_then(|rest| rest.chars().next())
            .is_none_or(|next| !next.is_alphanumeric());
        let file = FILES.contains(&ending.to_ascii_lowercase().as_str());
        if c == '.' && before && ends && ending.chars().count() >= 2 && !file {
            out.push_str("[.]");
        } else {
            out.push(c);
        }
    }
    out
}

/// [`inert`], and nothing in it is markup of WeCom, DingTalk or Feishu: characters with a meaning there become
/// their wide twins, which look the same and mean nothing. No provider documents an escape.
pub(super) fn marked_down(text: &str) -> String {
    inert(text)
        .chars()
        .map(|c| match c {
            '*' => '＊',
            '_' => '＿',
            '`' => '｀',
            '#' => '＃',
            '[' => '［',
            ']' => '］',
            '(' => '（',
            ')' => '）',
            '~' => '～',
            '|' => '｜',
            '!' => '！',
            '\\' => '＼',
            '&' => '＆',
            other => other,
        })
        .collect()
}

/// Cleans every text of a JSON value, keys too; what nests too deep is dropped.
pub fn clean_json(value: serde_json::Value, depth: u8) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) => Value::String(clean(&text)),
        Value::Array(_) | Value::Object(_) if depth == 0 => Value::Null,
        Value::Array(values) => values
            .into_iter()
            .map(|value| clean_json(value, depth - 1))
            .collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (clean(&key), clean_json(value, depth - 1)))
            .collect(),
        other => other,
    }
}

/// Characters that turn reading direction, join or hide text.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_direction_characters_are_dropped() {
        assert_eq!(
            clean("QQ\r\nBcc: all@x\u{202e}exe.\u{0}\u{7f}\u{85}"),
            "QQ Bcc: all@xexe."
        );
        assert_eq!(clean("  腾讯\u{200b}QQ\t9.7 "), "腾讯QQ 9.7");
    }

    #[test]
    fn long_text_is_cut() {
        let cut = clean(&"巡".repeat(1_000));
        assert_eq!(cut.chars().count(), LONGEST + 1);
        assert!(cut.ends_with('…'));
    }

    #[test]
    fn nothing_becomes_a_link_or_markup() {
        let text = inert(
            "<a href=x>http://evil.example</a> www.evil.example wWw.evil.example [x](y) mail@evil.example",
        );
        for bad in ["://", "www.", "<", ">", "](", "@"] {
            assert!(!text.to_lowercase().contains(bad), "{bad} in {text}");
        }
    }

    #[test]
    fn a_bare_domain_is_none_and_versions_files_and_addresses_stay() {
        assert_eq!(
            inert("evil.example/x a.b.cn 例子.中国"),
            "evil[.]example/x a.b[.]cn 例子[.]中国"
        );
        for text in [
            "3.2.17",
            "10.9.9.9:1080",
            "QQ.exe",
            "Kernel32.DLL",
            "end. Next",
            "v1.0-rc.1",
            "...",
        ] {
            assert_eq!(inert(text), text);
        }
    }

    #[test]
    fn json_is_cleaned_to_its_leaves_and_bounded() {
        let value = serde_json::json!({"a\u{202e}": ["x\ny", 1, {"deep": {"deeper": "z"}}]});
        assert_eq!(
            clean_json(value, 3),
            serde_json::json!({"a": ["x y", 1, {"deep": null}]})
        );
    }
}
