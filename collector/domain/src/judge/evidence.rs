//! Which items show a breach of which rule. Touched items are matched anew; the rest stands as stored,
//! so that one item costs one item.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use deskwarden_proto::{
    decode::{self, ItemId},
    v1::facet,
};
use serde_json::json;

use crate::{
    model::{BaselineItem, Device, Evidence, Millis, StoredItem},
    port::DeviceState,
    rules::{self, AssetFacts, ItemFacts, Rule, RuleKind},
};

use super::silence::silence;
use super::{
    Context, Extent, Memo, Understood, Verdict, address,
    changed::{self, Difference},
    same_place,
};

/// Faults of conditions by rule: such a rule could not look.
pub(super) type Faults = BTreeMap<String, String>;

/// The evidence as it is now; differences to the stored evidence go into the verdict.
pub(super) fn update(
    state: &DeviceState,
    extent: Extent<'_>,
    context: &Context,
    memo: &mut Memo,
    now: Millis,
    verdict: &mut Verdict,
    faults: &mut Faults,
) -> Vec<Evidence> {
    let everything: BTreeSet<&ItemId>;
    let touched: Box<dyn Iterator<Item = &ItemId>> = match extent {
        Extent::Touched(ids) => Box::new(ids.iter()),
        Extent::Everything => {
            everything = state.items.keys().chain(state.baseline.keys()).collect();
            Box::new(everything.iter().copied())
        }
    };
    let mut fresh = Vec::new();
    let mut looked_at = BTreeSet::new();
    for id in touched {
        looked_at.insert(id);
        let place = Place {
            state,
            id,
            item: state.items.get(id),
            baseline: state.baseline.get(id),
        };
        for_item(&place, context, memo, now, &mut fresh, faults);
    }
    if matches!(extent, Extent::Everything) {
        for_asset(state, context, now, &mut fresh, faults);
    }

    let stale = |e: &Evidence| match (&extent, &e.item) {
        (Extent::Everything, _) => true,
        (Extent::Touched(_), Some(item)) => looked_at.contains(item),
        (Extent::Touched(_), None) => false,
    };
    let (old, mut kept): (Vec<Evidence>, Vec<Evidence>) = state.evidence.iter().cloned().partition(stale);
    for mut evidence in fresh {
        let known = old.iter().find(|e| same_place(e, &evidence));
        if let Some(known) = known {
            evidence.since = known.since;
        }
        if known != Some(&evidence) {
            verdict.evidence_put.push(evidence.clone());
        }
        kept.push(evidence);
    }
    verdict.evidence_gone = old
        .into_iter()
        .filter(|e| !kept.iter().any(|k| same_place(k, e)))
        .collect();
    kept
}

struct Place<'a> {
    state: &'a DeviceState,
    id: &'a ItemId,
    item: Option<&'a StoredItem>,
    baseline: Option<&'a BaselineItem>,
}

fn for_item(
    place: &Place<'_>,
    context: &Context,
    memo: &mut Memo,
    now: Millis,
    fresh: &mut Vec<Evidence>,
    faults: &mut Faults,
) {
    let section = place.id.section;
    if memo.rules_of(section).is_empty() {
        return;
    }
    let platform = &place.state.device.platform;
    let current = place
        .item
        .and_then(|i| memo.understand(context, platform, section, i.facet_hash, &i.facet));
    let accepted = place
        .baseline
        .and_then(|b| memo.understand(context, platform, section, b.facet_hash, &b.facet));
    let local = place.item.and_then(|item| decode::local(&item.local).ok());
    let seeded = place
        .state
        .seeded
        .iter()
        .any(|(s, source)| *s == section && *source == place.id.source);
    // What an item shows does not depend on silence.
    let asset = asset_facts(place.state, false, now);
    // A removed part is judged by what it was.
    let Some(shown) = current.as_ref().or(accepted.as_ref()).map(Arc::clone) else {
        return;
    };
    let facts = ItemFacts {
        section,
        source: &place.id.source,
        key: &place.id.key,
        principal: &place.id.principal,
        facet: &shown.kind,
        local: local.as_ref(),
        class: shown.class.as_ref(),
    };
    let (now_kind, was_kind) = (current.as_deref().map(kind), accepted.as_deref().map(kind));
    for index in &shown.candidates {
        let Some(rule) = context.rules.rules().get(*index) else {
            continue;
        };
        let difference = match rule.kind {
            RuleKind::Asset | RuleKind::Cross { .. } => continue,
            RuleKind::Item | RuleKind::Absent | RuleKind::Count { .. } => match now_kind {
                Some(_) => None,
                None => continue,
            },
            RuleKind::Changed => match changed::difference(&context.rules, rule, was_kind, now_kind) {
                Some(difference) if seeded => Some(difference),
                _ => continue,
            },
            RuleKind::Address => match address::breach(
                now_kind,
                was_kind,
                seeded,
                asset.ledger,
                &context.ranges,
                &rule.aspects,
            ) {
                Some(difference) => Some(difference),
                None => continue,
            },
        };
        match context.rules.item_matches(rule, &facts, &asset, was_kind) {
            Ok(false) => {}
            Ok(true) => fresh.push(evidence(place, rule, context, &facts, difference, now)),
            Err(fault) => {
                faults.insert(rule.id.clone(), fault.to_string());
            }
        }
    }
}

