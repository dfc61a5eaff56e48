//! Judging: loaded state + context + now -> what changes in evidence, outcomes and findings, and when to
//! look again. Pure. Owns the order of the steps; each step has its own file.
//!
//! 1. `evidence`: which items show a breach of which rule (only touched items, or all of them)
//! 2. `looked`: what each rule could look at
//! 3. `derive`: outcomes and findings from the evidence
//!
//! "Changed" always means *differs from the accepted baseline* (`changed`) or *from the ledger*
//! (`address`): no rule reads a delta, so an edited rule, entry or approval judges what is stored.

mod across;
mod address;
mod changed;
mod derive;
mod evidence;
mod looked;
mod matter;
mod silence;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use deskwarden_proto::{
    decode::{self, ItemId},
    v1::{Section, facet},
};

use crate::{
    catalogue::Classified,
    claim,
    model::{
        About, Alert, Claim, ClaimKind, DhcpRange, Evidence, Finding, FindingHistory, FindingKey, Millis,
        OutcomeRow, StoredItem,
    },
    port::{DeviceState, Op},
    register::Licence,
    rules::{ItemFacts, RuleKind, RuleSet},
};

pub(crate) use derive::unbreached;
pub use silence::{ABSENT_AFTER, Down, SILENT_AFTER, silent_from};

/// What judging reads besides the state: the rules in force, and their generation.
#[derive(Clone)]
pub struct Context {
    /// Generation in the store that this was loaded from.
    pub generation: i64,
    /// Rules, regulations, catalogue.
    pub rules: Arc<RuleSet>,
    /// Addresses that DHCP servers hand out.
    pub ranges: Arc<[DhcpRange]>,
    /// Software that was paid for.
    pub licences: Arc<[Licence]>,
    /// Times of the last weeks in which no collector was up, in their order.
    pub down: Arc<[Down]>,
    /// What a breach is given before it is one.
    pub graces: Graces,
}

/// Whether a breach has the grace of its rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Graces {
    /// As the rules say.
    #[default]
    Kept,
    /// There is one look and no second one: what it shows counts.
    Waived,
}

impl Context {
    /// The same for a single look.
    #[must_use]
    pub fn at_once(&self) -> Self {
        Self {
            graces: Graces::Waived,
            ..self.clone()
        }
    }
}

/// How much of the state is judged.
#[derive(Clone, Copy, Debug)]
pub enum Extent<'a> {
    /// Only what these items show may have changed; everything else stands as stored.
    Touched(&'a BTreeSet<ItemId>),
    /// What an edit reaches: these items, and what is about the asset as a whole.
    Edited(&'a BTreeSet<ItemId>),
    /// Everything: the state holds every item.
    Everything,
}

/// What judging says. Only differences to the stored state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Evidence new or changed.
    pub evidence_put: Vec<Evidence>,
    /// Evidence gone.
    pub evidence_gone: Vec<Evidence>,
    /// Outcomes that changed.
    pub outcomes: Vec<OutcomeRow>,
    /// Rules that are no longer in force.
    pub outcomes_gone: Vec<String>,
    /// Findings new or changed.
    pub findings: Vec<Finding>,
    /// Steps in their lives.
    pub history: Vec<(FindingKey, FindingHistory)>,
    /// Who is to be told.
    pub alerts: Vec<Alert>,
    /// What several devices say of these values is to be looked at.
    pub touched: BTreeSet<(ClaimKind, String)>,
    /// When to judge again without a report.
    pub wake_at: Option<Millis>,
}

/// Judges the asset of a device. The memo only saves work: the same facet is decoded and classified once.
pub fn judge(
    state: &DeviceState,
    extent: Extent<'_>,
    context: &Context,
    memo: &mut Memo,
    now: Millis,
) -> Verdict {
    memo.keep_to(context);
    let mut verdict = Verdict::default();
    let mut judging = Judging::new(&extent);
    let stored = if state.device.current {
        evidence::update(state, extent, context, memo, now, &mut verdict, &mut judging)
    } else {
        // A retired device's items are history and are not judged.
        state.evidence.clone()
    };
    if state.device.current {
        derive::outcomes_and_findings(state, &stored, context, &judging, now, &mut verdict);
    }
    verdict
}

