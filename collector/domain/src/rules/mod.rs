//! Rules, regulations and lists of the packs, loaded from TOML, checked as a whole and asked by judging.
//! Owns what a rule matches; not what a match means over time (that is judging), nor where files come from.

mod amend;
mod bounds;
mod brackets;
pub mod choice;
mod condition;
pub mod explain;
mod facts;
mod fields;
mod known;
mod load;
mod pattern;
mod print;
mod regulation;
mod rule;
mod rule_kind;
mod rule_parts;
mod rule_reader;
mod samples;
mod selector;
mod subject;
mod surroundings;
mod tree;
mod values;
mod variables;
mod words;

use deskwarden_proto::v1::facet;

use crate::catalogue::{Catalogue, Classified};
use load::Parts;

pub use crate::file::{Fault, RuleFile};
pub use condition::ConditionFault;
pub use explain::detail;
pub use facts::{AssetFacts, ItemFacts};
pub(crate) use print::SHARED_ACCOUNTS;
pub use regulation::{Checkable, Clause, Regulation};
pub use rule::{Alteration, Aspect, Need, Orders, Rule, RuleKind, Scope, SubjectKind};
pub use subject::{Subject, name_of};
pub(crate) use surroundings::next_turn;
pub use variables::condition_fields;
pub use words::{PLACEHOLDERS, Words, fill};

/// Everything that rule files say, checked as a whole. Immutable: an edit makes a new set.
#[derive(Debug)]
pub struct RuleSet {
    parts: Parts,
}

impl RuleSet {
    /// The set, or every fault of every file at once. Nothing is half-loaded.
    pub fn load(files: &[RuleFile<'_>]) -> Result<Self, Vec<Fault>> {
        Self::load_beside(files, &|_| false)
    }

    /// As [`Self::load`], where the files named by `standing` are there already: what one of them and another
    /// file both say is the fault of the other.
    pub fn load_beside(files: &[RuleFile<'_>], standing: &dyn Fn(&str) -> bool) -> Result<Self, Vec<Fault>> {
        load::load(files, standing).map(|parts| Self { parts })
    }

    /// Rules in force, by id.
    pub fn rules(&self) -> &[Rule] {
        &self.parts.rules
    }

    /// Rules that are switched off, by id: known, never judged.
    pub fn disabled(&self) -> &[Rule] {
        &self.parts.disabled
    }

    /// The rule of that id, if it is in force.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.parts
            .rules
            .binary_search_by(|rule| rule.id.as_str().cmp(id))
            .ok()
            .and_then(|at| self.parts.rules.get(at))
    }

    /// Regulations, by id.
    pub fn regulations(&self) -> &[Regulation] {
        &self.parts.regulations
    }

    /// The software catalogue.
    pub const fn catalogue(&self) -> &Catalogue {
        &self.parts.catalogue
    }

    /// Differs when the catalogue may know a program as something else than before.
    pub const fn catalogue_print(&self) -> [u8; 32] {
        self.parts.catalogue_print
    }

    /// The values of a named list; empty where there is no such list.
    pub fn list(&self, name: &str) -> &[String] {
        self.parts.lists.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// What the catalogue knows the facet as. Only software, processes, listeners and outgoing connections
    /// are classified. `platform` is the device's (`linux-x86_64`).
    pub fn classify(&self, facet: &facet::Kind, platform: &str) -> Option<Classified> {
        self.parts.catalogue.classify(facet, platform)
    }

    /// Whether the rule's selector takes the item. Cacheable per facet hash and class where
    /// [`Rule::selector_is_facet_only`]. Says nothing of scope and condition.
    pub fn selects(&self, rule: &Rule, item: &ItemFacts<'_>) -> bool {
        rule.sections.contains(&item.section) && rule.selector.takes(item)
    }

    /// Whether the rule's condition holds; true where it has none. Ask only for items that were selected.
    pub fn condition_holds(
        &self,
        rule: &Rule,
        item: Option<&ItemFacts<'_>>,
        asset: &AssetFacts<'_>,
        baseline: Option<&facet::Kind>,
    ) -> Result<bool, ConditionFault> {
        let Some(condition) = &rule.condition else {
            return Ok(true);
        };
        self.parts
            .engine
            .holds(condition, item, asset, baseline)
            .map_err(|reason| ConditionFault {
                rule: rule.id.clone(),
                reason,
            })
    }

    /// Rules that prove a breach of the clause of a label (`PC 3.2.4`); none where the findings of all of them cite it.
    pub fn proving(&self, label: &str) -> Vec<String> {
        let Some((regulation, number)) = label.split_once(' ') else {
            return Vec::new();
        };
        let rules = self.rules().iter();
        let rules: Vec<&Rule> = rules.filter(|rule| rule.proves(regulation, number)).collect();
        if rules.iter().all(|rule| rule.clause_label() == label) {
            return Vec::new();
        }
        rules.into_iter().map(|rule| rule.id.clone()).collect()
    }

    /// Scope, selector and condition together.
    pub fn item_matches(
        &self,
        rule: &Rule,
        item: &ItemFacts<'_>,
        asset: &AssetFacts<'_>,
        baseline: Option<&facet::Kind>,
    ) -> Result<bool, ConditionFault> {
        if !rule.scope.covers(asset.asset) || !self.selects(rule, item) {
            return Ok(false);
        }
        self.condition_holds(rule, Some(item), asset, baseline)
    }

    /// For [`RuleKind::Asset`]: whether scope and condition hold of the asset.
    pub fn asset_matches(&self, rule: &Rule, asset: &AssetFacts<'_>) -> Result<bool, ConditionFault> {
        if !rule.scope.covers(asset.asset) {
            return Ok(false);
        }
        self.condition_holds(rule, None, asset, None)
    }

    /// What a finding of the rule on this item is about.
    pub fn subject(&self, rule: &Rule, item: &ItemFacts<'_>) -> Subject {
        subject::subject(rule, item)
    }

    /// For [`RuleKind::Changed`]: the fields that differ, apart from those that the rule ignores, as
    /// `{field: {before, after}}`; empty when nothing that matters differs.
    pub fn changes(
        &self,
        rule: &Rule,
        before: &facet::Kind,
        after: &facet::Kind,
    ) -> serde_json::Map<String, serde_json::Value> {
        explain::changes(before, after, &rule.ignore)
    }
}
