//! A log on standard error of which every event is one line, whatever a name in it holds: no control characters that a
//! terminal would obey, none that turn the direction of text or hide it, and an end.

use std::io::{self, Write as _};

use tracing_subscriber::fmt::MakeWriter;

/// Characters of a line of text, or of one string in a line of JSON.
const LONGEST: usize = 4_000;

/// Standard error as the place where lines go.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    json: bool,
}

impl Lines {
    /// For events as text.
    pub const fn text() -> Self {
        Self { json: false }
    }

    /// For events as JSON.
    pub const fn json() -> Self {
        Self { json: true }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            json: self.json,
            bytes: Vec::new(),
        }
    }
}

/// One event in the making; written when it is whole.
#[derive(Debug)]
pub struct Line {
    json: bool,
    bytes: Vec<u8>,
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let event = String::from_utf8_lossy(&self.bytes);
        let event = event.trim_end();
        if event.is_empty() {
            return;
        }
        let mut line = if self.json { json(event) } else { text(event) };
        line.push('\n');
        // Who does not hear the log cannot be told so.
        io::stderr().lock().write_all(line.as_bytes()).ok();
    }
}

/// An event as it may stand in a log.
pub(crate) fn text(event: &str) -> String {
    let mut line: String = event.chars().filter_map(shown).take(LONGEST).collect();
    if event.chars().filter_map(shown).nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

/// A character as it may stand in a log.
fn shown(c: char) -> Option<char> {
    match c {
        c if c.is_control() => Some(' '),
        c if is_invisible(c) => None,
        c => Some(c),
    }
}

/// Characters that turn reading direction, join or hide text, or end a line in some programs.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The same of an object: its strings are cut one by one, and what stands in them escaped is not brought back by whoever
/// reads them.
fn json(event: &str) -> String {
    let mut line = String::with_capacity(event.len().min(2 * LONGEST));
    let mut chars = event.chars();
    // Characters of the string that is being read.
    let mut string: Option<usize> = None;
    while let Some(c) = chars.next() {
        let Some(length) = string else {
            string = (c == '"').then_some(0);
            line.extend(shown(c));
            continue;
        };
        if c == '"' {
            if length > LONGEST {
                line.push('…');
            }
            line.push(c);
            string = None;
            continue;
        }
        let unit = match c {
            '\\' => escaped(&mut chars),
            c => shown(c).map(String::from).unwrap_or_default(),
        };
        if length < LONGEST {
            line.push_str(&unit);
        }
        string = Some(length + usize::from(!unit.is_empty()));
    }
    line
}

/// What follows a backslash, as it may stand in a log.
fn escaped(chars: &mut std::str::Chars<'_>) -> String {
    match chars.next() {
        Some('u') => {
            let digits: String = chars.take(4).collect();
            match u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32) {
                Some(c) if c.is_control() => " ".to_owned(),
                Some(c) if is_invisible(c) => String::new(),
                _ => format!("\\u{digits}"),
            }
        }
        Some('n' | 'r' | 't' | 'b' | 'f') => " ".to_owned(),
        Some(other) => format!("\\{other}"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_that_no_terminal_obeys() {
        let hostile = "name=\"a\u{1b}[2Jb\nERROR forged\r\u{9b}31m\u{202e}txt\u{200b}\u{7f}\0end\"";
        assert_eq!(text(hostile), "name=\"a [2Jb ERROR forged  31mtxt  end\"");
    }

    #[test]
    fn an_event_has_an_end() {
        let line = text(&"x".repeat(64 << 10));
        assert_eq!(line.chars().count(), LONGEST + 1);
        assert!(line.ends_with('…'));
        assert_eq!(text(&"x".repeat(LONGEST)), "x".repeat(LONGEST));
    }

    #[test]
    fn an_object_stays_one() {
        let long = "\\u4e2d\\\"\\\\".repeat(LONGEST);
        let event = format!(
            "{{\"a\":\"x\\n\\u001b[2J\\u009b\u{202e}\\u202ey\\\\\",\"long\":\"{long}\",\"n\":1,\"q\":\"\\\"\"}}"
        );
        let line = json(&event);
        assert!(
            line.starts_with("{\"a\":\"x  [2J y\\\\\",\"long\":\"\\u4e2d\\\""),
            "{line}"
        );
        assert!(line.ends_with("…\",\"n\":1,\"q\":\"\\\"\"}"), "{line}");
        assert!(line.len() < 4 * LONGEST);
        let plain = "{\"level\":\"INFO\",\"message\":\"ready\",\"n\":[1,2]}";
        assert_eq!(json(plain), plain);
    }

    #[test]
    fn what_was_cut_within_an_escape_harms_nothing() {
        for event in ["{\"a\":\"\\", "{\"a\":\"\\u00", "{\"a\":\"\\uzzzz\"}", "\"", ""] {
            json(event);
        }
    }
}
