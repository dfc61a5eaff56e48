//! Reads one `[[rule]]` table and checks that its parts fit together.

use std::ops::Range;

use deskwarden_proto::{section, v1::Section};

use super::{
    condition::{self, Patterns, Place},
    fields::field_type,
    known::{Known, cited, placeholders},
    rule::{Rule, RuleKind, SubjectKind},
    rule_kind::kind,
    rule_parts::{duration, known_section, named, needs, orders, scope},
    selector::{self, Selector},
};
use crate::{
    file::read::{self, Fields, Sink},
    model::{ClaimKind, Severity, Text},
};

/// The rule, and where its condition stands; `None` when too much is wrong to go on. Faults are in the sink.
pub(crate) fn read(
    sink: &mut Sink<'_>,
    mut fields: Fields<'_>,
    known: &Known,
    patterns: &mut Patterns,
) -> Option<(Rule, Option<Range<usize>>)> {
    let at = fields.at();
    let id = fields
        .text(sink, "id")
        .filter(|(id, span)| read::id(sink, id, span.start));
    let clause = fields
        .text(sink, "clause")
        .and_then(|(label, span)| cited(sink, known, &label, span.start));
    let also = cited_too(sink, &mut fields, known, clause.as_ref());
    let severity = fields.text(sink, "severity").and_then(|(name, span)| {
        named(
            sink,
            Severity::by_name(&name),
            &name,
            span.start,
            "severity",
            "low, medium, high or critical",
        )
    });
    let title = words(sink, &mut fields, "title");
    let message = words(sink, &mut fields, "message");
    let remedy = words(sink, &mut fields, "remedy");
    let (kind, limits) = kind(sink, &mut fields);
    let names_sections = fields.optional("sections").is_some();
    let sections = sections(sink, &mut fields, kind);
    let select = fields.optional("select");
    let selector = select
        .map(|node| selector::read(sink, node, &sections, known))
        .unwrap_or_default();
    let needs = needs(sink, &mut fields, &sections);
    let subject = subject(sink, &mut fields, kind, &selector, &sections);
    let grace_ms = fields
        .optional("grace")
        .and_then(|node| duration(sink, node))
        .unwrap_or(0);
    let scope = fields
        .optional("scope")
        .map(|node| scope(sink, node))
        .unwrap_or_default();
    let ignore = ignore(sink, &mut fields, kind, &sections);
    let orders = orders(sink, &mut fields, kind);
    let enabled = fields
        .optional("enabled")
        .is_none_or(|node| read::flag(sink, node, "enabled").unwrap_or(true));
    let alert = fields
        .optional("alert")
        .is_none_or(|node| read::flag(sink, node, "alert").unwrap_or(true));
    let when = fields.optional("when");
    fields.finish(sink);
    let kind = kind?;
    // Of what a condition sees without its sections nothing can be said.
    let misnamed = names_sections && sections.is_empty() && kind != RuleKind::Asset;
    let condition = when.filter(|_| !misnamed).and_then(|node| {
        let source = read::text(sink, node, "when")?;
        let lists: Vec<&str> = known.lists.keys().map(String::as_str).collect();
        let place = Place {
            span: &node.span(),
            sections: &sections,
            lists: &lists,
        };
        condition::compile(sink, source, place, patterns)
    });
    match kind {
        RuleKind::Asset if when.is_none() => {
            sink.fault(
                at,
                "a rule of kind `asset` has no condition",
                "add `when = \"..\"`",
            );
        }
        RuleKind::Asset if select.is_some() => {
            sink.fault(
                at,
                "a rule of kind `asset` selects no items",
                "use `when` instead of `select`",
            );
        }
        RuleKind::Register { .. } if when.is_some() || select.is_some() => {
            sink.fault(
                at,
                "a rule of kind `register` selects no items",
                "remove `select` and `when`; `scope` may limit it",
            );
        }
        RuleKind::Register { .. } if grace_ms > 0 => {
            sink.fault(
                at,
                "a rule of kind `register` has no grace",
                "use `after` where the matter has it",
            );
        }
        RuleKind::Cross { .. } if when.is_some() || select.is_some() => {
            sink.fault(
                at,
                "a rule of kind `cross` selects no items",
                "remove `select` and `when`; `scope` may limit it",
            );
        }
        RuleKind::Cross { .. } if !alert => {
            sink.fault(at, "a rule of kind `cross` is always told", "remove `alert`");
        }
        RuleKind::Cross { .. } if grace_ms > 0 => {
            sink.fault(at, "a rule of kind `cross` has no grace", "remove `grace`");
        }
        RuleKind::Item | RuleKind::Absent if select.is_none() && when.is_none() => {
            sink.fault(at, "the rule would match every item", "add `select` or `when`");
        }
        _ => {}
    }
    let (regulation, clause) = clause?;
    let rule = Rule {
        id: id?.0,
        regulation,
        clause,
        also,
        severity: severity?,
        title: title?,
        message: message?,
        remedy: remedy?,
        kind,
        sections,
        needs,
        subject,
        grace_ms,
        scope,
        ignore,
        aspects: limits.aspects,
        alterations: limits.alterations,
        orders,
        enabled,
        alert,
        selector,
        condition,
        text: String::new(),
        print: [0; 32],
    };
    Some((rule, when.map(|node| node.span())))
}