/// What one judging finds out beside evidence.
struct Judging {
    /// Why rules could not look, by rule: faults of conditions, and what the register does not say.
    blind: BTreeMap<String, String>,
    /// The state holds every item: rules about the register are asked.
    everything: bool,
    /// When rules about the register are to be asked again.
    again: Option<Millis>,
}

impl Judging {
    const fn new(extent: &Extent<'_>) -> Self {
        Self {
            blind: BTreeMap::new(),
            everything: matches!(extent, Extent::Everything),
            again: None,
        }
    }

    fn again_at(&mut self, at: Millis) {
        self.again = Some(self.again.map_or(at, |known| known.min(at)));
    }
}

/// Writes a verdict as operations and folds it into the state, so that the next record of the same batch
/// is judged on top of it.
pub fn settle(state: &mut DeviceState, verdict: Verdict, context: &Context, ops: &mut Vec<Op>) {
    let asset = state.asset.id;
    licensed(&verdict, context, ops);
    for gone in &verdict.evidence_gone {
        state.evidence.retain(|e| !same_place(e, gone));
        ops.push(Op::RemoveEvidence {
            asset,
            rule: gone.rule.clone(),
            subject: gone.subject.clone(),
            item: gone.item.clone(),
        });
    }
    for put in verdict.evidence_put {
        state.evidence.retain(|e| !same_place(e, &put));
        state.evidence.push(put.clone());
        ops.push(Op::PutEvidence(put));
    }
    for rule in verdict.outcomes_gone {
        state.outcomes.retain(|row| row.rule != rule);
        ops.push(Op::RemoveOutcome { asset, rule });
    }
    for row in verdict.outcomes {
        state.outcomes.retain(|known| known.rule != row.rule);
        state.outcomes.push(row.clone());
        ops.push(Op::Outcome { asset, row });
    }
    for finding in verdict.findings {
        state.findings.retain(|known| known.key != finding.key);
        state.findings.push(finding.clone());
        ops.push(Op::PutFinding(finding));
    }
    ops.extend(
        verdict
            .history
            .into_iter()
            .map(|(finding, step)| Op::History { finding, step }),
    );
    ops.extend(verdict.alerts.into_iter().map(Op::Alert));
    let touched = verdict.touched.into_iter();
    ops.extend(touched.map(|(kind, value)| Op::Touch { kind, value, at: 0 }));
    if state.asset.judged_generation != context.generation || state.asset.wake_at != verdict.wake_at {
        state.asset.judged_generation = context.generation;
        state.asset.wake_at = verdict.wake_at;
        ops.push(Op::Judged {
            asset,
            generation: context.generation,
            wake_at: verdict.wake_at,
        });
    }
}

/// Titles whose users became more or fewer: how many they are is looked at over all PCs.
fn licensed(verdict: &Verdict, context: &Context, ops: &mut Vec<Op>) {
    let counted = |rule: &str| {
        let kind = context.rules.rule(rule).map(|rule| rule.kind);
        matches!(
            kind,
            Some(RuleKind::Cross {
                about: About::LicenceOverused,
                ..
            })
        )
    };
    let titles: BTreeSet<&str> = verdict
        .evidence_put
        .iter()
        .chain(&verdict.evidence_gone)
        .filter(|piece| counted(&piece.rule))
        .map(|piece| piece.subject_name.as_str())
        .collect();
    ops.extend(titles.into_iter().map(|title| Op::Touch {
        kind: ClaimKind::Licence,
        value: title.to_owned(),
        at: 0,
    }));
}

