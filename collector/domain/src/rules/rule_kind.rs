//! Reads the `kind` of a `[[rule]]`, with what it is `about` and how many are allowed.

use super::{
    rule::{Alteration, Aspect, RuleKind},
    rule_parts::{duration, named},
};
use crate::{
    file::read::{self, Fields, Node, Sink},
    model::{About, Matter},
};

/// What a rule of some kinds is limited to.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub(crate) aspects: Vec<Aspect>,
    pub(crate) alterations: Vec<Alteration>,
}

/// The kind, and what it is limited to; `None` for no kind that there is.
pub(crate) fn kind(sink: &mut Sink<'_>, fields: &mut Fields<'_>) -> (Option<RuleKind>, Limits) {
    let kind = fields.text(sink, "kind");
    let more_than = fields.optional("more_than");
    let after = fields.optional("after");
    let mut limits = Limits::default();
    let Some((name, span)) = kind else {
        return (None, limits);
    };
    let limit = |sink: &mut Sink<'_>| {
        if more_than.is_none() {
            sink.fault(
                span.start,
                format!("a rule of kind `{name}` has no limit"),
                "add `more_than = 1`",
            );
        }
        more_than.and_then(|node| read::number(sink, node, "more_than"))
    };
    let mut is_about = false;
    let kind = match name.as_str() {
        "item" => Some(RuleKind::Item),
        "absent" => Some(RuleKind::Absent),
        "changed" => {
            is_about = true;
            let known = |name: &str| Alteration::ALL.into_iter().find(|one| one.name() == name);
            let all = Alteration::ALL.map(Alteration::name);
            limits.alterations = several(sink, fields, "way to differ", &all, known);
            Some(RuleKind::Changed)
        }
        "asset" => Some(RuleKind::Asset),
        "count" => limit(sink).map(|more_than| RuleKind::Count { more_than }),
        "address" => {
            is_about = true;
            let known = |name: &str| Aspect::ALL.into_iter().find(|one| one.name() == name);
            let all = Aspect::ALL.map(Aspect::name);
            limits.aspects = several(sink, fields, "side of an address", &all, known);
            Some(RuleKind::Address)
        }
        "cross" => {
            is_about = true;
            fields
                .text(sink, "about")
                .and_then(|(name, span)| about(sink, &name, span.start))
                .and_then(|about| {
                    let more_than = match about {
                        About::ManyAddresses => limit(sink)?,
                        _ => 0,
                    };
                    Some(RuleKind::Cross { about, more_than })
                })
        }
        "register" => {
            is_about = true;
            let about = fields
                .text(sink, "about")
                .and_then(|(name, span)| matter(sink, &name, span.start));
            about.and_then(|about| {
                let after_ms = match (waits(about), after) {
                    (true, Some(node)) => duration(sink, node)?,
                    (true, None) => {
                        let what = format!("a rule about `{}` does not say after how long", about.name());
                        sink.fault(span.start, what, "add `after = \"7d\"`");
                        return None;
                    }
                    (false, Some(node)) => {
                        let what = format!("a rule about `{}` has no `after`", about.name());
                        sink.fault(node.span().start, what, "remove it");
                        return None;
                    }
                    (false, None) => 0,
                };
                Some(RuleKind::Register { about, after_ms })
            })
        }
        _ => {
            let help = "use item, absent, count, changed, address, cross, register or asset";
            sink.fault(span.start, format!("`{name}` is no kind of rule"), help);
            return (None, limits);
        }
    };
    if let (Some(node), false) = (after, name == "register") {
        sink.fault(
            node.span().start,
            format!("a rule of kind `{name}` has no `after`"),
            "remove it, or use `grace`",
        );
    }
    if let (false, Some(node)) = (is_about, fields.optional("about")) {
        sink.fault(
            node.span().start,
            format!("a rule of kind `{name}` has no `about`"),
            "remove it, or use `changed`, `address`, `cross` or `register`",
        );
    }
    let counts = matches!(
        kind,
        Some(
            RuleKind::Count { .. }
                | RuleKind::Cross {
                    about: About::ManyAddresses,
                    ..
                }
        )
    );
    if let (Some(node), false) = (more_than, counts || kind.is_none()) {
        not_counted(sink, node, &name);
    }
    (kind, limits)
}

fn not_counted(sink: &mut Sink<'_>, node: &Node<'_>, name: &str) {
    sink.fault(
        node.span().start,
        format!("a rule of kind `{name}` has no `more_than`"),
        "remove it, or use `count`",
    );
}

/// Whether time decides such a matter.
const fn waits(about: Matter) -> bool {
    !matches!(
        about,
        Matter::TransferFormOverdue | Matter::SubnetForbidden | Matter::Unsupervised
    )
}

fn matter(sink: &mut Sink<'_>, name: &str, at: usize) -> Option<Matter> {
    let all = Matter::ALL.map(Matter::name).join(", ");
    named(
        sink,
        Matter::by_name(name),
        name,
        at,
        "matter of the register",
        &format!("one of: {all}"),
    )
}

fn about(sink: &mut Sink<'_>, name: &str, at: usize) -> Option<About> {
    let all = About::ALL.map(About::name).join(", ");
    named(
        sink,
        About::by_name(name),
        name,
        at,
        "matter of several devices",
        &format!("one of: {all}"),
    )
}

/// The values of `about` where it is a list of known names.
fn several<T>(
    sink: &mut Sink<'_>,
    fields: &mut Fields<'_>,
    what: &str,
    all: &[&str],
    known: impl Fn(&str) -> Option<T>,
) -> Vec<T> {
    let help = format!("one of: {}", all.join(", "));
    fields
        .texts(sink, "about")
        .into_iter()
        .filter_map(|(name, span)| named(sink, known(&name), &name, span.start, what, &help))
        .collect()
}
