//! What tells one state of a rule or of the catalogue from another without comparing everything: its text as it was
//! written, with the lists that it names and what other files adjust.

use std::collections::BTreeMap;

use deskwarden_proto::digest;
use toml::de::{DeTable, DeValue};

use super::rule::{Rule, RuleKind};

/// The list of accounts of which several people have the password: rules about the register read it by themselves.
pub(crate) const SHARED_ACCOUNTS: &str = "shared_accounts";

/// Offsets at which tables of a file begin, in their order.
pub(crate) fn starts(document: &DeTable<'_>) -> Vec<usize> {
    let mut starts = Vec::new();
    for (name, value) in document.iter() {
        match value.get_ref() {
            DeValue::Array(all) => starts.extend(all.iter().map(|one| one.span().start)),
            _ => starts.push(name.span().start),
        }
    }
    starts.sort_unstable();
    starts
}

/// The text of the table that begins at `at`, up to the next one.
pub(crate) fn text<'c>(content: &'c str, starts: &[usize], at: usize) -> &'c str {
    let next = starts.partition_point(|start| *start <= at);
    let end = starts.get(next).copied().unwrap_or(content.len());
    let text = content.get(at..end).unwrap_or_default();
    // The comment above the next table is not part of this one.
    let mut kept = text.trim_end();
    while let Some((before, last)) = kept.rsplit_once('\n') {
        let last = last.trim();
        if !(last.is_empty() || last.starts_with('#') || last == "[") {
            break;
        }
        kept = before.trim_end();
    }
    kept
}

/// The print of a rule that was read and adjusted.
pub(crate) fn of(rule: &Rule, lists: &BTreeMap<String, Vec<String>>) -> [u8; 32] {
    let mut all = format!(
        "{}\u{0}{:?}\u{0}{}\u{0}{}\u{0}{:?}",
        rule.text,
        rule.severity,
        rule.clause_label(),
        rule.grace_ms,
        rule.scope
    );
    // A name within another one only makes it differ too often.
    // Rules about the register read this list by themselves.
    let reads = |name: &str| {
        rule.text.contains(name) || matches!(rule.kind, RuleKind::Register { .. }) && name == SHARED_ACCOUNTS
    };
    for (name, values) in lists.iter().filter(|(name, _)| reads(name)) {
        all.push('\u{0}');
        all.push_str(name);
        for value in values {
            all.push('\u{1}');
            all.push_str(value);
        }
    }
    digest::payload(all.as_bytes())
}

/// The print of the catalogue: of all files that speak of it.
pub(crate) fn of_catalogue<'c>(files: impl Iterator<Item = &'c str>) -> [u8; 32] {
    let mut all = String::new();
    let tables = ["[[entry]]", "[[programs]]", "[[category]]"];
    for content in files.filter(|content| tables.iter().any(|table| content.contains(table))) {
        all.push_str(content);
        all.push('\u{0}');
    }
    digest::payload(all.as_bytes())
}
