//! Judging a snapshot file (`deskwarden-agent collect --json`) without a store: what would this PC be
//! flagged for? First contact: nothing counts as changed.

use std::collections::BTreeMap;

use deskwarden_proto::{
    Message,
    decode::{self, ItemId},
    describe, digest,
    ids::DeviceId,
    limits, section,
    v1::{Facet, HostHints, Look, Section},
};
use serde_json::Value;

use crate::{
    advance,
    judge::{Context, Memo},
    model::{
        Asset, AssetId, AssetState, Device, DeviceStatus, Evidence, Finding, LedgerEntry, Millis, OutcomeRow,
        Position, SourceStatus, StoredItem,
    },
    port::DeviceState,
    register::Papers,
};

/// The file is no snapshot; says where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {what}; make the file with `deskwarden-agent collect --json`")]
pub struct NotASnapshot {
    at: String,
    what: String,
}

/// What judging says of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Findings that it would open.
    pub findings: Vec<Finding>,
    /// What shows them.
    pub evidence: Vec<Evidence>,
    /// Outcome of every rule.
    pub outcomes: Vec<OutcomeRow>,
}

/// Judges the snapshot, to which no rule gives a grace, as a registered asset without ledger entries would be, or as `asset` and `ledger` say.
pub fn judge_snapshot(
    snapshot: &Value,
    asset: Option<Asset>,
    ledger: Vec<LedgerEntry>,
    context: &Context,
    now: Millis,
) -> Result<Judged, NotASnapshot> {
    let mut state = read(snapshot, asset, now)?;
    state.ledger = ledger;
    advance::rejudge(&mut state, &context.at_once(), &mut Memo::default(), now);
    Ok(Judged {
        findings: state.findings,
        evidence: state.evidence,
        outcomes: state.outcomes,
    })
}

fn read(snapshot: &Value, asset: Option<Asset>, now: Millis) -> Result<DeviceState, NotASnapshot> {
    let sections = snapshot.get("sections").and_then(Value::as_object);
    let sections = sections.ok_or_else(|| fault("file", "there is no object `sections`"))?;
    let hints = hints(snapshot.get("device").unwrap_or(&Value::Null));
    let asset = asset.unwrap_or_else(|| Asset {
        id: AssetId(0),
        number: None,
        name: hints.hostname.clone(),
        custodian: None,
        department: None,
        state: AssetState::InUse,
        provisional: true,
        created_at: now,
        version: 0,
        wake_at: None,
        judged_generation: 0,
        ..Asset::named("")
    });
    let device = Device {
        id: DeviceId::from_random([0; 16]),
        asset: asset.id,
        status: DeviceStatus::Active,
        current: true,
        platform: snapshot
            .pointer("/device/platform")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        agent_version: String::new(),
        hints,
        key_hash: [0; 32],
        enrolled_at: now,
        last_seen_at: Some(now),
        goodbye_at: None,
        certificate_ends_at: None,
        forked_at: None,
    };
    let mut state = blank(device, asset);
    for (name, content) in sections {
        let kind = section::by_name(name).ok_or_else(|| fault(name, "there is no such section"))?;
        for (index, source) in list(content, "sources").enumerate() {
            let at = format!("{name}.sources[{index}]");
            state.sources.push(source_status(kind, source, &at, now)?);
        }
        for (index, item) in list(content, "items").enumerate() {
            if index >= limits::ITEMS_PER_SECTION {
                return Err(fault(name, "there are more items than a section may have"));
            }
            let at = format!("{name}.items[{index}]");
            let stored = stored_item(kind, item, &at, now)?;
            state.items.insert(stored.id.clone(), stored);
        }
    }
    count_items(&mut state);
    Ok(state)
}

/// Says how many items each section has, of a state that holds all of them.
pub(crate) fn count_items(state: &mut DeviceState) {
    let mut counts: BTreeMap<Section, u64> = BTreeMap::new();
    for id in state.items.keys() {
        *counts.entry(id.section).or_default() += 1;
    }
    state.sums = counts
        .into_iter()
        .map(|(section, count)| (section, 0, count))
        .collect();
}

/// A device that nothing is known of yet.
pub(crate) fn blank(device: Device, asset: Asset) -> DeviceState {
    DeviceState {
        device,
        asset,
        position: Position::start(1, [0; 32]),
        sources: Vec::new(),
        sums: Vec::new(),
        items: BTreeMap::new(),
        baseline: BTreeMap::new(),
        seeded: Vec::new(),
        evidence: Vec::new(),
        findings: Vec::new(),
        outcomes: Vec::new(),
        ledger: Vec::new(),
        approvals: Vec::new(),
        papers: Papers::default(),
        notices: Vec::new(),
        staged: Vec::new(),
    }
}

fn list<'a>(content: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    content.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn source_status(kind: Section, source: &Value, at: &str, now: Millis) -> Result<SourceStatus, NotASnapshot> {
    let look = match text(source, "look") {
        "looked" => Look::Looked,
        "partial" => Look::Partial,
        "denied" => Look::Denied,
        "unsupported" => Look::Unsupported,
        "failed" => Look::Failed,
        _ => {
            return Err(fault(
                at,
                "`look` is none of looked, partial, denied, unsupported, failed",
            ));
        }
    };
    Ok(SourceStatus {
        section: kind,
        source: text(source, "source").to_owned(),
        look,
        reason: text(source, "reason").to_owned(),
        since: now,
        first_looked_at: None,
    })
}

fn stored_item(kind: Section, item: &Value, at: &str, now: Millis) -> Result<StoredItem, NotASnapshot> {
    let id = ItemId {
        section: kind,
        source: text(item, "source").to_owned(),
        key: text(item, "key").to_owned(),
        principal: text(item, "principal").to_owned(),
    };
    if id.key.is_empty() || id.source.is_empty() {
        return Err(fault(at, "`source` or `key` is missing"));
    }
    let facet = describe::facet_from_json(kind, item.get("facet").unwrap_or(&Value::Null));
    let facet = Facet {
        kind: Some(facet.map_err(|refused| fault(at, &refused.to_string()))?),
    }
    .encode_to_vec();
    decode::facet(kind, &facet).map_err(|refused| fault(at, &refused.to_string()))?;
    let local = match item.get("local") {
        None | Some(Value::Null) => Vec::new(),
        Some(local) => describe::local_from_json(local)
            .map_err(|refused| fault(at, &refused.to_string()))?
            .encode_to_vec(),
    };
    Ok(StoredItem {
        facet_hash: digest::facet(&facet),
        facet: facet.into(),
        local: local.into(),
        digest: 0,
        first_seen: now,
        changed_at: now,
        id,
    })
}

fn hints(device: &Value) -> HostHints {
    HostHints {
        hostname: text(device, "hostname").to_owned(),
        system_serial: text(device, "system_serial").to_owned(),
        model: text(device, "model").to_owned(),
        portable: device
            .get("portable")
            .and_then(Value::as_bool)
            .unwrap_or_default(),
        ..HostHints::default()
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn fault(at: &str, what: &str) -> NotASnapshot {
    NotASnapshot {
        at: at.to_owned(),
        what: what.to_owned(),
    }
}
