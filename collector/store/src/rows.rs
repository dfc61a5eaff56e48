//! The nouns as rows: which columns make one, in which order, and how they are read.

use deskwarden_domain::model::{
    Asset, AssetClass, AssetId, AssetState, BaselineItem, Device, DeviceStatus, Evidence, Finding, FindingId,
    FindingKey, FindingState, Holder, LedgerEntry, LedgerMode, Outcome, OutcomeRow, Severity, SourceStatus,
    StoredItem,
};
use deskwarden_domain::port::{StoreError, StoreResult};
use deskwarden_proto::{Bytes, Message as _, decode::ItemId, ids::DeviceId, v1};

use crate::sql::Reader;

/// An asset, of `a`.
pub(crate) const ASSET: &str = "a.id, a.number, a.name, a.custodian, a.department, a.state, a.provisional, \
     a.created_at, a.version, a.wake_at, a.judged_generation, a.class, a.provider, a.responsible, a.place, \
     a.state_since, a.custodian_since";
/// Columns of [`ASSET`].
pub(crate) const ASSET_COLUMNS: usize = 17;

/// Reads [`ASSET`].
pub(crate) fn asset(r: &mut Reader<'_>) -> StoreResult<Asset> {
    Ok(Asset {
        id: AssetId(r.int()?),
        number: r.opt_string()?,
        name: r.string()?,
        custodian: r.opt_string()?,
        department: r.opt_string()?,
        state: r.named(AssetState::by_name)?,
        provisional: r.flag()?,
        created_at: r.int()?,
        version: r.int()?,
        wake_at: r.opt_int()?,
        judged_generation: r.int()?,
        class: r.named(AssetClass::by_name)?,
        provider: r.opt_string()?,
        responsible: r.opt_string()?,
        place: r.opt_string()?,
        state_since: r.int()?,
        custodian_since: r.int()?,
    })
}

/// A device, of `d` joined with its stream `s` and its asset `a`.
pub(crate) const DEVICE: &str = "d.uid, d.asset_id, d.status, CASE WHEN a.current_device = d.id THEN 1 ELSE 0 END, \
     d.platform, d.agent_version, d.hints, d.key_hash, d.enrolled_at, s.last_seen_at, s.goodbye_at, d.certificate_ends_at, \
     s.forked_at";
/// Columns of [`DEVICE`].
pub(crate) const DEVICE_COLUMNS: usize = 13;
/// Where [`DEVICE`] and [`ASSET`] are.
pub(crate) const DEVICE_FROM: &str =
    "devices d JOIN streams s ON s.device_id = d.id JOIN assets a ON a.id = d.asset_id";

/// Reads [`DEVICE`].
pub(crate) fn device(r: &mut Reader<'_>) -> StoreResult<Device> {
    Ok(Device {
        id: DeviceId::from_random(r.array()?),
        asset: AssetId(r.int()?),
        status: r.named(DeviceStatus::by_name)?,
        current: r.flag()?,
        platform: r.string()?,
        agent_version: r.string()?,
        hints: v1::HostHints::decode(r.blob()?).map_err(|_| {
            StoreError::Damaged("the hints of a device cannot be read: restore a backup".into())
        })?,
        key_hash: r.array()?,
        enrolled_at: r.int()?,
        last_seen_at: r.opt_int()?,
        goodbye_at: r.opt_int()?,
        certificate_ends_at: r.opt_int()?,
        forked_at: r.opt_int()?,
    })
}

/// Reads four columns: section, source, key, principal.
pub(crate) fn item_id(r: &mut Reader<'_>) -> StoreResult<ItemId> {
    Ok(ItemId {
        section: r.numbered()?,
        source: r.string()?,
        key: r.string()?,
        principal: r.string()?,
    })
}

/// An item, of `i` joined with its facet `f`.
pub(crate) const ITEM: &str = "i.section, i.source, i.key, i.principal, f.bytes, f.hash, i.local, i.digest, \
     i.first_seen, i.changed_at";
/// Where [`ITEM`] is.
pub(crate) const ITEM_FROM: &str = "items i JOIN facets f ON f.id = i.facet_id";

/// Reads [`ITEM`].
pub(crate) fn item(r: &mut Reader<'_>) -> StoreResult<StoredItem> {
    Ok(StoredItem {
        id: item_id(r)?,
        facet: Bytes::copy_from_slice(r.blob()?),
        facet_hash: r.array()?,
        local: Bytes::copy_from_slice(r.blob()?),
        digest: r.wide()?,
        first_seen: r.int()?,
        changed_at: r.int()?,
    })
}

/// An accepted item, of `b` joined with its facet `f`.
pub(crate) const BASELINE: &str =
    "b.section, b.source, b.key, b.principal, f.bytes, f.hash, b.accepted_at, b.accepted_by";
/// Where [`BASELINE`] is.
pub(crate) const BASELINE_FROM: &str = "baseline b JOIN facets f ON f.id = b.facet_id";

/// Reads [`BASELINE`].
pub(crate) fn baseline(r: &mut Reader<'_>) -> StoreResult<BaselineItem> {
    Ok(BaselineItem {
        id: item_id(r)?,
        facet: Bytes::copy_from_slice(r.blob()?),
        facet_hash: r.array()?,
        accepted_at: r.int()?,
        accepted_by: r.string()?,
    })
}

/// A source, of `c`.
pub(crate) const SOURCE: &str = "c.section, c.source, c.look, c.reason, c.since, c.first_looked_at";