/// The claims that an item makes now, for cross-device rules.
pub fn item_claims(state: &DeviceState, item: &StoredItem) -> Vec<Claim> {
    if !claim::is_made_in(item.id.section) {
        return Vec::new();
    }
    decode::facet(item.id.section, &item.facet)
        .map(|kind| claim::claims_of(&kind, &item.id, state.asset.id, state.device.id))
        .unwrap_or_default()
}

fn same_place(a: &Evidence, b: &Evidence) -> bool {
    a.rule == b.rule && a.subject == b.subject && a.item == b.item
}

/// Decoded and classified facets by hash: offices are images of each other. Holds for one generation.
#[derive(Default)]
pub struct Memo {
    generation: Option<i64>,
    facets: HashMap<(Section, [u8; 32]), Arc<Understood>>,
    by_section: HashMap<Section, Vec<usize>>,
}

/// A facet as rules see it.
struct Understood {
    kind: facet::Kind,
    class: Option<Classified>,
    /// Rules whose selector takes the facet, or depends on more than the facet.
    candidates: Vec<usize>,
    /// Licensed titles that it is.
    licences: Vec<usize>,
}

/// The licensed titles that a program is, by number.
fn licences(context: &Context, kind: &facet::Kind, class: Option<&Classified>) -> Vec<usize> {
    let facet::Kind::Software(software) = kind else {
        return Vec::new();
    };
    let entry = class.map(|class| class.entry.as_str());
    let all = context.licences.iter().enumerate();
    let now = |id| context.rules.catalogue().id_now(id);
    all.filter(|(_, licence)| licence.is(entry, &software.name, &now))
        .map(|(index, _)| index)
        .collect()
}

/// The licensed titles that a program is, by name.
pub(crate) fn licensed_titles<'c>(
    context: &'c Context,
    kind: &facet::Kind,
    class: Option<&Classified>,
) -> Vec<&'c str> {
    let all = licences(context, kind, class).into_iter();
    all.filter_map(|index| context.licences.get(index))
        .map(|licence| licence.title.as_str())
        .collect()
}

/// Facets kept; beyond it the memo starts anew. Some 500 bytes each.
const MEMO_FACETS: usize = 100_000;

impl Memo {
    fn keep_to(&mut self, context: &Context) {
        if self.generation == Some(context.generation) {
            return;
        }
        self.generation = Some(context.generation);
        self.facets.clear();
        self.by_section.clear();
        for (index, rule) in context.rules.rules().iter().enumerate() {
            for section in &rule.sections {
                self.by_section.entry(*section).or_default().push(index);
            }
        }
    }

    fn rules_of(&self, section: Section) -> &[usize] {
        self.by_section.get(&section).map_or(&[], Vec::as_slice)
    }

    /// `None` when the stored bytes are of a kind that this build does not know.
    fn understand(
        &mut self,
        context: &Context,
        platform: &str,
        section: Section,
        hash: [u8; 32],
        bytes: &[u8],
    ) -> Option<Arc<Understood>> {
        if let Some(known) = self.facets.get(&(section, hash)) {
            return Some(Arc::clone(known));
        }
        let kind = decode::facet(section, bytes).ok()?;
        let class = context.rules.classify(&kind, platform);
        let facts = ItemFacts {
            section,
            source: "",
            key: "",
            principal: "",
            facet: &kind,
            local: None,
            class: class.as_ref(),
            licences: &[],
        };
        let may_match = |index: &usize| {
            let rule = context.rules.rules().get(*index);
            rule.is_some_and(|rule| !rule.selector_is_facet_only() || context.rules.selects(rule, &facts))
        };
        let candidates = self.rules_of(section).iter().copied().filter(may_match).collect();
        let licences = licences(context, &kind, class.as_ref());
        let understood = Arc::new(Understood {
            kind,
            class,
            candidates,
            licences,
        });
        if self.facets.len() >= MEMO_FACETS {
            self.facets.clear();
        }
        self.facets.insert((section, hash), Arc::clone(&understood));
        Some(understood)
    }
}
