//! Days and times of day as offices write them, at a fixed distance from UTC.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

use crate::model::Millis;

const DAY: Millis = 86_400_000;
/// Days from spreadsheets' first day to 1970.
const SPREADSHEET: f64 = 25_569.0;

/// Reads `2026-11-28`, `2026/11/28 14:30`, `2026年11月28日`, or a spreadsheet's number of days.
pub(crate) fn parse(text: &str, offset_minutes: i16) -> Option<Millis> {
    let offset = Millis::from(offset_minutes) * 60_000;
    if let Ok(days) = text.parse::<f64>() {
        let whole = (days - SPREADSHEET) * 86_400.0;
        // Only days of our time: a year alone is none.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "bounded to days between 1998 and 2064"
        )]
        return (36_000.0..60_000.0)
            .contains(&days)
            .then(|| whole.round() as Millis * 1_000 - offset);
    }
    let text = text.replace(['年', '月', '/', '.'], "-").replace('日', " ");
    let (day, time) = match text.trim().split_once([' ', 'T']) {
        Some((day, time)) => (day.to_owned(), time.trim().to_owned()),
        None => (text.trim().to_owned(), String::new()),
    };
    let at = date(&day)?.with_time(of_day(&time)?).assume_utc();
    Millis::try_from(at.unix_timestamp_nanos() / 1_000_000)
        .ok()
        .map(|at| at - offset)
}

fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-').map(|part| part.trim().parse::<u16>());
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    if parts.next().is_some() || !(1990..=2200).contains(&year) {
        return None;
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()
}

fn of_day(text: &str) -> Option<Time> {
    if text.is_empty() {
        return Some(Time::MIDNIGHT);
    }
    let mut parts = text
        .trim_end_matches('Z')
        .split([':', '：'])
        .map(str::parse::<u8>);
    let (hour, minute) = (parts.next()?.ok()?, parts.next()?.ok()?);
    let second = parts.next().transpose().ok()?.unwrap_or(0);
    Time::from_hms(hour, minute, second).ok()
}

/// `2026-11-28 14:30`, without the time where it is midnight.
pub(crate) fn show(at: Millis, offset_minutes: i16) -> String {
    let Some(local) = local(at, offset_minutes) else {
        return String::new();
    };
    let day = format!(
        "{:04}-{:02}-{:02}",
        local.year(),
        u8::from(local.month()),
        local.day()
    );
    if local.hour() == 0 && local.minute() == 0 {
        day
    } else {
        format!("{day} {:02}:{:02}", local.hour(), local.minute())
    }
}

fn local(at: Millis, offset_minutes: i16) -> Option<PrimitiveDateTime> {
    let utc = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000).ok()?;
    let offset = UtcOffset::from_whole_seconds(i32::from(offset_minutes) * 60).ok()?;
    let local = utc.checked_to_offset(offset)?;
    Some(PrimitiveDateTime::new(local.date(), local.time()))
}

/// When a day (`2026-11-28`, of whatever zone) has begun everywhere that matters: at its noon minus half a day
/// in UTC. Days of PCs and of the register are compared with a day's tolerance.
pub fn day_start(day: &str) -> Option<Millis> {
    parse(day, 0)
}

/// When a day has ended, wherever the PC stands.
pub fn day_end(day: &str) -> Option<Millis> {
    day_start(day).map(|start| start + DAY + DAY / 2)
}

/// The day of a moment in UTC.
pub fn day_text(at: Millis) -> String {
    show(at.div_euclid(DAY) * DAY, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_offices_write_them() {
        let day = parse("2026-11-28", 480);
        assert_eq!(day, Some(1_795_795_200_000));
        for text in [
            "2026/11/28",
            "2026.11.28",
            "2026年11月28日",
            "2026-11-28 00:00",
            "46354",
        ] {
            assert_eq!(parse(text, 480), day, "{text}");
        }
        let time = parse("2026年11月28日 14:30", 480);
        assert_eq!(time, day.map(|day| day + (14 * 60 + 30) * 60_000));
        assert_eq!(parse("2026-11-28T14:30:00", 480), time);
        assert_eq!(show(time.unwrap(), 480), "2026-11-28 14:30");
        assert_eq!(show(day.unwrap(), 480), "2026-11-28");
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-30",
            "26-1-1",
            "2026-11-28 25:00",
            "x",
            "NaN",
            "1e9",
        ] {
            assert_eq!(parse(text, 480), None, "{text}");
        }
    }
}
