//! Variables that a start-up file sets: plain assignments of shell files, lines of `/etc/environment` and
//! of `environment.d`. Runs nothing: a variable is followed only to an assignment in the same file.

use std::collections::BTreeMap;

use crate::{
    proxy::{MAX_VALUE, Setting},
    text,
};

/// Most lines of one file that are read.
const MAX_LINES: usize = 20_000;
/// Most variables of one file that are remembered.
const MAX_VARIABLES: usize = 2_000;

/// Variables at the end of a shell file, in the order of their names. Those inside a function are not in
/// force; those set for one command only are no settings.
pub fn parse_shell(bytes: &[u8]) -> Vec<Setting> {
    let mut variables = Variables::default();
    let mut depth = 0usize;
    for line in text::lines(bytes).take(MAX_LINES) {
        let line = text::decode(line);
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        if line == "}" || line.starts_with("};") {
            depth = depth.saturating_sub(1);
        }
        let opens = line.ends_with('{') && !line.ends_with("${");
        // A function on a line of its own: `on() { export http_proxy=...; }`.
        let (line, inside) = match line.split_once("()") {
            Some((name, body)) if !name.contains(['=', '"', '\'', '$']) => (body.trim(), true),
            _ => (line, depth > 0),
        };
        for statement in statements(line) {
            variables.run(&statement, !inside);
        }
        if opens {
            depth += 1;
        }
    }
    variables.finish()
}

/// Variables of a file of `NAME=value` lines, with `export` allowed before and quotes around the value.
pub fn parse_environment(bytes: &[u8]) -> Vec<Setting> {
    let mut variables = Variables::default();
    for line in text::lines(bytes).take(MAX_LINES) {
        let line = text::decode(line);
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        if line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        // The older form of PAM: `NAME DEFAULT=value OVERRIDE=value`.
        let (name, value) = match name.trim().split_once([' ', '\t']) {
            Some((name, "DEFAULT")) => (name, value.split(" OVERRIDE=").next().unwrap_or(value)),
            Some((name, "OVERRIDE")) => (name, value),
            Some(_) => continue,
            None => (name.trim(), value),
        };
        if is_name(name) {
            let value = variables.expand(text::unquote(value.trim()));
            variables.set(name, value, true);
        }
    }
    variables.finish()
}

#[derive(Default)]
struct Variables(BTreeMap<String, (String, bool)>);

impl Variables {
    fn run(&mut self, words: &[Word], in_force: bool) {
        let mut assigned = Vec::new();
        let mut exporting = false;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.text.as_str() {
                "export" | "declare" | "typeset" | "readonly" => exporting = true,
                "{" | "then" | "do" | "else" => {}
                "unset" if in_force => {
                    for word in words {
                        self.0.remove(&word.text);
                    }
                    return;
                }
                option if exporting && option.starts_with('-') => {}
                text => match text.split_once('=') {
                    Some((name, _)) if is_name(name) => assigned.push((name.to_owned(), word)),
                    // `export NAME` of a variable that was set before.
                    None if exporting && is_name(text) => {}
                    // A command: what stands before it is for this command only.
                    _ => return,
                },
            }
        }
        for (name, word) in assigned {
            let value = word.text.split_once('=').map_or("", |(_, value)| value);
            let value = if word.literal {
                value.to_owned()
            } else {
                self.expand(value)
            };
            self.set(&name, value, in_force);
        }
    }

    fn set(&mut self, name: &str, value: String, in_force: bool) {
        // What a function would set does not hide what is set.
        let keep = self.0.get(name).is_some_and(|(_, earlier)| *earlier && !in_force);
        if !keep && (self.0.len() < MAX_VARIABLES || self.0.contains_key(name)) {
            self.0.insert(
                name.to_owned(),
                (text::clip(&value, MAX_VALUE).to_owned(), in_force),
            );
        }
    }

    /// Puts known variables in; unknown ones stay as they are written.
    fn expand(&self, value: &str) -> String {
        let mut out = String::with_capacity(value.len());
        let mut rest = value;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let (name, next) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                Some(found) => found,
                None => {
                    let end = after
                        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                        .unwrap_or(after.len());
                    after.split_at_checked(end).unwrap_or((after, ""))
                }
            };
            match self.0.get(name) {
                Some((known, _)) => {
                    out.push_str(known);
                    rest = next;
                }
                None => {
                    out.push('$');
                    rest = after;
                }
            }
            if out.len() > MAX_VALUE {
                return out;
            }
        }
        out.push_str(rest);
        out
    }

    fn finish(self) -> Vec<Setting> {
        self.0
            .into_iter()
            .map(|(name, (value, in_force))| Setting {
                name,
                value,
                in_force,
            })
            .collect()
    }
}

