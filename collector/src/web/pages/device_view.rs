//! Parts of the device page: sources, items with their fields, outcomes, lines of the timeline.

use deskwarden_domain::{
    model::{ChangeKind, Lang, Millis, Outcome, OutcomeRow, SourceStatus},
    port::{ChangeRow, ItemRow},
    rules::RuleSet,
};
use deskwarden_proto::{section, v1::Section};

use crate::web::{
    badge::{self, Badge},
    facts::{self, Difference, Field, Shown},
    rulewords,
    text::{Agent, agent_text},
};

/// A source and how it was looked at.
pub(super) struct SourceLine {
    pub(super) section: &'static str,
    pub(super) source: Agent,
    pub(super) look: Badge,
    pub(super) reason: Agent,
    pub(super) since: Millis,
}

impl SourceLine {
    pub(super) fn new(source: &SourceStatus, lang: Lang) -> Self {
        Self {
            section: facts::section_label(source.section, lang),
            source: agent_text(&source.source),
            look: badge::look(source.look, lang),
            reason: agent_text(&source.reason),
            since: source.since,
        }
    }
}

/// A section with its sources and a window of its items.
pub(super) struct SectionView {
    pub(super) label: &'static str,
    pub(super) purpose: &'static str,
    pub(super) sources: Vec<SourceLine>,
    /// Columns of the table: fields that at least one item of the window has.
    pub(super) columns: Vec<&'static str>,
    pub(super) items: Vec<ItemLine>,
    /// Few items with many fields read better as cards than as rows.
    pub(super) cards: bool,
}

/// An item.
pub(super) struct ItemLine {
    pub(super) key: Agent,
    pub(super) source: Agent,
    pub(super) principal: Agent,
    pub(super) fields: Vec<Field>,
    /// In the order of the columns.
    pub(super) cells: Vec<Option<Shown>>,
    pub(super) first_seen: Millis,
    pub(super) changed_at: Millis,
    pub(super) review: Review,
}

/// How an item stands against the accepted baseline.
pub(super) enum Review {
    /// Its section or source has none, or it is as accepted.
    Quiet,
    /// It was not accepted.
    New,
    /// It differs from what was accepted.
    Differs(Vec<Difference>),
}

impl Review {
    pub(super) const fn is_quiet(&self) -> bool {
        matches!(self, Self::Quiet)
    }

    pub(super) fn differences(&self) -> &[Difference] {
        match self {
            Self::Differs(list) => list,
            _ => &[],
        }
    }
}

impl SectionView {
    pub(super) fn new(kind: Section, sources: &[SourceStatus], rows: &[ItemRow], lang: Lang) -> Self {
        let own: Vec<&SourceStatus> = sources.iter().filter(|source| source.section == kind).collect();
        let mut items: Vec<ItemLine> = rows.iter().map(|row| item_line(row, &own, lang)).collect();
        let mut columns: Vec<(&'static str, &'static str)> = Vec::new();
        for field in items.iter().flat_map(|item| &item.fields) {
            if !columns.iter().any(|(name, _)| *name == field.name) {
                columns.push((field.name, field.label));
            }
        }
        // A column that only repeats the first one is noise (a package is mostly called what it is).
        let value = |item: &ItemLine, name: &str| {
            item.fields
                .iter()
                .find(|field| field.name == name)
                .map(|field| field.value.clone())
        };
        if let Some((first, _)) = columns.first().copied() {
            columns.retain(|(name, _)| {
                *name == first || items.iter().any(|item| value(item, name) != value(item, first))
            });
        }
        for item in &mut items {
            item.cells = columns.iter().map(|(name, _)| value(item, name)).collect();
        }
        Self {
            label: facts::section_label(kind, lang),
            purpose: facts::section_purpose(kind, lang),
            sources: own
                .into_iter()
                .map(|source| SourceLine {
                    section: "",
                    ..SourceLine::new(source, lang)
                })
                .collect(),
            columns: columns.into_iter().map(|(_, label)| label).collect(),
            cards: matches!(kind, Section::Os | Section::Network),
            items,
        }
    }
}

fn item_line(row: &ItemRow, sources: &[&SourceStatus], lang: Lang) -> ItemLine {
    let item = &row.item;
    let kind = item.id.section;
    let looked = sources
        .iter()
        .any(|source| source.source == item.id.source && source.first_looked_at.is_some());
    let review = match &row.baseline {
        _ if !section::has_baseline(kind) => Review::Quiet,
        None if looked => Review::New,
        Some(accepted) if accepted.facet_hash != item.facet_hash => {
            Review::Differs(facts::differences(kind, &accepted.facet, &item.facet, lang))
        }
        _ => Review::Quiet,
    };
    ItemLine {
        key: agent_text(&item.id.key),
        source: agent_text(&item.id.source),
        principal: agent_text(&item.id.principal),
        fields: facts::of_item(kind, &item.facet, &item.local, lang),
        cells: Vec::new(),
        first_seen: item.first_seen,
        changed_at: item.changed_at,
        review,
    }
}

