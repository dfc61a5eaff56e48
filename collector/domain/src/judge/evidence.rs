//! Which items show a breach of which rule. Touched items are matched anew; the rest stands as stored,
//! so that one item costs one item.

use std::{collections::BTreeSet, sync::Arc};

use deskwarden_proto::{
    decode::{self, ItemId},
    part::class_name,
    section,
    v1::{Look, facet},
};
use serde_json::json;

use crate::{
    model::{About, BaselineItem, Device, Evidence, Millis, StoredItem},
    port::DeviceState,
    register::{Order, licence_subject},
    rules::{self, AssetFacts, ItemFacts, Orders, Rule, RuleKind},
};

use super::silence::silence;
use super::{
    Context, Extent, Judging, Memo, Understood, Verdict, address,
    changed::{self, Difference},
    matter, same_place,
};

/// The evidence as it is now; differences to the stored evidence go into the verdict.
pub(super) fn update(
    state: &DeviceState,
    extent: Extent<'_>,
    context: &Context,
    memo: &mut Memo,
    now: Millis,
    verdict: &mut Verdict,
    judging: &mut Judging,
) -> Vec<Evidence> {
    let everything: BTreeSet<&ItemId>;
    let touched: Box<dyn Iterator<Item = &ItemId>> = match extent {
        Extent::Touched(ids) | Extent::Edited(ids) => Box::new(ids.iter()),
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
        for_item(&place, context, memo, now, &mut fresh, judging);
        if !judging.everything && concerns_register(&place, context, memo) {
            // What the register says beside it needs every item: that is looked at at once.
            judging.again_at(now);
        }
    }
    if context.rules.rules().iter().any(Rule::reads_register)
        && let Some(turn) = rules::next_turn(&asset_facts(state, false, now))
    {
        judging.again_at(turn);
    }
    let anew = |rule: &Rule| match extent {
        Extent::Everything | Extent::Edited(_) => true,
        Extent::Touched(_) => rule.reads_failed_sources(),
    };
    for_asset(state, context, anew, now, &mut fresh, judging);
    if judging.everything {
        for_register(state, context, now, &mut fresh, judging);
    }

    let whole = judging.everything;
    let stands = |rule: &Rule| match rule.kind {
        // What is missing is told by what was looked at, not by an item.
        RuleKind::Absent => true,
        // What the register says beside a PC needs a look at all of it.
        RuleKind::Register { .. } => !whole,
        _ => false,
    };
    let stale = |e: &Evidence| match (&extent, &e.item) {
        (_, None) if context.rules.rule(&e.rule).is_some_and(stands) => false,
        (Extent::Everything, _) => true,
        (Extent::Touched(_) | Extent::Edited(_), Some(item)) => looked_at.contains(item),
        (Extent::Touched(_), None) => context.rules.rule(&e.rule).is_some_and(anew),
        (Extent::Edited(_), None) => true,
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
    judging: &mut Judging,
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
    let licences = licence_titles(context, &shown.licences);
    let facts = ItemFacts {
        section,
        source: &place.id.source,
        key: &place.id.key,
        principal: &place.id.principal,
        facet: &shown.kind,
        local: local.as_ref(),
        class: shown.class.as_ref(),
        licences: &licences,
    };
    let (now_kind, was_kind) = (current.as_deref().map(kind), accepted.as_deref().map(kind));
    for index in &shown.candidates {
        let Some(rule) = context.rules.rules().get(*index) else {
            continue;
        };
        let mut order = None;
        let difference = match rule.kind {
            RuleKind::Cross {
                about: About::LicenceOverused,
                ..
            } => {
                licensed(place, rule, context, &shown.licences, &facts, now, fresh);
                continue;
            }
            RuleKind::Asset | RuleKind::Register { .. } | RuleKind::Cross { .. } => continue,
            RuleKind::Item | RuleKind::Absent | RuleKind::Count { .. } => match now_kind {
                Some(_) => None,
                None => continue,
            },
            RuleKind::Changed => match changed::difference(&context.rules, rule, was_kind, now_kind) {
                Some(difference) if seeded && difference.counts_for(rule) => {
                    order = covering(place, &shown.kind, context, now);
                    match (rule.orders, order.is_some()) {
                        (Orders::Covered, false) | (Orders::Uncovered, true) => continue,
                        _ => Some(difference),
                    }
                }
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
            Ok(true) => fresh.push(evidence(place, rule, context, &facts, difference, order, now)),
            Err(fault) => {
                judging.blind.insert(rule.id.clone(), fault.to_string());
            }
        }
    }
}

/// Titles of licences by their numbers, in an order of their own.
fn licence_titles<'c>(context: &'c Context, numbers: &[usize]) -> Vec<&'c str> {
    let all = numbers.iter().filter_map(|number| context.licences.get(*number));
    let mut titles: Vec<&str> = all.map(|licence| licence.title.as_str()).collect();
    titles.sort_unstable();
    titles
}

/// Whether a rule about the register reads facts of this kind, of this asset.
fn concerns_register(place: &Place<'_>, context: &Context, memo: &Memo) -> bool {
    memo.rules_of(place.id.section).iter().any(|index| {
        context.rules.rules().get(*index).is_some_and(|rule| {
            matches!(rule.kind, RuleKind::Register { .. }) && rule.applies_to(&place.state.asset)
        })
    })
}

