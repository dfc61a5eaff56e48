//! Titles as words: full and half width, case, Traditional and Simplified, punctuation and spacing are all
//! the same, and what is version, architecture or edition can be taken off the end. Words, not substrings:
//! `QQ` is a word of `QQ2013` and none of `QQMusic`.

use std::{collections::HashSet, sync::LazyLock};

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use super::{
    editions::{self, EDITIONS},
    han::simplified,
};

/// Characters of a title that are looked at.
const TITLE_CHARS: usize = 256;
/// Words of a title that are looked at.
const TITLE_WORDS: usize = 64;
/// Words of the longest phrase below.
const PHRASE_WORDS: usize = 7;

/// Marks of trade and copyright are no part of a name; NFKC would spell them out.
const MARKS: [char; 4] = ['™', '®', '©', '℠'];

/// What makers put behind the whole number of a build.
const CHANNELS: [&str; 6] = ["all", "gw", "cn", "en", "ww", "oem"];

static PHRASES: LazyLock<HashSet<String>> =
    LazyLock::new(|| EDITIONS.iter().map(|phrase| Title::new(phrase).text).collect());

/// A title as words, one space between them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Title {
    text: String,
    /// End of each word in `text`.
    ends: Vec<usize>,
}

impl Title {
    /// Normalises; never fails, whatever the text.
    pub(crate) fn new(raw: &str) -> Self {
        let mut words = Words {
            title: Self {
                text: String::with_capacity(raw.len() + 8),
                ends: Vec::new(),
            },
            last: Class::Gap,
        };
        let marks = without_marks(raw);
        let raw = marks.as_deref().unwrap_or(raw);
        let cut = raw.chars().filter(|c| !MARKS.contains(c)).take(TITLE_CHARS);
        if raw.is_ascii() {
            cut.for_each(|c| words.push(c.to_ascii_lowercase()));
        } else {
            let wide: String = if is_nfkc_quick(cut.clone()) == IsNormalized::Yes {
                cut.collect()
            } else {
                cut.nfkc().collect()
            };
            wide.chars()
                .flat_map(char::to_lowercase)
                .nfkc()
                .for_each(|c| words.push(simplified(c)));
        }
        words.finish()
    }

    /// The words with single spaces between them; empty when the title has none.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) const fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The first `count` words.
    pub(crate) fn first(&self, count: usize) -> &str {
        let end = count
            .checked_sub(1)
            .and_then(|last| self.ends.get(last))
            .copied()
            .unwrap_or(0);
        self.text.get(..end).unwrap_or_default()
    }

    /// How many words remain when the last thing that is only version, architecture or edition is taken off
    /// the first `count`; `None` when there is no such thing, or nothing else.
    pub(crate) fn without_edition(&self, count: usize) -> Option<usize> {
        if count < 2 {
            return None;
        }
        let phrase = (1..=PHRASE_WORDS.min(count - 1)).rev().find_map(|length| {
            let phrase = self.slice(count - length, count);
            PHRASES.contains(phrase).then_some(count - length)
        });
        if let Some(left) = self.without_composed(count).into_iter().chain(phrase).min() {
            return Some(left);
        }
        let last = self.word(count - 1);
        // `2.1.4a`: a letter behind a number belongs to it.
        let letter = last.len() == 1 && last.bytes().all(|b| b.is_ascii_lowercase());
        let of_version = letter && count > 2 && is_number(self.word(count - 2));
        let channel = count > 2 && CHANNELS.contains(&last) && is_build(self.word(count - 2));
        (is_number(last) || of_version || channel).then_some(count - 1)
    }

    /// The same for the longest edition that is put together of known words, `全功能豪华版`.
    fn without_composed(&self, count: usize) -> Option<usize> {
        let longest = editions::COMPOSED.min(count - 1);
        (3..=longest).rev().find_map(|length| {
            let phrase = self.slice(count - length, count).replace(' ', "");
            editions::is_composed(&phrase).then_some(count - length)
        })
    }