/// The other clauses of `also`; none of them twice.
fn cited_too(
    sink: &mut Sink<'_>,
    fields: &mut Fields<'_>,
    known: &Known,
    clause: Option<&(String, String)>,
) -> Vec<(String, String)> {
    let mut also = Vec::new();
    for (label, span) in fields.texts(sink, "also") {
        let Some(found) = cited(sink, known, &label, span.start) else {
            continue;
        };
        if clause == Some(&found) || also.contains(&found) {
            sink.fault(
                span.start,
                format!("the rule cites `{label}` already"),
                "remove one of them",
            );
        } else {
            also.push(found);
        }
    }
    also
}

fn words(sink: &mut Sink<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<Text> {
    let at = fields.optional(key).map_or(fields.at(), |node| node.span().start);
    let text = fields.words(sink, key)?;
    placeholders(sink, at, key, &text);
    Some(text)
}

fn sections(sink: &mut Sink<'_>, fields: &mut Fields<'_>, kind: Option<RuleKind>) -> Vec<Section> {
    let mut found = Vec::new();
    for (name, span) in fields.texts(sink, "sections") {
        let Some(section) = known_section(sink, &name, span.start) else {
            continue;
        };
        if kind == Some(RuleKind::Changed) && !section::has_baseline(section) {
            sink.fault(
                span.start,
                format!("section {name} has no accepted baseline"),
                "use part, network or account",
            );
        }
        if found.contains(&section) {
            sink.fault(
                span.start,
                format!("section {name} stands here twice"),
                "remove one of them",
            );
        } else {
            found.push(section);
        }
    }
    match kind {
        Some(RuleKind::Cross { about, .. }) => {
            if !found.is_empty() {
                sink.fault(
                    fields.at(),
                    "a rule of kind `cross` names no sections",
                    "remove `sections`",
                );
            }
            return match about.kind() {
                ClaimKind::PartSerial => vec![Section::Part],
                ClaimKind::Media => vec![Section::Media],
                ClaimKind::Licence => vec![Section::Software],
                ClaimKind::Ip | ClaimKind::Mac => vec![Section::Network],
            };
        }
        Some(RuleKind::Register { about, .. }) => {
            if !found.is_empty() {
                sink.fault(
                    fields.at(),
                    "a rule of kind `register` names no sections",
                    "remove `sections`",
                );
            }
            return about.sections().to_vec();
        }
        Some(RuleKind::Address) => {
            if !found.iter().all(|section| *section == Section::Network) {
                sink.fault(
                    fields.at(),
                    "a rule of kind `address` is about section network only",
                    "remove `sections`",
                );
            }
            return vec![Section::Network];
        }
        Some(RuleKind::Asset) if !found.is_empty() => {
            sink.fault(
                fields.at(),
                "a rule of kind `asset` is about no section",
                "remove `sections`",
            );
            return Vec::new();
        }
        Some(RuleKind::Asset) | None => {}
        // A name that is none was told where it stands.
        Some(_) if fields.optional("sections").is_none() => {
            sink.fault(
                fields.at(),
                "`sections` is missing",
                "add `sections = [\"software\"]`",
            );
        }
        Some(_) => {}
    }
    found
}

fn subject(
    sink: &mut Sink<'_>,
    fields: &mut Fields<'_>,
    kind: Option<RuleKind>,
    selector: &Selector,
    sections: &[Section],
) -> SubjectKind {
    let by_default = match kind {
        Some(RuleKind::Asset | RuleKind::Absent | RuleKind::Count { .. } | RuleKind::Register { .. }) => {
            SubjectKind::Asset
        }
        _ if selector.asks_catalogue() => SubjectKind::Catalogue,
        _ => SubjectKind::Key,
    };
    let Some(node) = fields.optional("subject") else {
        return by_default;
    };
    let Some(text) = read::text(sink, node, "subject") else {
        return by_default;
    };
    match text.split_once(':') {
        None if text == "key" => SubjectKind::Key,
        None if text == "catalogue" => SubjectKind::Catalogue,
        None if text == "asset" => SubjectKind::Asset,
        Some(("field", name)) => {
            for of in sections.iter().filter(|of| field_type(**of, name).is_none()) {
                let what = format!("items of section {} have no field `{name}`", section::name(*of));
                sink.fault(
                    node.span().start,
                    what,
                    "name a field of every section of the rule",
                );
            }
            SubjectKind::Field(name.to_owned())
        }
        _ => {
            let help = "use key, catalogue, asset or field:<name>";
            sink.fault(node.span().start, format!("`{text}` is no subject"), help);
            by_default
        }
    }
}

fn ignore(
    sink: &mut Sink<'_>,
    fields: &mut Fields<'_>,
    kind: Option<RuleKind>,
    sections: &[Section],
) -> Vec<String> {
    let mut names = Vec::new();
    for (name, span) in fields.texts(sink, "ignore") {
        if !matches!(kind, Some(RuleKind::Changed | RuleKind::Address)) {
            sink.fault(
                span.start,
                "only rules about changes ignore fields",
                "remove `ignore`",
            );
        } else if !sections.iter().any(|of| field_type(*of, &name).is_some()) {
            sink.fault(
                span.start,
                format!("no section of the rule has a field `{name}`"),
                "correct the name",
            );
        }
        names.push(name);
    }
    names
}
