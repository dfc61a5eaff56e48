//! The only doors through which text and times reach a page: what agents sent becomes visible and
//! harmless here, times become machine-readable. Owns no words; those are in the locales.

use std::fmt::{self, Display, Write as _};

use askama::filters::HtmlSafe;
use deskwarden_domain::model::Millis;
use time::{OffsetDateTime, UtcOffset, macros::format_description};

/// Characters of one text that a page shows; more is cut, visibly.
const SHOWN: usize = 2_000;

/// Text that came from a PC (or from a person): isolated, escaped, with control and direction characters
/// shown by their code instead of being obeyed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Agent(String);

/// The door for every string that an agent could have chosen.
pub(super) fn agent_text(text: &str) -> Agent {
    Agent(text.to_owned())
}

impl Agent {
    /// Nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// For attributes and titles: no markup, still harmless (the template escapes it).
    pub(super) fn plain(&self) -> String {
        let mut out = String::with_capacity(self.0.len().min(SHOWN));
        for c in self.0.chars().take(SHOWN) {
            match disobeyed(c) {
                Some(code) => {
                    let _ = write!(out, "[U+{code:04X}]");
                }
                None => out.push(c),
            }
        }
        out
    }
}

impl From<&str> for Agent {
    fn from(text: &str) -> Self {
        agent_text(text)
    }
}

impl Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<bdi>")?;
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(SHOWN) {
            match (disobeyed(c), c) {
                (Some(code), _) => write!(f, "<span class=\"ctl\">U+{code:04X}</span>")?,
                (None, '&') => f.write_str("&amp;")?,
                (None, '<') => f.write_str("&lt;")?,
                (None, '>') => f.write_str("&gt;")?,
                (None, '"') => f.write_str("&quot;")?,
                (None, '\'') => f.write_str("&#39;")?,
                (None, c) => f.write_char(c)?,
            }
        }
        if chars.next().is_some() {
            f.write_str("<span class=\"ctl\">…</span>")?;
        }
        f.write_str("</bdi>")
    }
}

impl HtmlSafe for Agent {}

/// The code of a character that would move, hide or reorder what stands around it.
fn disobeyed(c: char) -> Option<u32> {
    let invisible = matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E007F}');
    (c.is_control() || invisible).then_some(u32::from(c))
}

/// Words of our own, safe inside markup and attributes.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A moment: UTC for machines, the configured zone for readers; the script turns it into the viewer's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When {
    at: Millis,
    offset_minutes: i16,
    relative: bool,
}

impl When {
    /// A date and time.
    pub(super) const fn at(at: Millis, offset_minutes: i16) -> Self {
        Self {
            at,
            offset_minutes,
            relative: false,
        }
    }

    /// The same, to be read as "3 minutes ago" where a script runs.
    pub(super) const fn ago(at: Millis, offset_minutes: i16) -> Self {
        Self {
            at,
            offset_minutes,
            relative: true,
        }
    }
}

impl Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(utc) = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.at) * 1_000_000) else {
            return f.write_str("—");
        };
        let machine = utc.format(format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second]Z"
        ));
        let offset =
            UtcOffset::from_whole_seconds(i32::from(self.offset_minutes) * 60).unwrap_or(UtcOffset::UTC);
        let local = utc
            .to_offset(offset)
            .format(format_description!("[year]-[month]-[day] [hour]:[minute]"));
        match (machine, local) {
            (Ok(machine), Ok(local)) => {
                let class = if self.relative { "ago" } else { "at" };
                write!(
                    f,
                    "<time datetime=\"{machine}\" data-when=\"{class}\">{local}</time>"
                )
            }
            _ => f.write_str("—"),
        }
    }
}

impl HtmlSafe for When {}

/// A moment for files, in the configured zone.
pub(super) fn local(at: Millis, offset_minutes: i16) -> String {
    zoned(at, offset_minutes)
        .and_then(|at| {
            at.format(format_description!(
                "[year]-[month]-[day] [hour]:[minute]:[second]"
            ))
            .ok()
        })
        .unwrap_or_default()
}

/// A moment in the name of a file.
pub(super) fn stamp(at: Millis, offset_minutes: i16) -> String {
    zoned(at, offset_minutes)
        .and_then(|at| {
            at.format(format_description!("[year][month][day]-[hour][minute][second]"))
                .ok()
        })
        .unwrap_or_default()
}

fn zoned(at: Millis, offset_minutes: i16) -> Option<OffsetDateTime> {
    let utc = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000).ok()?;
    let offset = UtcOffset::from_whole_seconds(i32::from(offset_minutes) * 60).unwrap_or(UtcOffset::UTC);
    utc.checked_to_offset(offset)
}

/// A size for people, in powers of 1024.
pub(super) fn bytes(count: u64) -> String {
    deskwarden_domain::rules::choice::size(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_of_an_agent_is_shown_not_obeyed() {
        assert_eq!(
            agent_text("<script>\"'&").to_string(),
            "<bdi>&lt;script&gt;&quot;&#39;&amp;</bdi>"
        );
    }

    #[test]
    fn control_and_direction_characters_become_visible() {
        let text = agent_text("a\u{202E}b\u{0}c\u{200B}");
        assert_eq!(
            text.to_string(),
            "<bdi>a<span class=\"ctl\">U+202E</span>b<span class=\"ctl\">U+0000</span>c<span class=\"ctl\">U+200B</span></bdi>"
        );
        assert_eq!(text.plain(), "a[U+202E]b[U+0000]c[U+200B]");
    }

    #[test]
    fn an_endless_name_is_cut_visibly() {
        let shown = agent_text(&"长".repeat(10_000)).to_string();
        assert_eq!(shown.matches('长').count(), SHOWN);
        assert!(shown.contains('…'));
    }

    #[test]
    fn a_moment_is_readable_for_machines_and_people() {
        assert_eq!(
            When::at(1_795_399_200_000, 480).to_string(),
            "<time datetime=\"2026-11-23T02:00:00Z\" data-when=\"at\">2026-11-23 10:00</time>"
        );
        assert_eq!(When::at(Millis::MAX, 0).to_string(), "—");
        assert_eq!(local(1_795_399_200_000, 480), "2026-11-23 10:00:00");
        assert_eq!(stamp(1_795_399_200_000, 0), "20261123-020000");
        assert_eq!(local(Millis::MAX, 0), "");
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(
            [bytes(0), bytes(1536), bytes(16 << 30)],
            ["0 B", "1.5 KiB", "16 GiB"]
        );
    }
}