    /// The words before those that make the title the name of an installer's file: `XunLeiWebSetup11.4.3.2054gw`.
    /// Behind them stand numbers and marks of a few letters only.
    pub(crate) fn before_installer(&self) -> Option<&str> {
        const INSTALLERS: [&str; 3] = ["setup", "installer", "install"];
        const MARK_LETTERS: usize = 4;
        let at = (1..self.len()).find(|&index| INSTALLERS.contains(&self.word(index)))?;
        let short =
            |word: &str| word.len() <= MARK_LETTERS && word.bytes().all(|b| b.is_ascii_alphanumeric());
        let only_marks =
            (at + 1..self.len()).all(|index| is_number(self.word(index)) || short(self.word(index)));
        only_marks.then(|| self.first(at))
    }

    /// Whether a number with a dot stands in the title.
    pub(crate) fn has_version(&self) -> bool {
        (1..self.len()).any(|index| is_number(self.word(index)) && self.word(index).contains('.'))
    }

    /// Whether the last of several words is a number without a dot: `Start8` may be another program than `Start`,
    /// `Start 8.1` is a version of it.
    pub(crate) fn ends_in_a_bare_number(&self) -> bool {
        self.len() > 1 && self.word(self.len() - 1).bytes().all(|b| b.is_ascii_digit())
    }

    fn word(&self, index: usize) -> &str {
        self.slice(index, index + 1)
    }

    /// The words from one to before another.
    pub(crate) fn slice(&self, from: usize, to: usize) -> &str {
        let start = from
            .checked_sub(1)
            .and_then(|last| self.ends.get(last))
            .map_or(0, |end| end + 1);
        let end = to
            .checked_sub(1)
            .and_then(|last| self.ends.get(last))
            .copied()
            .unwrap_or(0);
        self.text.get(start..end).unwrap_or_default()
    }
}

/// The title without marks of trade that are spelt out: `Skype(TM)`, and `BattlefrontTM` where a list lost the sign.
fn without_marks(raw: &str) -> Option<String> {
    const SPELT: &str = "TM";
    /// Letters that a word has beside its mark; shorter ones may end so by themselves.
    const LETTERS: usize = 4;
    if !raw.contains(SPELT) && !raw.contains("(R)") {
        return None;
    }
    let plain = raw.replace("(TM)", "").replace("(R)", "");
    let words = plain.split(' ').map(|word| {
        let rest = word.strip_suffix(SPELT).unwrap_or(word);
        let long = rest.len() >= LETTERS && rest.bytes().all(|b| b.is_ascii_alphabetic());
        if long { rest } else { word }
    });
    Some(words.collect::<Vec<_>>().join(" "))
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit() || b == b'.') && word.bytes().any(|b| b.is_ascii_digit())
}

/// A number of at least three parts.
fn is_build(word: &str) -> bool {
    is_number(word) && word.matches('.').count() > 1
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    /// `+` and `#` belong to the letters before them: C++, Notepad++.
    Mark,
    /// A dot belongs to a number when a digit follows.
    Dot,
    /// Every ideograph is a word.
    Han,
    Gap,
}

struct Words {
    title: Title,
    last: Class,
}

impl Words {
    fn push(&mut self, c: char) {
        if self.title.ends.len() >= TITLE_WORDS {
            return;
        }
        let class = class(c);
        let joins = match (self.last, class) {
            (Class::Letter, Class::Letter | Class::Mark)
            | (Class::Mark, Class::Mark)
            | (Class::Digit | Class::Dot, Class::Digit) => true,
            (Class::Digit, Class::Dot) => {
                self.last = Class::Dot;
                return;
            }
            _ => false,
        };
        if joins {
            if self.last == Class::Dot {
                self.title.text.push('.');
            }
            self.title.text.push(c);
        } else {
            self.end();
            if matches!(class, Class::Letter | Class::Digit | Class::Han) {
                if !self.title.text.is_empty() {
                    self.title.text.push(' ');
                }
                self.title.text.push(c);
                self.last = class;
                return;
            }
            self.last = Class::Gap;
            return;
        }
        self.last = class;
    }

    /// Ends the word under way, if there is one.
    fn end(&mut self) {
        if self.last != Class::Gap {
            self.title.ends.push(self.title.text.len());
        }
    }