/// Reads [`SOURCE`].
pub(crate) fn source(r: &mut Reader<'_>) -> StoreResult<SourceStatus> {
    Ok(SourceStatus {
        section: r.numbered()?,
        source: r.string()?,
        look: r.numbered()?,
        reason: r.string()?,
        since: r.int()?,
        first_looked_at: r.opt_int()?,
    })
}

/// A piece of evidence, of `e` joined with its device `ed`.
pub(crate) const EVIDENCE: &str = "e.asset_id, e.rule, e.subject, e.subject_name, ed.uid, e.section, e.source, e.key, \
     e.principal, e.detail, e.since";
/// Where [`EVIDENCE`] is.
pub(crate) const EVIDENCE_FROM: &str = "evidence e LEFT JOIN devices ed ON ed.id = e.device_id";

/// Reads [`EVIDENCE`].
pub(crate) fn evidence(r: &mut Reader<'_>) -> StoreResult<Evidence> {
    Ok(Evidence {
        asset: AssetId(r.int()?),
        rule: r.string()?,
        subject: r.string()?,
        subject_name: r.string()?,
        device: r.opt_array()?.map(DeviceId::from_random),
        item: Some(item_id(r)?).filter(|id| id.section != v1::Section::Unspecified),
        detail: r.string()?,
        since: r.int()?,
    })
}

/// A finding, of `f`.
pub(crate) const FINDING: &str = "f.id, f.holder, f.rule, f.subject, f.severity, f.clause, f.subject_name, f.state, \
     f.first_seen, f.last_seen, f.opened_at, f.resolved_at, f.reopened, f.version, f.seen";

/// That a finding, of `f`, is open business, where something else names few findings (an asset, subjects). The sign keeps
/// SQLite from that condition's own indexes, which hold the open business of the whole fleet in an order that somebody
/// wants: it has no statistics, and takes them for as narrow as an asset's.
pub(crate) const ACTIVE_AMONG_FEW: &str = "+f.active = 1";

/// Reads [`FINDING`].
pub(crate) fn finding(r: &mut Reader<'_>) -> StoreResult<Finding> {
    Ok(Finding {
        id: Some(FindingId(r.int()?)),
        key: FindingKey {
            holder: r.named(Holder::parse)?,
            rule: r.string()?,
            subject: r.string()?,
        },
        severity: severity(r)?,
        clause: r.string()?,
        subject_name: r.string()?,
        state: r.named(FindingState::by_name)?,
        first_seen: r.int()?,
        last_seen: r.int()?,
        opened_at: r.int()?,
        resolved_at: r.opt_int()?,
        reopened: r.small()?,
        version: r.int()?,
        seen: r.opt_string()?,
    })
}

/// Severities from the mildest on; the position is what is stored, so that a list sorts by it.
pub(crate) const SEVERITIES: [Severity; 4] = [
    Severity::Low,
    Severity::Medium,
    Severity::High,
    Severity::Critical,
];

/// What is stored for a severity.
pub(crate) fn severity_rank(severity: Severity) -> i64 {
    SEVERITIES
        .iter()
        .zip(0..)
        .find(|(s, _)| **s == severity)
        .map_or(0, |(_, rank)| rank)
}

/// Reads a severity.
pub(crate) fn severity(r: &mut Reader<'_>) -> StoreResult<Severity> {
    let rank: usize = r.small()?;
    SEVERITIES.get(rank).copied().ok_or_else(|| {
        StoreError::Damaged(format!(
            "severity {rank} of a finding is none that this build knows"
        ))
    })
}

/// An outcome, of `o`.
pub(crate) const OUTCOME: &str = "o.rule, o.outcome, o.reason";

/// Reads [`OUTCOME`].
pub(crate) fn outcome(r: &mut Reader<'_>) -> StoreResult<OutcomeRow> {
    Ok(OutcomeRow {
        rule: r.string()?,
        outcome: r.named(Outcome::by_name)?,
        reason: r.string()?,
    })
}

/// A line of the IP ledger, of `l`.
pub(crate) const LEDGER: &str =
    "l.address, l.prefix, l.gateway, l.dns, l.mode, l.mac, l.asset_id, l.owner, l.place";

/// Reads [`LEDGER`].
pub(crate) fn ledger(r: &mut Reader<'_>) -> StoreResult<LedgerEntry> {
    Ok(LedgerEntry {
        address: r.string()?,
        prefix: r.opt_small()?,
        gateway: r.opt_string()?,
        dns: r.text()?.split_whitespace().map(str::to_owned).collect(),
        mode: r.opt_named(ledger_mode)?,
        mac: r.opt_string()?,
        asset: r.opt_int()?.map(AssetId),
        owner: r.opt_string()?,
        place: r.opt_string()?,
    })
}

/// What is stored for a mode.
pub(crate) const fn ledger_mode_name(mode: LedgerMode) -> &'static str {
    match mode {
        LedgerMode::Static => "static",
        LedgerMode::Dhcp => "dhcp",
    }
}

fn ledger_mode(name: &str) -> Option<LedgerMode> {
    [LedgerMode::Static, LedgerMode::Dhcp]
        .into_iter()
        .find(|mode| ledger_mode_name(*mode) == name)
}

/// Words without control characters, as names of assets stand in lists and messages.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .collect::<String>()
        .trim()
        .to_owned()
}
