//! What an edit of rules, lists or the catalogue reaches: only that is judged anew. A fact that many devices share is
//! asked once, not once per device. Pure; decides nothing about findings, that is [`crate::judge`].

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use deskwarden_proto::{
    decode,
    v1::{Section, facet},
};

use crate::{
    judge::{self, Context},
    model::{About, Asset, SourceStatus},
    port::Op,
    rules::{ItemFacts, Rule, RuleKind},
};

/// Platforms that entries of the catalogue tell apart.
const PLATFORMS: [&str; 2] = ["linux-x86_64", "windows-x86_64"];

/// What differs between two contexts, as far as judging can see it.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    rules: BTreeSet<String>,
    sections: BTreeSet<Section>,
    everyone: bool,
    /// Rules whose outcome alone may be another on an asset that shows nothing of them: indices into the rules after.
    outcomes: Vec<usize>,
    gone: Vec<String>,
    whole: bool,
    classes: bool,
    /// Licensed titles are others, or their programs are.
    licences: bool,
    /// Changed rules that match items by themselves, by section: indices into the rules after.
    matching: BTreeMap<Section, Vec<usize>>,
}

impl Reach {
    /// What the step from one context to the next reaches.
    pub fn between(before: &Context, after: &Context) -> Self {
        let mut reach = Self {
            classes: before.rules.catalogue_print() != after.rules.catalogue_print(),
            licences: before.licences != after.licences,
            ..Self::default()
        };
        for (index, rule) in after.rules.rules().iter().enumerate() {
            let was = before.rules.rule(&rule.id);
            if was.is_some_and(|was| was.print() == rule.print()) {
                continue;
            }
            reach.rules.insert(rule.id.clone());
            match concern(was, rule) {
                Concern::Holders => {}
                Concern::Outcome => reach.outcomes.push(index),
                Concern::Everyone => reach.everyone = true,
            }
            match rule.kind {
                RuleKind::Item | RuleKind::Absent | RuleKind::Count { .. } => {
                    for section in &rule.sections {
                        reach.matching.entry(*section).or_default().push(index);
                    }
                }
                // What is gone matches too: there is no fact to ask.
                RuleKind::Changed | RuleKind::Address => reach.sections.extend(&rule.sections),
                RuleKind::Register { .. } => reach.whole = true,
                RuleKind::Asset | RuleKind::Cross { .. } => {}
            }
        }
        for gone in before.rules.rules() {
            if after.rules.rule(&gone.id).is_none() {
                reach.rules.insert(gone.id.clone());
                reach.gone.push(gone.id.clone());
            }
        }
        if reach.licences {
            let counted = after.rules.rules().iter();
            let counted = counted.filter(|rule| {
                matches!(
                    rule.kind,
                    RuleKind::Cross {
                        about: About::LicenceOverused,
                        ..
                    }
                )
            });
            reach.rules.extend(counted.map(|rule| rule.id.clone()));
        }
        if before.ranges != after.ranges {
            reach.sections.insert(Section::Network);
        }
        reach.everyone |= !reach.sections.is_empty();
        reach
    }

    /// Whether judging would say the same of everything.
    pub fn is_nothing(&self) -> bool {
        self.rules.is_empty() && self.sections.is_empty() && !self.classes && !self.licences
    }

    /// Rules that changed, came or went: whatever shows a breach of them is looked at again.
    pub const fn rules(&self) -> &BTreeSet<String> {
        &self.rules
    }

    /// Sections that are looked at again as a whole, on every device.
    pub const fn sections(&self) -> &BTreeSet<Section> {
        &self.sections
    }

    /// Whether every asset is to be judged, whatever it holds.
    pub const fn everyone(&self) -> bool {
        self.everyone
    }

    /// Whether an asset that shows nothing of these rules may have another outcome all the same: then
    /// [`Self::outcomes`] says which, and nothing else of it changes.
    pub const fn asks_outcomes(&self) -> bool {
        !self.outcomes.is_empty() || !self.gone.is_empty()
    }

    /// What changes on an asset that shows nothing of these rules and whose sources are these.
    pub fn outcomes(&self, after: &Context, asset: &Asset, sources: &[SourceStatus]) -> Vec<Op> {
        let rules = self.outcomes.iter();
        let mut ops: Vec<Op> = rules
            .filter_map(|index| after.rules.rules().get(*index))
            .map(|rule| match judge::unbreached(rule, asset, sources) {
                Some(row) => Op::Outcome { asset: asset.id, row },
                None => Op::RemoveOutcome {
                    asset: asset.id,
                    rule: rule.id.clone(),
                },
            })
            .collect();
        ops.extend(self.gone.iter().map(|rule| Op::RemoveOutcome {
            asset: asset.id,
            rule: rule.clone(),
        }));
        ops
    }

