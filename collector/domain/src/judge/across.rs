//! Rules over several devices as far as one asset goes: its outcome, and what is to be looked at when such a rule comes
//! to apply to it.

use std::collections::BTreeSet;

use super::{
    item_claims,
    looked::{Looked, looked},
};
use crate::{
    model::{ClaimKind, Outcome, OutcomeRow},
    port::DeviceState,
    rules::{Rule, RuleKind},
};

/// Values that a rule over several devices is to look at again, because it has come to apply to the asset or does so no
/// more: what was registered of the asset is other than before.
pub(super) fn turned(rule: &Rule, state: &DeviceState) -> BTreeSet<(ClaimKind, String)> {
    let RuleKind::Cross { about, .. } = rule.kind else {
        return BTreeSet::new();
    };
    let applied = state.outcomes.iter().any(|row| row.rule == rule.id);
    if applied == rule.applies_to(&state.asset) {
        return BTreeSet::new();
    }
    let kind = about.kind();
    let found = state.findings.iter().filter(|f| f.key.rule == rule.id);
    let claims = state.items.values().flat_map(|item| item_claims(state, item));
    let claimed = claims.filter(|claim| claim.kind == kind).map(|claim| claim.value);
    found
        .map(|finding| finding.key.subject.clone())
        .chain(claimed)
        .map(|value| (kind, value))
        .collect()
}

/// Its findings are opened and resolved by who sees all devices; here they give the outcome.
pub(super) fn outcome(rule: &Rule, state: &DeviceState) -> OutcomeRow {
    let breached = state
        .findings
        .iter()
        .any(|f| f.key.rule == rule.id && f.state.is_active());
    let (outcome, reason) = match (breached, looked(&rule.needs, &state.sources)) {
        (true, _) => (Outcome::Fail, String::new()),
        (false, Looked::Completely) => (Outcome::Pass, String::new()),
        (false, Looked::Not(why)) => (Outcome::CouldNotLook, why),
    };
    OutcomeRow {
        rule: rule.id.clone(),
        outcome,
        reason,
    }
}
