//! `[operations]`: when conditions of the collector itself are told.

use std::{ops::RangeInclusive, path::PathBuf};

use deskwarden_domain::operations::Limits;
use toml::Spanned;

use super::{Check, raw};

pub(super) fn convert(raw: raw::Operations, check: &mut Check<'_>) -> (Limits, Option<PathBuf>) {
    let usual = Limits::default();
    let limits = Limits {
        certificate_days: within(
            raw.certificate_days,
            "operations.certificate_days",
            1..=365,
            usual.certificate_days,
            check,
        ),
        disk_free: within(
            raw.disk_free_percent,
            "operations.disk_free_percent",
            1..=90,
            usual.disk_free,
            check,
        ),
        backup_hours: within(
            raw.backup_hours,
            "operations.backup_hours",
            1..=8_760,
            usual.backup_hours,
            check,
        ),
    };
    let mark = raw.backup_mark.map(|file| check.path(file.get_ref()));
    (limits, mark)
}

/// A number inside its bounds; the usual one where none is given.
pub(super) fn within<N: Copy + PartialOrd + std::fmt::Display>(
    given: Option<Spanned<N>>,
    key: &str,
    range: RangeInclusive<N>,
    usual: N,
    check: &mut Check<'_>,
) -> N {
    let Some(given) = given else { return usual };
    if range.contains(given.get_ref()) {
        return *given.get_ref();
    }
    let what = format!("{key}: from {} to {}", range.start(), range.end());
    check.fault(given.span().start, what);
    usual
}