    /// Whether a rule changed that needs a look at everything that an asset is: then each is judged by itself.
    pub const fn needs_everything(&self) -> bool {
        self.whole
    }

    /// Whether facts decide at all; without that none need be asked.
    pub fn asks_facts(&self) -> bool {
        self.classes || self.licences || !self.matching.is_empty()
    }

    /// Whether items with this fact must be looked at again. `bytes` is an encoded facet.
    pub fn takes(&self, before: &Context, after: &Context, bytes: &[u8]) -> bool {
        let Some(section) = section_of(bytes) else {
            return false;
        };
        let matching = self.matching.get(&section).map_or(&[][..], Vec::as_slice);
        let classified = matches!(
            section,
            Section::Software | Section::Process | Section::Listener | Section::Egress
        );
        let licensed = self.licences && section == Section::Software;
        if matching.is_empty() && !(self.classes && classified) && !licensed {
            return false;
        }
        let Ok(kind) = decode::facet(section, bytes) else {
            return false;
        };
        PLATFORMS
            .iter()
            .any(|platform| self.takes_on(platform, before, after, section, &kind, matching))
    }

    fn takes_on(
        &self,
        platform: &str,
        before: &Context,
        after: &Context,
        section: Section,
        kind: &facet::Kind,
        matching: &[usize],
    ) -> bool {
        let class = after.rules.classify(kind, platform);
        if self.classes && before.rules.classify(kind, platform) != class {
            return true;
        }
        if self.licences
            && judge::licensed_titles(before, kind, class.as_ref())
                != judge::licensed_titles(after, kind, class.as_ref())
        {
            return true;
        }
        let facts = ItemFacts {
            section,
            source: "",
            key: "",
            principal: "",
            facet: kind,
            local: None,
            class: class.as_ref(),
            licences: &[],
        };
        matching
            .iter()
            .filter_map(|index| after.rules.rules().get(*index))
            .any(|rule| !rule.selector_is_facet_only() || after.rules.selects(rule, &facts))
    }
}

/// Whom a rule that came or changed concerns beside the assets that hold or show what it is about.
enum Concern {
    /// Nobody.
    Holders,
    /// Everybody, but only in its outcome.
    Outcome,
    /// Everybody: who shows nothing may breach it.
    Everyone,
}

fn concern(was: Option<&Rule>, is: &Rule) -> Concern {
    let other_kind = was.is_some_and(|was| mem::discriminant(&was.kind) != mem::discriminant(&is.kind));
    match is.kind {
        RuleKind::Absent | RuleKind::Asset | RuleKind::Cross { .. } | RuleKind::Register { .. } => {
            Concern::Everyone
        }
        _ if other_kind => Concern::Everyone,
        // The sections of these are looked at as a whole anyway.
        RuleKind::Changed | RuleKind::Address => Concern::Everyone,
        // Whom a rule applies to decides who has an outcome at all.
        RuleKind::Item | RuleKind::Count { .. }
            if was.is_none_or(|was| was.needs != is.needs || was.scope != is.scope) =>
        {
            Concern::Outcome
        }
        RuleKind::Item | RuleKind::Count { .. } => Concern::Holders,
    }
}

/// The section that an encoded facet is of: its first byte is the tag of the one field that is set.
fn section_of(bytes: &[u8]) -> Option<Section> {
    let tag = *bytes.first()?;
    Section::try_from(i32::from(tag >> 3)).ok()
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::{
        Message as _, section,
        v1::{Facet, Health, Software},
    };

    use super::*;

    #[test]
    fn the_first_byte_of_a_facet_tells_its_section() {
        let bytes = |kind| Facet { kind: Some(kind) }.encode_to_vec();
        let software = bytes(facet::Kind::Software(Software::default()));
        let health = bytes(facet::Kind::Health(Health::default()));
        assert_eq!(section_of(&software), Some(Section::Software));
        assert_eq!(section_of(&health), Some(Section::Health));
        assert_eq!(section_of(&[]), None);
        // Tags of sections are one byte as long as there are no more than fifteen.
        assert!(section::ALL.len() <= 15);
    }
}
