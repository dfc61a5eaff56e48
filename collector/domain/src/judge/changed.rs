//! How an item differs from what was accepted or assigned, as evidence shows it.

use deskwarden_proto::v1::facet;
use serde_json::{Map, Value};

use crate::rules::{Alteration, Rule, RuleSet};

/// How an item differs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Difference {
    /// Was not accepted.
    Added,
    /// Was accepted and is gone.
    Removed,
    /// Fields differ from what was accepted: `{field: {"before", "after"}}`.
    Fields(Map<String, Value>),
    /// Fields differ from the ledger entry, in the same shape.
    Ledger(Map<String, Value>),
}

impl Difference {
    /// Whether the rule is about such a difference.
    pub(super) fn counts_for(&self, rule: &Rule) -> bool {
        let alteration = match self {
            Self::Added => Alteration::Added,
            Self::Removed => Alteration::Removed,
            Self::Fields(_) | Self::Ledger(_) => Alteration::Changed,
        };
        rule.alterations.is_empty() || rule.alterations.contains(&alteration)
    }

    /// Adds `change`, `difference` and `against` to the detail of a piece of evidence.
    pub(super) fn describe(self, detail: &mut Map<String, Value>) {
        let (change, difference, against) = match self {
            Self::Added => ("added", None, "baseline"),
            Self::Removed => ("removed", None, "baseline"),
            Self::Fields(fields) => ("changed", Some(fields), "baseline"),
            Self::Ledger(fields) => ("changed", Some(fields), "ledger"),
        };
        detail.insert("change".into(), change.into());
        detail.insert("against".into(), against.into());
        if let Some(fields) = difference {
            detail.insert("difference".into(), Value::Object(fields));
        }
    }
}

/// The difference to the accepted baseline, or `None`. What the rule ignores is no difference: an update
/// of firmware is no dismantling.
pub(super) fn difference(
    rules: &RuleSet,
    rule: &Rule,
    baseline: Option<&facet::Kind>,
    now: Option<&facet::Kind>,
) -> Option<Difference> {
    match (baseline, now) {
        (None, None) => None,
        (None, Some(_)) => Some(Difference::Added),
        (Some(_), None) => Some(Difference::Removed),
        (Some(was), Some(now)) if was == now => None,
        (Some(was), Some(now)) => {
            let fields = rules.changes(rule, was, now);
            (!fields.is_empty()).then_some(Difference::Fields(fields))
        }
    }
}
