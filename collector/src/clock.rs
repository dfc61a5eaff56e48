//! The wall clock of the shell: pure code takes the time as a parameter, this is where it comes from, and
//! how a moment is written for people and programs.

use std::time::{SystemTime, UNIX_EPOCH};

use deskwarden_domain::model::{Lang, Millis};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description};

/// Unix milliseconds, UTC.
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// For people: Beijing time in Chinese, since that is the one time zone of China; UTC in English.
pub fn shown(at: Millis, lang: Lang) -> String {
    let (offset, name) = match lang {
        Lang::Zh => (UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC), "北京时间"),
        Lang::En => (UtcOffset::UTC, "UTC"),
    };
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let text = moment(at).to_offset(offset).format(&format).unwrap_or_default();
    format!("{text} {name}")
}

/// For programs.
pub fn rfc3339(at: Millis) -> String {
    moment(at).format(&Rfc3339).unwrap_or_default()
}

fn moment(at: Millis) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
