//! The words of the pages in both languages: embedded, parsed once, looked up by key. Which language a
//! reader gets is decided here too. Labels of facts are not here: the contract carries those.

use std::{collections::HashMap, sync::OnceLock};

use axum::http::{HeaderMap, header};
use deskwarden_domain::model::Lang;

use super::cookie;

/// Name of the cookie that remembers the reader's language.
pub(super) const LANG_COOKIE: &str = "__Host-dw_lang";

/// Words of one language by dotted key.
pub(super) type Words = HashMap<String, String>;

/// The words of a key; the key itself when a build lacks them (a test holds that none does).
pub(super) fn word(lang: Lang, key: &str) -> &str {
    words(lang).get(key).map_or(key, String::as_str)
}

/// The words of a key, if there are any.
pub(super) fn find(lang: Lang, key: &str) -> Option<&'static str> {
    words(lang).get(key).map(String::as_str)
}

/// Names of a family's members: `state` has `open`, `resolved`, ...
pub(super) fn family(family: &str) -> Vec<&'static str> {
    let mut names: Vec<&str> = words(Lang::En)
        .keys()
        .filter_map(|key| key.strip_prefix(family)?.strip_prefix('.'))
        .collect();
    names.sort_unstable();
    names
}

/// All words of a language.
pub(super) fn words(lang: Lang) -> &'static Words {
    static ZH: OnceLock<Words> = OnceLock::new();
    static EN: OnceLock<Words> = OnceLock::new();
    match lang {
        Lang::Zh => ZH.get_or_init(|| read(include_str!("../../locales/zh-CN.toml"))),
        Lang::En => EN.get_or_init(|| read(include_str!("../../locales/en.toml"))),
    }
}

/// Puts values into the places `{name}` of a text.
pub(super) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = text.to_owned();
    for (name, value) in values {
        out = out.replace(&format!("{{{name}}}"), value);
    }
    out
}

/// The tag of a language, as HTML and HTTP use it.
pub(super) const fn tag(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "zh-CN",
        Lang::En => "en",
    }
}

/// The language of that tag, as the cookie and the forms carry it.
pub(super) fn by_tag(tag_text: &str) -> Option<Lang> {
    [Lang::Zh, Lang::En]
        .into_iter()
        .find(|lang| tag(*lang) == tag_text)
}

/// The reader's language: own choice, else what the browser asks for, else Chinese.
pub(super) fn negotiate(headers: &HeaderMap) -> Lang {
    if let Some(chosen) = cookie::get(headers, LANG_COOKIE).and_then(by_tag) {
        return chosen;
    }
    let Some(accepted) = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()) else {
        return Lang::Zh;
    };
    let mut best = (0u32, Lang::Zh);
    for part in accepted.split(',').take(16) {
        let mut pieces = part.split(';');
        let name = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
        let lang = match name.split('-').next() {
            Some("zh") => Lang::Zh,
            Some("en") => Lang::En,
            _ => continue,
        };
        let weight = pieces
            .find_map(|p| p.trim().strip_prefix("q="))
            .map_or(1000, thousandths);
        if weight > best.0 {
            best = (weight, lang);
        }
    }
    best.1
}

fn thousandths(text: &str) -> u32 {
    let value: f32 = text.trim().parse().unwrap_or(0.0);
    if (0.0..=1.0).contains(&value) {
        (value * 1000.0) as u32
    } else {
        0
    }
}

fn read(text: &str) -> Words {
    let mut words = Words::new();
    if let Ok(table) = text.parse::<toml::Table>() {
        flatten("", &table, &mut words);
    }
    words
}

fn flatten(prefix: &str, table: &toml::Table, words: &mut Words) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            toml::Value::String(text) => {
                words.insert(key, text.clone());
            }
            toml::Value::Table(inner) => flatten(&key, inner, words),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(value: &str) -> Lang {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, value.parse().unwrap());
        negotiate(&headers)
    }

    #[test]
    fn the_browser_is_asked_and_chinese_is_the_default() {
        assert_eq!(negotiate(&HeaderMap::new()), Lang::Zh);
        assert_eq!(asks("en-US,en;q=0.9"), Lang::En);
        assert_eq!(asks("en;q=0.3, zh-Hans-CN;q=0.8"), Lang::Zh);
        assert_eq!(asks("fr, de;q=0.5"), Lang::Zh);
        assert_eq!(asks("en;q=nonsense"), Lang::Zh);
    }

    #[test]
    fn an_own_choice_wins_over_the_browser() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, "zh-CN".parse().unwrap());
        headers.insert(header::COOKIE, format!("{LANG_COOKIE}=en").parse().unwrap());
        assert_eq!(negotiate(&headers), Lang::En);
    }
}
