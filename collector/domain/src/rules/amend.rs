//! What a company says about rules that it did not write: `[[map]]` ties them to clauses of its own regulation,
//! `[[adjust]]` changes severity, grace, scope, or whether they are in force.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{
    known::{Known, cited},
    rule::{Rule, Scope},
    rule_parts::{duration, named, scope},
};
use crate::{
    file::read::{self, Fields, Sink},
    model::Severity,
};

/// Which rules were mapped or adjusted already.
#[derive(Debug, Default)]
pub(crate) struct Amended {
    cited: BTreeMap<String, String>,
    adjusted: BTreeSet<String>,
    /// Every rule that the files name was read.
    whole: bool,
}

impl Amended {
    /// None yet; `whole` says that every rule was read, so that one that is not there is missing.
    pub(crate) fn new(whole: bool) -> Self {
        Self {
            whole,
            ..Self::default()
        }
    }
}

/// `[[map]]`: rules prove a clause of another regulation too; their findings cite it unless `cite = false`.
pub(crate) fn map(
    sink: &mut Sink<'_>,
    mut fields: Fields<'_>,
    known: &Known,
    rules: &mut BTreeMap<String, Rule>,
    done: &mut Amended,
) {
    let label = fields.text(sink, "clause");
    let ids = rule_ids(sink, &mut fields, rules, done.whole);
    let cite = fields
        .optional("cite")
        .is_none_or(|node| read::flag(sink, node, "cite").unwrap_or(true));
    fields.finish(sink);
    let Some((label, span)) = label else { return };
    let Some(target) = cited(sink, known, &label, span.start) else {
        return;
    };
    for (id, span) in ids {
        let Some(rule) = rules.get_mut(&id) else { continue };
        let target = target.clone();
        if !cite {
            if !rule.proves(&target.0, &target.1) {
                rule.also.push(target);
            }
            continue;
        }
        if let Some(other) = done.cited.insert(id.clone(), label.clone()) {
            sink.fault(
                span.start,
                format!("findings of `{id}` cite `{other}` already"),
                "keep one of them, and write `cite = false` in the other",
            );
            continue;
        }
        let own = (rule.regulation.clone(), rule.clause.clone());
        if own != target {
            rule.also.retain(|clause| *clause != target);
            rule.also.push(own);
            (rule.regulation, rule.clause) = target;
        }
    }
}

/// `[[adjust]]`: what differs from how a rule was written.
pub(crate) fn adjust(
    sink: &mut Sink<'_>,
    mut fields: Fields<'_>,
    rules: &mut BTreeMap<String, Rule>,
    done: &mut Amended,
) {
    let at = fields.at();
    let ids = rule_ids(sink, &mut fields, rules, done.whole);
    let severity = fields.optional("severity").and_then(|node| {
        let name = read::text(sink, node, "severity")?;
        named(
            sink,
            Severity::by_name(name),
            name,
            node.span().start,
            "severity",
            "low, medium, high or critical",
        )
    });
    let enabled = fields
        .optional("enabled")
        .and_then(|node| read::flag(sink, node, "enabled"));
    let grace = fields.optional("grace").and_then(|node| duration(sink, node));
    let limits: Option<Scope> = fields.optional("scope").map(|node| scope(sink, node));
    fields.finish(sink);
    if severity.is_none() && enabled.is_none() && grace.is_none() && limits.is_none() {
        sink.fault(
            at,
            "nothing is adjusted",
            "write severity, enabled, grace or scope",
        );
    }
    for (id, span) in ids {
        let Some(rule) = rules.get_mut(&id) else { continue };
        if !done.adjusted.insert(id.clone()) {
            sink.fault(
                span.start,
                format!("`{id}` is adjusted already"),
                "put both into one `[[adjust]]`",
            );
            continue;
        }
        if grace.is_some() && matches!(rule.kind, super::rule::RuleKind::Cross { .. }) {
            sink.fault(
                span.start,
                format!("`{id}` is a rule of kind `cross`, which has no grace"),
                "remove `grace`",
            );
        }
        rule.severity = severity.unwrap_or(rule.severity);
        rule.enabled = enabled.unwrap_or(rule.enabled);
        rule.grace_ms = grace.unwrap_or(rule.grace_ms);
        if let Some(limits) = &limits {
            rule.scope = limits.clone();
        }
    }
}

/// `rules = ["pc.chat"]`: ids of rules that there are.
fn rule_ids(
    sink: &mut Sink<'_>,
    fields: &mut Fields<'_>,
    rules: &BTreeMap<String, Rule>,
    whole: bool,
) -> Vec<(String, Range<usize>)> {
    let at = fields.at();
    let ids = fields.texts(sink, "rules");
    if ids.is_empty() {
        sink.fault(at, "`rules` names no rule", "write `rules = [\"pc.chat\"]`");
    }
    for (id, span) in &ids {
        if whole && !rules.contains_key(id) {
            sink.fault(
                span.start,
                format!("there is no rule `{id}`"),
                "correct the id; `rules list` shows all of them",
            );
        }
    }
    ids
}
