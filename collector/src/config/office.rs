//! `[notices]`: who issues rectification notices, and how they are numbered.

use deskwarden_domain::model::Millis;

use super::{Check, raw};
use crate::notices::Office;

pub(super) fn convert(raw: raw::Notices, zone: Millis, check: &mut Check<'_>) -> Office {
    let usual = Office::default();
    let mut text = |given: Option<toml::Spanned<String>>, key: &str, most: usize| {
        let given = given?;
        let name = given.get_ref().trim().to_owned();
        let fits = !name.is_empty() && name.chars().count() <= most && !name.chars().any(char::is_control);
        if !fits {
            check.fault(
                given.span().start,
                format!("notices.{key}: 1 to {most} characters on one line"),
            );
        }
        fits.then_some(name)
    };
    let prefix = text(raw.prefix, "prefix", 20).unwrap_or(usual.prefix);
    let organisation = text(raw.organisation, "organisation", 60).unwrap_or_default();
    let name = text(raw.office, "office", 60);
    let days = raw.days.map_or(usual.days, |days| {
        if !(1..=366).contains(days.get_ref()) {
            check.fault(days.span().start, "notices.days: from 1 to 366");
        }
        *days.get_ref()
    });
    Office {
        prefix,
        organisation,
        name,
        days,
        zone,
    }
}
