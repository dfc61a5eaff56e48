//! When a run is due, and what period it closes. Pure.

use crate::model::{Every, Millis};

const DAY: Millis = 86_400_000;

/// The period before the one that a moment lies in: its label, its beginning and its end (which is when its run is
/// due). `None` when runs are made by hand only.
pub fn closed(now: Millis, every: Every, zone: Millis) -> Option<(String, Millis, Millis)> {
    let today = now.saturating_add(zone).div_euclid(DAY);
    let begins = |day: i64| day * DAY - zone;
    match every {
        Every::Never => None,
        Every::Day => {
            let (year, month, day) = civil(today - 1);
            Some((
                format!("{year:04}-{month:02}-{day:02}"),
                begins(today - 1),
                begins(today),
            ))
        }
        Every::Week => {
            // The first day of 1970 was a Thursday.
            let monday = today - (today + 3).rem_euclid(7);
            let (year, week) = week(monday - 7);
            Some((
                format!("{year:04}-W{week:02}"),
                begins(monday - 7),
                begins(monday),
            ))
        }
        Every::Month => {
            let (year, month, day) = civil(today);
            let first = today - (day - 1);
            let (last_year, last_month, last_day) = civil(first - 1);
            debug_assert!((year, month) != (last_year, last_month));
            Some((
                format!("{last_year:04}-{last_month:02}"),
                begins(first - last_day),
                begins(first),
            ))
        }
    }
}

/// Year, month and day of the days since 1970 (proleptic Gregorian).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Year and number of the week that begins on this Monday: it is the year's in which its Thursday lies.
fn week(monday: i64) -> (i64, i64) {
    let thursday = monday + 3;
    let (year, _, _) = civil(thursday);
    let mut first = thursday;
    while civil(first - 7).0 == year {
        first -= 7;
    }
    (year, (thursday - first) / 7 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEIJING: Millis = 8 * 3_600_000;
    /// 2026-11-23 02:00 UTC, a Monday.
    const MONDAY: Millis = 1_795_399_200_000;

    #[test]
    fn a_run_closes_the_day_the_week_or_the_month_before() {
        let at = |every, now| {
            let (label, begin, end) = closed(now, every, BEIJING).unwrap();
            (label, (end - begin) / DAY, (end + BEIJING).rem_euclid(DAY))
        };
        assert_eq!(at(Every::Day, MONDAY), ("2026-11-22".into(), 1, 0));
        assert_eq!(at(Every::Week, MONDAY), ("2026-W47".into(), 7, 0));
        assert_eq!(at(Every::Week, MONDAY - 3 * DAY), ("2026-W46".into(), 7, 0));
        assert_eq!(at(Every::Month, MONDAY), ("2026-10".into(), 31, 0));
        assert_eq!(closed(MONDAY, Every::Never, BEIJING), None);
    }

    #[test]
    fn years_and_leap_days_are_counted() {
        let label = |every, now| closed(now, every, 0).unwrap().0;
        // 2028-03-01 and 2027-01-04.
        assert_eq!(label(Every::Month, 1_835_481_600_000), "2028-02");
        assert_eq!(label(Every::Day, 1_835_481_600_000), "2028-02-29");
        assert_eq!(label(Every::Week, 1_799_020_800_000), "2026-W53");
        assert_eq!(label(Every::Month, 1_799_020_800_000), "2026-12");
    }

    #[test]
    fn the_moment_before_midnight_belongs_to_the_day() {
        let (_, _, end) = closed(MONDAY, Every::Day, BEIJING).unwrap();
        assert_eq!(closed(end - 1, Every::Day, BEIJING).unwrap().2, end - DAY);
        assert_eq!(closed(end, Every::Day, BEIJING).unwrap().2, end);
    }
}
