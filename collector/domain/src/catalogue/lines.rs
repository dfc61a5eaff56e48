//! Programs as one line each: what `[[programs]]` tables list. The parts of a line stand between `|`:
//! titles, executables (they end in `.exe`, or have `exe:` before them), `pkg:` packages, `code:` product codes,
//! `by:` publishers; `?` before a title or executable makes it count only with one of the publishers. The id is
//! made of the first part, or stands there as `id:`; ids that it had before stand as `was:`.
//!
//! People see the first title. Where it is Chinese, the title behind it is its English name; a Chinese name
//! that stands further behind is marked `zh:` and is a title too.

use std::{collections::BTreeMap, ops::Range};

use super::entry::{Builder, Category, Entry, Names, read_traits, register};
use super::normalise::Title;
use crate::{
    file::read::{self, Fields, Sink},
    model::Text,
};

/// Reads one `[[programs]]`: an entry for each of its lines.
pub(crate) fn read_programs(
    sink: &mut Sink<'_>,
    mut fields: Fields<'_>,
    categories: &BTreeMap<String, Category>,
    builder: &mut Builder,
) {
    let at = fields.at();
    let traits = read_traits(sink, &mut fields, categories);
    let lines = fields.texts(sink, "each");
    fields.finish(sink);
    if traits.categories.is_empty() {
        sink.fault(
            at,
            "these programs have no category",
            "add `categories = [\"..\"]`",
        );
    }
    if lines.is_empty() {
        sink.fault(at, "no program is listed", "add `each = [\"..\"]`");
    }
    for (text, span) in lines {
        if let Some((entry, names)) = line(sink, &text, &span, &traits) {
            register(sink, builder, entry, names, &span);
        }
    }
}

fn line(sink: &mut Sink<'_>, text: &str, span: &Range<usize>, traits: &Entry) -> Option<(Entry, Names)> {
    let mut entry = traits.clone();
    let mut names = Names::default();
    let mut id = None;
    let mut first = None;
    let mut shown: Vec<String> = Vec::new();
    let mut chinese = None;
    for part in text.split('|').map(str::trim) {
        let (hinted, part) = part.strip_prefix('?').map_or((false, part), |rest| (true, rest));
        let (kind, value) = match part.split_once(':') {
            Some((kind @ ("id" | "pkg" | "code" | "by" | "exe" | "zh" | "was"), value)) => {
                (kind, value.trim())
            }
            _ if is_exe(part) => ("exe", part),
            _ => ("", part),
        };
        if value.is_empty() {
            sink.fault(
                span.start,
                format!("a part of `{text}` is empty"),
                "write a name between `|`",
            );
            return None;
        }
        if !matches!(kind, "id" | "by" | "was") {
            first.get_or_insert_with(|| value.to_owned());
        }
        let placed = (value.to_owned(), span.clone());
        match (kind, hinted) {
            ("id", _) => id = Some(value.to_owned()),
            ("by", _) => {
                let words = Title::new(value);
                if words.is_empty() {
                    sink.fault(
                        span.start,
                        format!("there is no word in `{value}`"),
                        "write a name",
                    );
                    return None;
                }
                entry.publishers.push(words.text().to_owned());
            }
            ("was", _) => names.former.push(placed),
            ("pkg" | "code", _) => names.packages.push(placed),
            ("exe", false) => names.executables.push(placed),
            ("exe", true) => names.hinted_executables.push(placed),
            (_, true) => names.hinted_titles.push(placed),
            (_, false) => names.titles.push(placed),
        }
        if matches!(kind, "" | "zh") {
            let title = value.trim_matches('*').trim().to_owned();
            if kind == "zh" {
                chinese = Some(title.clone());
            }
            shown.push(title);
        }
    }
    let Some(first) = first else {
        sink.fault(
            span.start,
            format!("`{text}` names no program"),
            "add a title, an executable or a package",
        );
        return None;
    };
    let hinted = !names.hinted_titles.is_empty() || !names.hinted_executables.is_empty();
    if hinted && entry.publishers.is_empty() {
        sink.fault(
            span.start,
            format!("`{text}` names no publisher"),
            "add `by:` and its publisher",
        );
    }
    entry.id = id.unwrap_or_else(|| slug(&first));
    if !read::id(sink, &entry.id, span.start) {
        return None;
    }
    entry.name = name(&shown, chinese, first);
    Some((entry, names))
}

/// What people see: a title that stands further behind may be a client, an edition or a nickname, so that none
/// of them is taken unless it is marked.
fn name(shown: &[String], chinese: Option<String>, otherwise: String) -> Text {
    let any = shown.first().cloned().unwrap_or(otherwise);
    let behind = shown.get(1).filter(|behind| is_cjk(&any) && !is_cjk(behind));
    let en = behind.unwrap_or(&any).clone();
    let zh = chinese.unwrap_or_else(|| if is_chinese(&any) { any } else { en.clone() });
    Text { zh, en }
}

/// Whether it is written in Chinese, Japanese or Korean, in part at least.
fn is_cjk(name: &str) -> bool {
    name.chars().any(|c| c >= '\u{2E80}')
}

/// Whether it is written in Chinese: no kana, no Hangul.
fn is_chinese(name: &str) -> bool {
    let other = |c| matches!(c, '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' | '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}' | '\u{AC00}'..='\u{D7FF}');
    is_cjk(name) && !name.chars().any(other)
}

fn is_exe(part: &str) -> bool {
    part.get(part.len().saturating_sub(4)..)
        .is_some_and(|ending| ending.eq_ignore_ascii_case(".exe"))
}

/// The letters and digits of a name, what stands between them as one `-`.
fn slug(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}
