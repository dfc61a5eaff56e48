//! The wall clock of the shell: pure code takes the time as a parameter, this is where it comes from, and
//! how a moment is written for people and programs.

use std::time::{SystemTime, UNIX_EPOCH};

use deskwarden_domain::model::{Lang, Millis};
use time::{
    Date, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description,
};

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

/// A day as `2027-03-31`, in a zone that is so far east of UTC: its first moment, and that of the next day.
pub fn day(text: &str, zone: Millis) -> Option<(Millis, Millis)> {
    let date = Date::parse(text.trim(), format_description!("[year]-[month]-[day]")).ok()?;
    let begin = |date: Date| date.midnight().assume_utc().unix_timestamp() * 1_000 - zone;
    // Years of four digits: what is far in the past or future is a slip of the pen.
    let near = (1970..=9998).contains(&date.year());
    near.then(|| Some((begin(date), begin(date.next_day()?))))?
}

/// The day of a moment in a zone, as [`day`] reads it.
pub fn date(at: Millis, zone: Millis) -> String {
    moment(at.saturating_add(zone))
        .format(format_description!("[year]-[month]-[day]"))
        .unwrap_or_default()
}

/// A moment to the minute in a zone: `2026-11-28 19:40`.
pub fn minute(at: Millis, zone: Millis) -> String {
    moment(at.saturating_add(zone))
        .format(format_description!("[year]-[month]-[day] [hour]:[minute]"))
        .unwrap_or_default()
}

/// The year of a moment in a zone.
pub fn year(at: Millis, zone: Millis) -> i32 {
    moment(at.saturating_add(zone)).year()
}

/// A day as documents write it: `2026年11月28日`, `28 November 2026`.
pub fn written(at: Millis, zone: Millis, lang: Lang) -> String {
    let day = moment(at.saturating_add(zone)).date();
    match lang {
        Lang::Zh => format!("{}年{}月{}日", day.year(), u8::from(day.month()), day.day()),
        Lang::En => format!("{} {} {}", day.day(), day.month(), day.year()),
    }
}

fn moment(at: Millis) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEIJING: Millis = 8 * 3_600_000;

    #[test]
    fn a_day_begins_where_its_zone_says() {
        assert_eq!(day("2026-11-23", 0), Some((1_795_392_000_000, 1_795_478_400_000)));
        let (begin, end) = day(" 2026-11-23 ", BEIJING).unwrap();
        assert_eq!((begin, end - begin), (1_795_392_000_000 - BEIJING, 86_400_000));
        assert_eq!(date(begin, BEIJING), "2026-11-23");
        assert_eq!(date(begin - 1, BEIJING), "2026-11-22");
        for wrong in [
            "",
            "2026-02-30",
            "2026-13-01",
            "23.11.2026",
            "20260-01-01",
            "1969-12-31",
        ] {
            assert_eq!(day(wrong, 0), None, "{wrong}");
        }
    }
}
