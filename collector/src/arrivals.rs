//! Devices that arrive on a PC that is known: comparing its hardware, and linking it where the administrator's
//! rule says so. Used by the enrolment call, the command line and the dashboard; decides nothing itself.

use deskwarden_domain::{
    lifecycle::PRODUCT,
    model::{AuditEntry, DeviceStatus, HintKind, Millis, Proposal},
    port::{Paging, Store, StoreError, StoreResult},
    successor::{self, PartLine},
};
use deskwarden_proto::{ids::DeviceId, v1::Section};

/// Parts that are compared; a PC has some dozens.
const PARTS: u32 = 500;

/// The accepted parts of the asset beside those of the new device.
pub fn compared(store: &dyn Store, proposal: &Proposal) -> StoreResult<Vec<PartLine>> {
    let accepted = store.accepted(proposal.asset.id, Section::Part)?;
    let window = Paging {
        offset: 0,
        limit: PARTS,
    };
    let present = store.items(proposal.device.id, Section::Part, window)?;
    let present: Vec<_> = present.rows.into_iter().map(|row| row.item).collect();
    Ok(successor::compare(&accepted, &present))
}

/// When a new device is linked without a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkRule {
    /// So many serials equal those of an earlier device that is silent; 0 for never.
    pub serials: u32,
    /// It is the PC that the register expects by its serial.
    pub expected: bool,
}

/// Links a device that the rule decides on. Whether it did.
pub fn link_by_rule(store: &dyn Store, device: DeviceId, rule: LinkRule, now: Millis) -> StoreResult<bool> {
    if rule == LinkRule::default() {
        return Ok(false);
    }
    let proposals = store.proposals(Some(device), usize::try_from(PARTS).unwrap_or_default())?;
    let known = successor::automatic(&proposals, rule.serials, now);
    let waited = || successor::expected(&proposals).filter(|_| rule.expected);
    let Some(proposal) = known.or_else(waited) else {
        return Ok(false);
    };
    let why = if proposal.current.is_none() {
        "expected by the register".to_owned()
    } else {
        format!("{} equal serials", rule.serials)
    };
    let audit = AuditEntry {
        at: now,
        actor: PRODUCT.to_owned(),
        action: "device.link".to_owned(),
        object: format!("device:{device}"),
        detail: serde_json::json!({
            "asset": proposal.asset.id.0, "rule": why, "matched": matched(proposal),
        })
        .to_string(),
    };
    match store.link(device, proposal.asset.id, &audit) {
        Ok(()) => Ok(true),
        // Somebody decided meanwhile.
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Refuses a device that waits for approval. Whether it waited.
pub fn deny(store: &dyn Store, device: DeviceId, audit: &AuditEntry) -> StoreResult<bool> {
    waiting_becomes(store, device, DeviceStatus::Revoked, audit)
}

/// Lets a device that waits for approval report. Whether it waited.
pub fn approve(store: &dyn Store, device: DeviceId, audit: &AuditEntry) -> StoreResult<bool> {
    waiting_becomes(store, device, DeviceStatus::Active, audit)
}

/// What is equal, as `kind value`.
pub fn matched(proposal: &Proposal) -> Vec<String> {
    let line = |(kind, value): &(HintKind, String)| format!("{} {value}", kind.name());
    proposal.matched.iter().map(line).collect()
}

fn waiting_becomes(
    store: &dyn Store,
    device: DeviceId,
    status: DeviceStatus,
    audit: &AuditEntry,
) -> StoreResult<bool> {
    let waits = store
        .device(device)?
        .is_some_and(|device| device.status == DeviceStatus::Pending);
    if waits {
        store.set_device_status(device, status, audit)?;
    }
    Ok(waits)
}
