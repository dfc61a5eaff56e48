//! The configuration language of apt: `A::B "value";` and `A { B "value"; };`, with comments. Yields every
//! setting with its full name; which of them matter is not known here.

use crate::{proxy::Setting, text};

/// Most settings of one file.
const MAX_SETTINGS: usize = 10_000;
/// Deepest nesting.
const MAX_DEPTH: usize = 32;
/// Longest full name of a setting, without its own last part.
const MAX_SCOPE: usize = 512;

/// Settings in the order of the file; names joined by `::`.
pub fn parse_apt_conf(bytes: &[u8]) -> Vec<Setting> {
    let source = text::decode(bytes);
    let mut scopes: Vec<String> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut found = Vec::new();
    let mut tokens = Tokens { rest: &source };
    while let Some(token) = tokens.next() {
        match token {
            Token::Word(word) => words.push(word),
            Token::Open if scopes.len() < MAX_DEPTH => scopes.push(std::mem::take(&mut words).join("::")),
            Token::Open => return found,
            Token::Close => {
                scopes.pop();
                words.clear();
            }
            Token::End => {
                let mut statement = std::mem::take(&mut words).into_iter();
                // A lone word inside a scope is an entry of a list, not a setting.
                if let (Some(name), Some(value)) = (statement.next(), statement.next()) {
                    let mut path: Vec<&str> = scopes
                        .iter()
                        .map(String::as_str)
                        .filter(|s| !s.is_empty())
                        .collect();
                    let scope = path.join("::");
                    path = vec![text::clip(&scope, MAX_SCOPE)];
                    path.retain(|scope| !scope.is_empty());
                    path.push(&name);
                    found.push(Setting {
                        name: path.join("::"),
                        value,
                        in_force: true,
                    });
                    if found.len() == MAX_SETTINGS {
                        return found;
                    }
                }
            }
        }
    }
    found
}

enum Token {
    Word(String),
    Open,
    Close,
    End,
}

struct Tokens<'a> {
    rest: &'a str,
}

impl Tokens<'_> {
    fn next(&mut self) -> Option<Token> {
        loop {
            self.rest = self.rest.trim_start();
            let comment = if self.rest.starts_with("//") || self.rest.starts_with('#') {
                "\n"
            } else if self.rest.starts_with("/*") {
                "*/"
            } else {
                break;
            };
            self.rest = self.rest.split_once(comment)?.1;
        }
        let mut chars = self.rest.chars();
        let token = match chars.next()? {
            '{' => Token::Open,
            '}' => Token::Close,
            ';' => Token::End,
            '"' => {
                let (value, after) = chars.as_str().split_once('"').unwrap_or((chars.as_str(), ""));
                self.rest = after;
                return Some(Token::Word(value.to_owned()));
            }
            _ => {
                let end = self.rest.find(|c: char| c.is_whitespace() || "{};\"".contains(c));
                let (word, after) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
                self.rest = after;
                return Some(Token::Word(word.to_owned()));
            }
        };
        self.rest = chars.as_str();
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_spellings_give_the_same_names() {
        let file = b"// Acquire::http::Proxy \"http://no:1\";\n# no\n/* Acquire::x \"no\"; */\n\
Acquire::http::Proxy \"http://a:1\";\nAcquire {\n  https { Proxy \"http://b:2\"; };\n  Languages { \"zh\"; \"en\"; };\n\
  Retries 3;\n};\nAPT::Get::Assume-Yes true;";
        let found: Vec<_> = parse_apt_conf(file)
            .into_iter()
            .map(|s| (s.name, s.value))
            .collect();
        let expected = [
            ("Acquire::http::Proxy", "http://a:1"),
            ("Acquire::https::Proxy", "http://b:2"),
            ("Acquire::Retries", "3"),
            ("APT::Get::Assume-Yes", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[a-zA:{};\"/*# \n]{0,200}") {
            parse_apt_conf(text.as_bytes());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            parse_apt_conf(&bytes);
        }
    }
}