/// What a rule says of the asset.
pub(super) struct OutcomeLine {
    pub(super) rule: String,
    pub(super) title: String,
    pub(super) clause: String,
    pub(super) outcome: Badge,
    pub(super) class: &'static str,
    pub(super) reason: Agent,
}

pub(super) fn outcome_line(row: &OutcomeRow, rules: &RuleSet, lang: Lang) -> OutcomeLine {
    OutcomeLine {
        rule: row.rule.clone(),
        title: rulewords::title(rules, &row.rule, lang).to_owned(),
        clause: rulewords::find(rules, &row.rule).map_or_else(String::new, |rule| rule.clause_label()),
        outcome: badge::outcome(row.outcome, lang),
        class: match row.outcome {
            Outcome::Fail => "row-fail",
            Outcome::CouldNotLook => "row-blind",
            Outcome::Pass => "",
        },
        reason: agent_text(&row.reason),
    }
}

/// A line of the timeline.
pub(super) struct ChangeLine {
    pub(super) kind: &'static str,
    pub(super) section: &'static str,
    pub(super) name: Agent,
    pub(super) source: Agent,
    pub(super) received_at: Millis,
    pub(super) observed_at: Millis,
    /// The PC's clock says something else than the collector's.
    pub(super) late: bool,
    pub(super) differences: Vec<Difference>,
    /// Items that the first look at the source found, in one line.
    pub(super) first_contact: Option<u64>,
}

/// From here on a report counts as late.
const LATE_MS: Millis = 5 * 60 * 1000;

/// Lines of the timeline. What the first look at a source found is no change of the PC: neighbouring rows of
/// it become one line.
pub(super) fn change_lines(rows: &[ChangeRow], sources: &[SourceStatus], lang: Lang) -> Vec<ChangeLine> {
    let mut lines: Vec<ChangeLine> = Vec::new();
    let mut last: Option<(Section, &str, Millis)> = None;
    for row in rows {
        let change = &row.change;
        let (section, source) = (change.id.section, change.id.source.as_str());
        let first = change.kind == ChangeKind::Added
            && sources.iter().any(|known| {
                known.section == section
                    && known.source == source
                    && known
                        .first_looked_at
                        .is_none_or(|looked| change.received_at <= looked)
            });
        let place = first.then_some((section, source, change.received_at));
        if let (true, Some(line)) = (place.is_some() && place == last, lines.last_mut()) {
            line.first_contact = line.first_contact.map(|count| count + 1);
        } else {
            let mut line = change_line(row, lang);
            line.first_contact = first.then_some(1);
            lines.push(line);
        }
        last = place;
    }
    lines
}

fn change_line(row: &ChangeRow, lang: Lang) -> ChangeLine {
    let change = &row.change;
    let kind = change.id.section;
    let facet = change
        .after
        .as_deref()
        .or(change.before.as_deref())
        .unwrap_or_default();
    // The first field that has a text names the item better than its key does.
    let name =
        facts::of_facet(kind, facet, lang)
            .into_iter()
            .find_map(|field| match (field.name, field.value) {
                (
                    "name" | "interface" | "setting" | "program" | "model" | "topic" | "user",
                    Shown::Agent(text),
                ) => Some(text),
                ("topic", Shown::Words(words)) => Some(agent_text(&words)),
                _ => None,
            });
    ChangeLine {
        kind: change.kind.name(),
        section: facts::section_label(kind, lang),
        name: name.unwrap_or_else(|| agent_text(&change.id.key)),
        source: agent_text(&change.id.source),
        received_at: change.received_at,
        observed_at: change.observed_at,
        late: (change.received_at - change.observed_at).abs() > LATE_MS,
        differences: match (change.kind, &change.before, &change.after) {
            (ChangeKind::Changed, Some(before), Some(after)) => facts::differences(kind, before, after, lang),
            _ => Vec::new(),
        },
        first_contact: None,
    }
}

/// Something that was lost on the PC before it could be sent.
pub(super) struct GapLine {
    pub(super) at: Millis,
    pub(super) section: &'static str,
    pub(super) records: u64,
    pub(super) reason: Agent,
}

pub(super) fn gap_line(at: Millis, section: Section, records: u64, reason: &str, lang: Lang) -> GapLine {
    GapLine {
        at,
        section: facts::section_label(section, lang),
        records,
        reason: agent_text(reason),
    }
}
