//! Words of rules and clauses for pages. A rule that is no longer in force keeps its id.

use deskwarden_domain::{
    model::Lang,
    operations::Kind,
    rules::{Checkable, Rule, RuleSet},
};

/// Title of a rule.
pub(super) fn title<'a>(rules: &'a RuleSet, id: &'a str, lang: Lang) -> &'a str {
    find(rules, id).map_or_else(
        || Kind::by_rule(id).map_or(id, |kind| kind.title(lang)),
        |rule| rule.title.get(lang),
    )
}

/// A rule, in force or switched off.
pub(super) fn find<'a>(rules: &'a RuleSet, id: &str) -> Option<&'a Rule> {
    rules
        .rule(id)
        .or_else(|| rules.disabled().iter().find(|rule| rule.id == id))
}

/// A clause with its regulation's title, by label (`PC 3.2.4`).
pub(super) struct ClauseWords<'a> {
    /// Title of the regulation.
    pub(super) regulation: &'a str,
    /// What the clause demands.
    pub(super) wording: &'a str,
}

/// The words of a clause; `None` when no regulation in force has it.
pub(super) fn clause<'a>(rules: &'a RuleSet, label: &str, lang: Lang) -> Option<ClauseWords<'a>> {
    let (id, number) = label.split_once(' ')?;
    let regulation = rules
        .regulations()
        .iter()
        .find(|regulation| regulation.id == id)?;
    let clause = regulation.clause(number)?;
    Some(ClauseWords {
        regulation: regulation.title.get(lang),
        wording: clause.wording.get(lang),
    })
}

/// Labels of all clauses that rules in force prove breaches of, in the order of the regulations.
pub(super) fn clauses(rules: &RuleSet) -> Vec<String> {
    let mut labels: Vec<String> = rules
        .regulations()
        .iter()
        .flat_map(|regulation| {
            let checked = regulation
                .clauses
                .iter()
                .filter(|clause| clause.checkable == Checkable::Rules);
            checked.map(move |clause| format!("{} {}", regulation.id, clause.number))
        })
        .collect();
    for rule in rules.rules() {
        let label = rule.clause_label();
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}
