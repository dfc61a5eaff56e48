//! `[inspection]`: how often the fleet is inspected.

use deskwarden_domain::model::Every;

use super::{Check, raw};

pub(super) fn convert(raw: raw::Inspection, check: &mut Check<'_>) -> Every {
    let Some(every) = raw.every else {
        return Every::default();
    };
    Every::by_name(every.get_ref()).unwrap_or_else(|| {
        let names = Every::ALL.map(Every::name).join(", ");
        check.fault(every.span().start, format!("inspection.every: one of {names}"));
        Every::default()
    })
}
