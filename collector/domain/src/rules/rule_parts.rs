//! Reads the parts of a `[[rule]]` that stand by themselves: sections, needs, scope, durations.

use std::ops::Range;

use deskwarden_proto::{section, v1::Section};

use super::rule::{Need, Orders, RuleKind, Scope};
use crate::{
    file::read::{self, Fields, Node, Sink},
    model::{AssetClass, AssetState},
};

/// The value, or a fault that lists the known names.
pub(crate) fn named<T>(
    sink: &mut Sink<'_>,
    value: Option<T>,
    name: &str,
    at: usize,
    what: &str,
    known: &str,
) -> Option<T> {
    if value.is_none() {
        sink.fault(at, format!("`{name}` is no {what}"), format!("use {known}"));
    }
    value
}

/// The section of that name, or a fault.
pub(crate) fn known_section(sink: &mut Sink<'_>, name: &str, at: usize) -> Option<Section> {
    let all = section::ALL.map(section::name).join(", ");
    named(
        sink,
        section::by_name(name),
        name,
        at,
        "section",
        &format!("one of: {all}"),
    )
}

/// `["software", "proxy:winhttp*"]`; without it, every source of every section of the rule.
pub(crate) fn needs(sink: &mut Sink<'_>, fields: &mut Fields<'_>, sections: &[Section]) -> Vec<Need> {
    if fields.optional("needs").is_none() {
        return sections
            .iter()
            .map(|section| Need {
                section: *section,
                source: None,
            })
            .collect();
    }
    let mut needs = Vec::new();
    for (text, span) in fields.texts(sink, "needs") {
        let (name, source) = match text.split_once(':') {
            Some((name, source)) => (name, Some(source)),
            None => (text.as_str(), None),
        };
        if source.is_some_and(|source| source.is_empty() || source.trim_end_matches('*').contains('*')) {
            let help = "write `section`, `section:source` or `section:prefix*`";
            sink.fault(span.start, format!("`{text}` names no source"), help);
        }
        if let Some(section) = known_section(sink, name, span.start) {
            needs.push(Need {
                section,
                source: source.map(str::to_owned),
            });
        }
    }
    if needs.is_empty() {
        sink.fault(
            fields.at(),
            "`needs` is empty",
            "name at least one section, or remove it",
        );
    }
    needs
}

/// Which assets the rule is about.
pub(crate) fn scope(sink: &mut Sink<'_>, node: &Node<'_>) -> Scope {
    let Some(mut fields) = Fields::of(sink, node, "scope") else {
        return Scope::default();
    };
    let plain = |list: Vec<(String, Range<usize>)>| list.into_iter().map(|(name, _)| name).collect();
    let departments = plain(fields.texts(sink, "departments"));
    let not_departments = plain(fields.texts(sink, "not_departments"));
    let mut states = Vec::new();
    for (name, span) in fields.texts(sink, "states") {
        let known = "in_use, idle, in_repair, scrapped or lost";
        states.extend(named(
            sink,
            AssetState::by_name(&name),
            &name,
            span.start,
            "state of an asset",
            known,
        ));
    }
    let mut classes = Vec::new();
    for (name, span) in fields.texts(sink, "classes") {
        classes.extend(named(
            sink,
            AssetClass::by_name(&name),
            &name,
            span.start,
            "class of an asset",
            "own or outsourced",
        ));
    }
    fields.finish(sink);
    Scope {
        departments,
        not_departments,
        states,
        classes,
    }
}

/// `covered` or `uncovered`: which changes of parts a rule of kind `changed` is about.
pub(crate) fn orders(sink: &mut Sink<'_>, fields: &mut Fields<'_>, kind: Option<RuleKind>) -> Orders {
    let Some(node) = fields.optional("orders") else {
        return Orders::Any;
    };
    let at = node.span().start;
    if kind.is_some() && kind != Some(RuleKind::Changed) {
        sink.fault(
            at,
            "only rules of kind `changed` ask for work orders",
            "remove `orders`",
        );
    }
    let Some(name) = read::text(sink, node, "orders") else {
        return Orders::Any;
    };
    let known = Orders::ALL.into_iter().find(|orders| orders.name() == name);
    named(
        sink,
        known,
        name,
        at,
        "choice of changes",
        "any, covered or uncovered",
    )
    .unwrap_or_default()
}

/// `90s`, `30m`, `12h`, `7d` in milliseconds, at most a year.
pub(crate) fn duration(sink: &mut Sink<'_>, node: &Node<'_>) -> Option<i64> {
    const YEAR_MS: i64 = 366 * 24 * 3_600_000;
    let text = read::text(sink, node, "duration")?;
    let unit = match text.as_bytes().last() {
        Some(b's') => 1_000,
        Some(b'm') => 60_000,
        Some(b'h') => 3_600_000,
        Some(b'd') => 86_400_000,
        _ => 0,
    };
    let digits = text.get(..text.len() - 1).unwrap_or_default();
    let value: Option<i64> = digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten();
    let value = value
        .and_then(|value| value.checked_mul(unit))
        .filter(|value| unit > 0 && *value <= YEAR_MS);
    if value.is_none() {
        let help = "write a number and s, m, h or d, as `30m`, at most a year";
        sink.fault(node.span().start, format!("`{text}` is no duration"), help);
    }
    value
}