struct Word {
    text: String,
    /// In single quotes: variables stay as they are.
    literal: bool,
}

/// Statements of one line, each as its words with quotes undone.
fn statements(line: &str) -> Vec<Vec<Word>> {
    let mut done = Vec::new();
    let mut words: Vec<Word> = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None | Some('"'), '\\') => {
                let word = word.get_or_insert_with(Word::new);
                word.text.extend(chars.next());
            }
            (Some(_), _) => word.get_or_insert_with(Word::new).text.push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_with(Word::new).literal |= c == '\'';
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, '#') if word.is_none() => break,
            (None, ';' | '&' | '|') => {
                words.extend(word.take());
                done.push(std::mem::take(&mut words));
            }
            (None, _) => word.get_or_insert_with(Word::new).text.push(c),
        }
    }
    words.extend(word);
    done.push(words);
    done
}

impl Word {
    fn new() -> Self {
        Self {
            text: String::new(),
            literal: false,
        }
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(settings: &[Setting]) -> Vec<(&str, &str, bool)> {
        settings
            .iter()
            .map(|s| (s.name.as_str(), s.value.as_str(), s.in_force))
            .collect()
    }

    #[test]
    fn plain_assignments_are_read_and_followed() {
        let file = b"# export http_proxy=http://no:1\nexport http_proxy=\"http://10.0.0.1:3128\" # why\n\
export https_proxy=$http_proxy ftp_proxy='$x'\nall_proxy=${http_proxy}/; export all_proxy\n\
no_proxy=a curl http://x\n";
        assert_eq!(
            found(&parse_shell(file)),
            [
                ("all_proxy", "http://10.0.0.1:3128/", true),
                ("ftp_proxy", "$x", true),
                ("http_proxy", "http://10.0.0.1:3128", true),
                ("https_proxy", "http://10.0.0.1:3128", true),
            ]
        );
    }

    #[test]
    fn what_a_function_would_set_is_not_in_force() {
        let file = b"on() {\n  export http_proxy=http://a:1\n}\noff() { unset http_proxy; }\n\
short() { export https_proxy=http://b:2; }\nexport ftp_proxy=http://c:3\n";
        assert_eq!(
            found(&parse_shell(file)),
            [
                ("ftp_proxy", "http://c:3", true),
                ("http_proxy", "http://a:1", false),
                ("https_proxy", "http://b:2", false)
            ]
        );
    }

    #[test]
    fn the_last_word_of_a_file_counts() {
        let file = b"export http_proxy=http://a:1\nexport http_proxy=http://b:2\nexport ftp_proxy=x\nunset ftp_proxy\n";
        assert_eq!(found(&parse_shell(file)), [("http_proxy", "http://b:2", true)]);
    }

    #[test]
    fn lines_of_the_environment_file_are_read() {
        let file = b"PATH=\"/usr/bin\"\nexport HTTP_PROXY='http://a:1'\n#https_proxy=x\n\
ftp_proxy DEFAULT=http://b:2 OVERRIDE=\nbroken\n1x=2\n";
        assert_eq!(
            found(&parse_environment(file)),
            [
                ("HTTP_PROXY", "http://a:1", true),
                ("PATH", "/usr/bin", true),
                ("ftp_proxy", "http://b:2", true)
            ]
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            parse_shell(&bytes);
            parse_environment(&bytes);
        }

        #[test]
        fn arbitrary_shell_never_panics(text in "[a-z_={}$()'\"; \n#\\\\]{0,200}") {
            parse_shell(text.as_bytes());
        }
    }
}
