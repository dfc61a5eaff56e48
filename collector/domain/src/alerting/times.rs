//! Times of day and days of the week, at a fixed distance from UTC: China has one time zone and no summer time.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::model::Millis;

const MINUTE: Millis = 60_000;
const DAY: Millis = 24 * 60 * MINUTE;

/// A time of day: `08:30`.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// Reads `HH:MM`; `24:00` is the end of the day.
    pub fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(hour) || !digits(minute) {
            return None;
        }
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        let minutes = hour * 60 + minute;
        (minute < 60 && minutes <= 1_440).then_some(Self(minutes % 1_440))
    }

    const fn since_midnight(self) -> Millis {
        self.0 as Millis * MINUTE
    }
}

impl std::fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is no time of day as \"08:30\"")))
    }
}

/// A daily span of time, on all days or on some; one that ends before it begins goes over midnight and belongs to
/// the day on which it began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Days of the week, Monday is 1; empty: every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<u8>,
    /// Beginning.
    pub from: TimeOfDay,
    /// End; equal to the beginning: the whole day.
    pub to: TimeOfDay,
}

impl Hours {
    /// Whether a moment is within.
    pub fn contains(&self, at: Millis, zone: Millis) -> bool {
        let (day, time) = local(at, zone);
        let on = |day: i64| self.days.is_empty() || self.days.contains(&weekday(day));
        let (from, to) = (self.from.since_midnight(), self.to.since_midnight());
        if from < to {
            on(day) && (from..to).contains(&time)
        } else {
            (on(day) && time >= from) || (on(day - 1) && time < to)
        }
    }

    /// The first moment from `at` on that is not within; far away where every moment is.
    pub fn end(&self, at: Millis, zone: Millis) -> Millis {
        let mut end = at;
        for _ in 0..16 {
            if !self.contains(end, zone) {
                return end;
            }
            end = next(end, self.to, None, zone);
        }
        at.saturating_add(7 * DAY)
    }
}

/// The next moment after `at` that is this time of day (and this day of the week).
pub(super) fn next(at: Millis, time: TimeOfDay, on: Option<u8>, zone: Millis) -> Millis {
    let (today, _) = local(at, zone);
    (today..=today + 8)
        .filter(|day| on.is_none_or(|on| weekday(*day) == on))
        .map(|day| day * DAY + time.since_midnight() - zone)
        .find(|moment| *moment > at)
        .unwrap_or(at)
}

/// Day since 1970 and milliseconds since its midnight.
fn local(at: Millis, zone: Millis) -> (i64, Millis) {
    let at = at.saturating_add(zone);
    (at.div_euclid(DAY), at.rem_euclid(DAY))
}

/// Monday is 1. The first day of 1970 was a Thursday.
fn weekday(day: i64) -> u8 {
    u8::try_from((day + 3).rem_euclid(7) + 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: Millis = 8 * 60 * MINUTE;
    /// Monday 2026-11-23, 00:00 in Beijing.
    const MONDAY: Millis = 1_795_363_200_000;

    fn hours(days: &[u8], from: &str, to: &str) -> Hours {
        let time = |text| TimeOfDay::parse(text).unwrap();
        Hours {
            days: days.to_vec(),
            from: time(from),
            to: time(to),
        }
    }

    fn at(day: Millis, hour: Millis) -> Millis {
        MONDAY + day * DAY + hour * 60 * MINUTE
    }

    #[test]
    fn times_of_day_are_hours_and_minutes() {
        assert_eq!(TimeOfDay::parse("08:30").unwrap().to_string(), "08:30");
        assert_eq!(TimeOfDay::parse("24:00").unwrap().to_string(), "00:00");
        for text in ["", "8:30", "25:00", "24:01", "12:60", "1230", "-1:00", "12:3０"] {
            assert_eq!(TimeOfDay::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_span_over_midnight_belongs_to_the_day_on_which_it_began() {
        let night = hours(&[5], "22:00", "07:00");
        assert!(night.contains(at(4, 23), ZONE) && night.contains(at(5, 6), ZONE));
        assert!(!night.contains(at(4, 6), ZONE) && !night.contains(at(5, 23), ZONE));
        assert_eq!(night.end(at(4, 23), ZONE), at(5, 7));
        assert_eq!(night.end(at(4, 12), ZONE), at(4, 12));
    }

    #[test]
    fn a_whole_weekend_ends_on_monday() {
        let weekend = hours(&[6, 7], "00:00", "24:00");
        assert!(weekend.contains(at(5, 0), ZONE) && weekend.contains(at(6, 23), ZONE));
        assert!(!weekend.contains(at(4, 23), ZONE) && !weekend.contains(at(7, 0), ZONE));
        assert_eq!(weekend.end(at(5, 3), ZONE), at(7, 0));
        let always = hours(&[], "00:00", "24:00");
        assert!(always.end(at(0, 0), ZONE) > at(6, 0));
    }

    #[test]
    fn the_next_moment_is_always_later() {
        let nine = TimeOfDay::parse("09:00").unwrap();
        assert_eq!(next(at(0, 8), nine, None, ZONE), at(0, 9));
        assert_eq!(next(at(0, 9), nine, None, ZONE), at(1, 9));
        assert_eq!(next(at(0, 9), nine, Some(1), ZONE), at(7, 9));
        assert_eq!(next(at(2, 1), nine, Some(5), ZONE), at(4, 9));
    }
}
