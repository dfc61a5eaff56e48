//! What rules may refer to: regulations and their clauses, categories, catalogue entries, lists, placeholders.

use std::collections::BTreeMap;

use super::{
    regulation::{Checkable, Clause, Regulation},
    words::PLACEHOLDERS,
};
use crate::{catalogue::Category, file::read::Sink, model::Text};

/// What rules may refer to.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) regulations: BTreeMap<String, Regulation>,
    pub(crate) categories: BTreeMap<String, Category>,
    pub(crate) entries: BTreeMap<String, String>,
    pub(crate) lists: BTreeMap<String, Vec<String>>,
}

/// The clause that a label such as `PC 3.2.4` names.
pub(crate) fn clause<'k>(known: &'k Known, label: &str) -> Option<(&'k Regulation, &'k Clause)> {
    let (regulation, number) = label.trim().split_once(char::is_whitespace)?;
    let regulation = known.regulations.get(regulation)?;
    regulation
        .clause(number.trim())
        .map(|clause| (regulation, clause))
}

/// The clause that a rule is said to prove a breach of; faults for one that is not there and for one that nothing proves.
pub(crate) fn cited(sink: &mut Sink<'_>, known: &Known, label: &str, at: usize) -> Option<(String, String)> {
    let Some((regulation, clause)) = clause(known, label) else {
        let ids: Vec<&str> = known.regulations.keys().map(String::as_str).collect();
        let help = format!(
            "cite a clause of a loaded regulation ({}), as `PC 3.2.4`",
            ids.join(", ")
        );
        sink.fault(at, format!("there is no clause `{label}`"), help);
        return None;
    };
    if clause.checkable == Checkable::No {
        sink.fault(
            at,
            format!(
                "no rule can prove a breach of clause `{label}`: its regulation says that it is not checkable"
            ),
            "cite another clause, or write `checkable = \"rules\"` where the clause is your own",
        );
    }
    Some((regulation.id.clone(), clause.number.clone()))
}

/// Faults for placeholders that nothing fills.
pub(crate) fn placeholders(sink: &mut Sink<'_>, at: usize, key: &str, text: &Text) {
    for words in [&text.zh, &text.en] {
        let mut rest = words.as_str();
        while let Some((_, after)) = rest.split_once('{') {
            let name = after.split_once('}').map(|(name, _)| name);
            match name {
                Some(name) if PLACEHOLDERS.contains(&name) => {}
                _ => {
                    let name = name.unwrap_or(after);
                    let known = PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(", ");
                    sink.fault(
                        at,
                        format!("`{key}` has an unknown placeholder {{{name}}}"),
                        format!("use {known}"),
                    );
                }
            }
            rest = after;
        }
    }
}