/// The work order that authorised the change of a part: open when the change was first seen, and about its class.
fn covering<'a>(place: &Place<'a>, shown: &facet::Kind, context: &Context, now: Millis) -> Option<&'a Order> {
    let facet::Kind::Part(part) = shown else {
        return None;
    };
    if place.state.papers.orders.is_empty() {
        return None;
    }
    // A part that was changed once more is another change.
    let same = |piece: &&Evidence| {
        let detail: serde_json::Value = serde_json::from_str(&piece.detail).unwrap_or_default();
        let serial = detail.get("serial").and_then(serde_json::Value::as_str);
        serial.unwrap_or_default() == part.serial
    };
    let changes = |piece: &&Evidence| {
        let kind = context.rules.rule(&piece.rule).map(|rule| rule.kind);
        piece.item.as_ref() == Some(place.id) && kind == Some(RuleKind::Changed)
    };
    let known = place.state.evidence.iter().filter(changes).filter(same);
    let at = known
        .map(|piece| piece.since)
        .chain(place.item.map(|item| item.changed_at))
        .min()
        .unwrap_or(now);
    let class = class_name(part.class());
    let orders = &place.state.papers.orders;
    orders.iter().find(|order| order.covers(class, at))
}

/// A licensed title that is installed: counted over all PCs.
fn licensed(
    place: &Place<'_>,
    rule: &Rule,
    context: &Context,
    licences: &[usize],
    facts: &ItemFacts<'_>,
    now: Millis,
    fresh: &mut Vec<Evidence>,
) {
    let (Some(_), true) = (place.item, rule.scope.covers(&place.state.asset)) else {
        return;
    };
    for index in licences {
        if let Some(licence) = context.licences.get(*index) {
            fresh.push(Evidence {
                rule: rule.id.clone(),
                subject: licence_subject(&licence.title),
                subject_name: licence.title.clone(),
                asset: place.state.asset.id,
                device: Some(place.state.device.id),
                item: Some(place.id.clone()),
                detail: rules::detail(facts).to_string(),
                since: now,
            });
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
    order: Option<&Order>,
    now: Millis,
) -> Evidence {
    let subject = context.rules.subject(rule, facts);
    let mut detail = rules::detail(facts);
    if let (Some(difference), Some(object)) = (difference, detail.as_object_mut()) {
        difference.describe(object);
    }
    if let (Some(order), Some(object)) = (order, detail.as_object_mut()) {
        object.insert("order".to_owned(), json!(order.number));
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
    anew: impl Fn(&Rule) -> bool,
    now: Millis,
    fresh: &mut Vec<Evidence>,
    judging: &mut Judging,
) {
    let (silent, _) = silence(&state.device, &context.down, now);
    let failed = failed(state);
    let facts = AssetFacts {
        failed: &failed,
        ..asset_facts(state, silent, now)
    };
    for rule in context
        .rules
        .rules()
        .iter()
        .filter(|rule| matches!(rule.kind, RuleKind::Asset) && anew(rule))
    {
        match context.rules.asset_matches(rule, &facts) {
            Ok(false) => {}
            Ok(true) => fresh.push(Evidence {
                rule: rule.id.clone(),
                subject: matter::ASSET.into(),
                subject_name: state.asset.name.clone(),
                asset: state.asset.id,
                device: Some(state.device.id),
                item: None,
                detail: asset_detail(state, rule, about_identity(state, rule, context, &facts)).to_string(),
                since: now,
            }),
            Err(fault) => {
                judging.blind.insert(rule.id.clone(), fault.to_string());
            }
        }
    }
}

/// Sources that the agent failed to read, as `section/source`.
fn failed(state: &DeviceState) -> Vec<String> {
    state
        .sources
        .iter()
        .filter(|source| source.look == Look::Failed)
        .map(|source| format!("{}/{}", section::name(source.section), source.source))
        .collect()
}

fn for_register(
    state: &DeviceState,
    context: &Context,
    now: Millis,
    fresh: &mut Vec<Evidence>,
    judging: &mut Judging,
) {
    let facts = matter::Facts {
        state,
        rules: &context.rules,
        down: &context.down,
        now,
    };
    for rule in context.rules.rules() {
        let RuleKind::Register { about, after_ms } = rule.kind else {
            continue;
        };
        if !rule.applies_to(&state.asset) {
            continue;
        }
        let answer = matter::answer(about, after_ms, facts);
        if let Some(at) = answer.again {
            judging.again_at(at);
        }
        if let Some(why) = answer.blind {
            judging.blind.insert(rule.id.clone(), why);
        }
        fresh.extend(answer.found.into_iter().map(|found| Evidence {
            rule: rule.id.clone(),
            subject: found.subject,
            subject_name: found.name,
            asset: state.asset.id,
            device: Some(state.device.id),
            item: None,
            detail: found.seen.encode(),
            since: now,
        }));
    }
}

fn asset_detail(state: &DeviceState, rule: &Rule, about_identity: bool) -> serde_json::Value {
    let mut detail = json!({
        "hostname": state.device.hints.hostname,
        "model": state.device.hints.model,
        "serial": state.device.hints.system_serial,
        "state": state.asset.state.name(),
    });
    if let (true, Some(fields)) = (rule.reads_failed_sources(), detail.as_object_mut()) {
        let reasons: Vec<String> = state
            .sources
            .iter()
            .filter(|source| source.look == Look::Failed)
            .map(|source| {
                format!(
                    "{}/{}: {}",
                    section::name(source.section),
                    source.source,
                    source.reason
                )
            })
            .collect();
        fields.insert("zh".to_owned(), json!(reasons.join("；")));
        fields.insert("en".to_owned(), json!(reasons.join("; ")));
    }
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

fn asset_facts(state: &DeviceState, silent: bool, now: Millis) -> AssetFacts<'_> {
    AssetFacts {
        silent,
        overdue: state.notices.iter().filter(|notice| notice.due_at <= now).count(),
        device: Some(&state.device),
        ledger: &state.ledger,
        sources: &state.sources,
        sums: &state.sums,
        papers: &state.papers,
        now,
        ..AssetFacts::of(&state.asset)
    }
}