const fn kind(understood: &Understood) -> &facet::Kind {
    &understood.kind
}

fn evidence(
    place: &Place<'_>,
    rule: &Rule,
    context: &Context,
    facts: &ItemFacts<'_>,
    difference: Option<Difference>,
    now: Millis,
) -> Evidence {
    let subject = context.rules.subject(rule, facts);
    let mut detail = rules::detail(facts);
    if let (Some(difference), Some(object)) = (difference, detail.as_object_mut()) {
        difference.describe(object);
    }
    Evidence {
        rule: rule.id.clone(),
        subject: subject.key,
        subject_name: subject.name,
        asset: place.state.asset.id,
        device: Some(place.state.device.id),
        item: Some(place.id.clone()),
        detail: detail.to_string(),
        since: now,
    }
}

fn for_asset(
    state: &DeviceState,
    context: &Context,
    now: Millis,
    fresh: &mut Vec<Evidence>,
    faults: &mut Faults,
) {
    let (silent, _) = silence(&state.device, &context.down, now);
    let facts = asset_facts(state, silent, now);
    for rule in context
        .rules
        .rules()
        .iter()
        .filter(|rule| matches!(rule.kind, RuleKind::Asset))
    {
        match context.rules.asset_matches(rule, &facts) {
            Ok(false) => {}
            Ok(true) => fresh.push(Evidence {
                rule: rule.id.clone(),
                subject: ASSET_SUBJECT.into(),
                subject_name: state.asset.name.clone(),
                asset: state.asset.id,
                device: Some(state.device.id),
                item: None,
                detail: asset_detail(state, about_identity(state, rule, context, &facts)).to_string(),
                since: now,
            }),
            Err(fault) => {
                faults.insert(rule.id.clone(), fault.to_string());
            }
        }
    }
}

fn asset_detail(state: &DeviceState, about_identity: bool) -> serde_json::Value {
    let mut detail = json!({
        "hostname": state.device.hints.hostname,
        "model": state.device.hints.model,
        "serial": state.device.hints.system_serial,
        "state": state.asset.state.name(),
    });
    if let (true, Some(fields)) = (about_identity, detail.as_object_mut()) {
        fields.insert("against".to_owned(), json!("identity"));
        fields.insert("forked_at".to_owned(), json!(state.device.forked_at));
    }
    detail
}

/// Whether the rule matches only because two installations spoke for the device: then a person may settle
/// it by accepting.
fn about_identity(state: &DeviceState, rule: &Rule, context: &Context, now: &AssetFacts<'_>) -> bool {
    if state.device.forked_at.is_none() {
        return false;
    }
    let settled = Device {
        forked_at: None,
        ..state.device.clone()
    };
    let facts = AssetFacts {
        device: Some(&settled),
        ..*now
    };
    matches!(context.rules.asset_matches(rule, &facts), Ok(false))
}

/// Subject of findings that are about the asset as a whole.
pub(super) const ASSET_SUBJECT: &str = "asset";

fn asset_facts(state: &DeviceState, silent: bool, now: Millis) -> AssetFacts<'_> {
    AssetFacts {
        silent,
        overdue: state.notices.iter().filter(|notice| notice.due_at <= now).count(),
        asset: &state.asset,
        device: Some(&state.device),
        ledger: &state.ledger,
    }
}
