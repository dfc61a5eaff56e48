//! Days: the calendar, and the time zone of a PC as `etc/localtime` holds it (TZif). A zone that still
//! changes its clock by a rule after the last listed change is taken as it was after that change.

/// Offsets of a zone from UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Before the first change.
    first: i64,
    /// Unix seconds of a change, and the offset in seconds from then on.
    changes: Vec<(i64, i64)>,
}

impl Zone {
    /// The local day of a moment, `YYYY-MM-DD`.
    pub fn day(&self, seconds: i64) -> String {
        let after = self.changes.partition_point(|(at, _)| *at <= seconds);
        let offset = after
            .checked_sub(1)
            .and_then(|last| self.changes.get(last))
            .map_or(self.first, |(_, offset)| *offset);
        civil_day(seconds.saturating_add(offset).div_euclid(86_400))
    }
}

/// The day that begins so many days after 1970-01-01, `YYYY-MM-DD`.
pub fn civil_day(days: i64) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The year of that day.
pub fn civil_year(days: i64) -> i64 {
    civil(days).0
}

/// Days from 1970-01-01 to a day of the years 1970 to 9999; `None` for one that no calendar has.
pub fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (march_year, from_march) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let of_era = march_year.rem_euclid(400);
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let number =
        march_year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    // A day beyond the end of its month is the first of the next one.
    (civil(number) == (year, month, day)).then_some(number)
}

fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last.
    let days = days.clamp(-10_000_000, 10_000_000) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// Reads a TZif file; UTC where it is none.
pub fn parse_tzif(bytes: &[u8]) -> Zone {
    let read = || {
        let version = *header(bytes)?.get(4)?;
        if version < b'2' {
            return zone(bytes, 4);
        }
        // The second part repeats the first with wider times.
        let [isut, isstd, leap, times, types, chars] = counts(bytes)?;
        let first = 44 + times * 5 + types * 6 + chars + leap * 8 + isstd + isut;
        zone(bytes.get(first..)?, 8)
    };
    read().unwrap_or_default()
}

fn header(bytes: &[u8]) -> Option<&[u8]> {
    bytes.starts_with(b"TZif").then(|| bytes.get(..44))?
}

fn counts(bytes: &[u8]) -> Option<[usize; 6]> {
    let mut counts = [0usize; 6];
    for (count, raw) in counts.iter_mut().zip(header(bytes)?.get(20..)?.chunks_exact(4)) {
        // More than a megabyte of anything is no time zone.
        *count = usize::try_from(u32::from_be_bytes(raw.try_into().ok()?))
            .ok()
            .filter(|n| *n < 1 << 20)?;
    }
    Some(counts)
}

fn zone(bytes: &[u8], width: usize) -> Option<Zone> {
    let [_, _, _, times, types, _] = counts(bytes)?;
    let body = bytes.get(44..)?;
    let moments = body.get(..times * width)?;
    let indices = body.get(times * width..times * width + times)?;
    let kinds = body.get(times * (width + 1)..times * (width + 1) + types * 6)?;
    let offset = |index: usize| {
        let raw = kinds.get(index * 6..index * 6 + 4)?;
        Some(i64::from(i32::from_be_bytes(raw.try_into().ok()?)))
    };
    let mut changes = Vec::with_capacity(times);
    for (raw, index) in moments.chunks_exact(width).zip(indices) {
        let at = match width {
            4 => i64::from(i32::from_be_bytes(raw.try_into().ok()?)),
            _ => i64::from_be_bytes(raw.try_into().ok()?),
        };
        changes.push((at, offset(usize::from(*index))?));
    }
    if !changes.is_sorted_by_key(|(at, _)| *at) {
        return None;
    }
    Some(Zone {
        first: offset(0)?,
        changes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tzif(version: u8, width: usize, changes: &[(i64, u8)], offsets: &[i32]) -> Vec<u8> {
        let mut out = b"TZif".to_vec();
        out.push(version);
        out.extend([0; 15]);
        for count in [0, 0, 0, changes.len(), offsets.len(), 4] {
            out.extend((count as u32).to_be_bytes());
        }
        for (at, _) in changes {
            out.extend(&at.to_be_bytes()[8 - width..]);
        }
        out.extend(changes.iter().map(|(_, kind)| *kind));
        for offset in offsets {
            out.extend(offset.to_be_bytes());
            out.extend([0, 0]);
        }
        out.extend(b"CST\0");
        out
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(civil_day(0), "1970-01-01");
        assert_eq!(civil_day(19_782), "2024-02-29");
        assert_eq!(civil_day(20_780), "2026-11-23");
        assert_eq!(civil_day(-1), "1969-12-31");
    }

    #[test]
    fn a_day_has_a_number_where_the_calendar_has_the_day() {
        for number in [0, 58, 59, 60, 11_016, 20_417, 2_932_896] {
            let (year, month, day) = civil(number);
            assert_eq!(day_number(year, month, day), Some(number));
        }
        assert_eq!(day_number(2026, 2, 29), None);
        assert_eq!(day_number(2024, 2, 29), Some(19_782));
        assert_eq!(day_number(2026, 13, 1), None);
    }

    #[test]
    fn the_day_is_that_of_the_zone() {
        let china = [
            tzif(b'2', 4, &[], &[28_800]),
            tzif(b'2', 8, &[(0, 1)], &[29_143, 28_800]),
        ]
        .concat();
        let zone = parse_tzif(&china);
        assert_eq!(zone.day(86_400 - 8 * 3_600), "1970-01-02");
        assert_eq!(zone.day(86_400 - 8 * 3_600 - 1), "1970-01-01");
        assert_eq!(parse_tzif(&tzif(0, 4, &[], &[3_600])).day(86_399), "1970-01-02");
        assert_eq!(parse_tzif(b"no zone").day(86_399), "1970-01-01");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in any::<i64>()) {
            let mut file = b"TZif2".to_vec();
            file.extend(bytes);
            parse_tzif(&file).day(at);
            civil_day(at);
        }
    }
}