    fn finish(mut self) -> Title {
        self.end();
        self.title.ends.truncate(TITLE_WORDS);
        let end = self.title.ends.last().copied().unwrap_or(0);
        self.title.text.truncate(end);
        self.title
    }
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' => Class::Letter,
        '0'..='9' => Class::Digit,
        '.' => Class::Dot,
        '+' | '#' => Class::Mark,
        '\u{3007}'
        | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}' => Class::Han,
        // The vendors' marks are no part of a name.
        'ª' | 'º' => Class::Gap,
        _ if c.is_alphanumeric() => Class::Letter,
        _ => Class::Gap,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stripped(raw: &str) -> String {
        let title = Title::new(raw);
        let mut count = title.len();
        while let Some(fewer) = title.without_edition(count) {
            count = fewer;
        }
        title.first(count).to_owned()
    }

    #[test]
    fn writing_does_not_matter() {
        for (raw, words) in [
            ("ＱＱ２０１３", "qq 2013"),
            ("騰訊QQ  9.7.25", "腾 讯 qq 9.7.25"),
            ("Notepad++ v8.6", "notepad++ v 8.6"),
            ("7-Zip 23.01 (x64)", "7 zip 23.01 x 64"),
            ("node.js", "node js"),
            ("QQ.exe", "qq exe"),
            ("微信(WeChat)", "微 信 wechat"),
            ("  ™® ", ""),
            ("Skype™ 7.40", "skype 7.40"),
            ("STAR WARSTM BattlefrontTM II", "star wars battlefront ii"),
            ("ATM 3", "atm 3"),
            ("1.2.", "1.2"),
            ("...", ""),
        ] {
            assert_eq!(Title::new(raw).text(), words, "{raw}");
        }
    }

    #[test]
    fn versions_and_editions_come_off_the_end() {
        for (raw, left) in [
            ("QQ2013", "qq"),
            ("QQ国际版", "qq"),
            ("腾讯QQ 9.7.25.29301 正式版", "腾 讯 qq"),
            ("VLC media player (64-bit)", "vlc media player"),
            ("Mozilla Firefox 115.6.0 ESR (x64 zh-CN)", "mozilla firefox"),
            ("Discord (User)", "discord"),
            ("WinRAR 6.24 (64-位)", "winrar"),
            ("PuTTY release 0.80 (64-bit)", "putty"),
            ("2048", "2048"),
            ("9.7 9.8", "9.7"),
            ("QQ拼音输入法6.6(6.6.6304.400)", "qq 拼 音 输 入 法"),
            ("Skype for Business", "skype for business"),
            ("比特彗星1.94全功能豪华版", "比 特 彗 星"),
            ("腾讯视频v11.65.4506去广告绿色版", "腾 讯 视 频"),
            ("PanDownload_公测版_0.1.6_ALL", "pandownload"),
            ("FlClashX, версия 0.2.1", "flclashx"),
            ("Free for All", "free for all"),
            ("One 1.2 for All", "one 1.2 for all"),
        ] {
            assert_eq!(stripped(raw), left, "{raw}");
        }
    }

    #[test]
    fn an_installers_file_has_its_programs_name_before() {
        for (words, name) in [
            ("Xun Lei Web Setup 11.4.3.2054gw", "xun lei web"),
            ("QQ Music Setup_Home", "qq music"),
            ("Foo_Install_2023_11_24", "foo"),
        ] {
            assert_eq!(Title::new(words).before_installer(), Some(name), "{words}");
        }
        for words in ["Setup", "Setup Factory", "Steam Setup Wizard", "QQ Music"] {
            assert_eq!(Title::new(words).before_installer(), None, "{words}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(raw in "\\PC{0,80}") {
            let once = Title::new(&raw);
            let twice = Title::new(once.text());
            prop_assert_eq!(twice.text(), once.text());
        }

        #[test]
        fn any_title_is_bounded(raw in any::<String>()) {
            let title = Title::new(&raw);
            prop_assert!(title.len() <= TITLE_WORDS);
            let mut count = title.len();
            while let Some(fewer) = title.without_edition(count) {
                prop_assert!(fewer < count && fewer > 0);
                count = fewer;
            }
        }
    }
}
