//! What the forms of both kinds of tokens have in common: a label, how long the token lasts, and which fields are
//! refused. Enrolment tokens last hours, those of the API days.

use deskwarden_domain::model::Millis;

use crate::web::form::Fields;

/// Longest label, and longest name of a department.
const LONGEST: usize = 100;

/// The fields that every token has, as they were typed.
#[derive(Debug)]
pub(super) struct Basics {
    pub(super) label: String,
    /// How many units it lasts.
    pub(super) lasts: String,
    /// `hours` or `days`: the name of that field.
    pub(super) unit: &'static str,
    /// Names of fields whose content is refused, here and in the rest of the form.
    pub(super) faults: Vec<&'static str>,
}

impl Basics {
    /// An empty form.
    pub(super) fn new(unit: &'static str, lasts: &str) -> Self {
        Self {
            label: String::new(),
            lasts: lasts.to_owned(),
            unit,
            faults: Vec::new(),
        }
    }

    /// What was typed.
    pub(super) fn read(unit: &'static str, fields: &Fields) -> Self {
        Self {
            label: fields.text("label").to_owned(),
            lasts: fields.text(unit).to_owned(),
            unit,
            faults: Vec::new(),
        }
    }

    /// Checks these fields and those of the rest, each with whether it is good: how many units, when all are.
    pub(super) fn check(&mut self, most: Millis, rest: &[(&'static str, bool)]) -> Option<Millis> {
        let lasts = self.lasts.parse().ok().filter(|lasts| (1..=most).contains(lasts));
        let own = [
            ("label", !self.label.is_empty() && is_short(&self.label)),
            (self.unit, lasts.is_some()),
        ];
        let refused = own.iter().chain(rest).filter(|(_, good)| !good);
        self.faults = refused.map(|(name, _)| *name).collect();
        lasts.filter(|_| self.faults.is_empty())
    }

    /// Whether a field is refused.
    pub(super) fn fault(&self, field: &str) -> bool {
        self.faults.contains(&field)
    }
}

/// Whether a text is one line that fits where it is shown.
pub(super) fn is_short(text: &str) -> bool {
    text.chars().count() <= LONGEST && !text.chars().any(char::is_control)
}

/// What a token is now, as the lists of tokens say it.
pub(super) const fn state(revoked: bool, used: bool, expired: bool) -> &'static str {
    if revoked {
        "revoked"
    } else if used {
        "used"
    } else if expired {
        "expired"
    } else {
        "usable"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: &str, rest: &[(&'static str, bool)]) -> (Option<Millis>, Vec<&'static str>) {
        let mut basics = Basics::read("days", &Fields::parse(form.as_bytes()));
        (basics.check(366, rest), basics.faults)
    }

    #[test]
    fn a_good_form_says_how_long_the_token_lasts() {
        assert_eq!(
            check("label=report&days=90", &[("scopes", true)]),
            (Some(90), vec![])
        );
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let long = format!("label={}&days=367", "x".repeat(101));
        assert_eq!(
            check(&long, &[("scopes", false)]),
            (None, vec!["label", "days", "scopes"])
        );
        assert_eq!(check("label=a%0Ab&days=0", &[]), (None, vec!["label", "days"]));
        assert_eq!(
            check("label=a&days=1", &[("scopes", false)]),
            (None, vec!["scopes"])
        );
    }
}
