//! `device proposals`, `link`, `unlink`, `dismiss`: PCs that were installed anew.

use deskwarden_domain::{
    model::{Asset, AssetId, Proposal},
    port::AssetFilter,
    successor::{Compared, PartLine},
};
use deskwarden_proto::ids::DeviceId;
use serde_json::{Value, json};

use crate::{arrivals, clock::rfc3339};

use super::{
    CliError,
    out::Out,
    session::{Session, all},
};

/// Proposals that are listed.
const MOST: usize = 500;

pub(super) fn list(session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let mut compared = Vec::new();
    for proposal in session.store.proposals(None, MOST)? {
        let parts = arrivals::compared(session.store.as_ref(), &proposal)?;
        compared.push((proposal, parts));
    }
    if out.json {
        return Ok(out.value(&compared.iter().map(to_json).collect())?);
    }
    let rows = compared.iter().map(|(proposal, parts)| {
        vec![
            proposal.device.id.to_string(),
            proposal.device.hints.hostname.clone(),
            proposal
                .asset
                .number
                .clone()
                .unwrap_or_else(|| proposal.asset.id.0.to_string()),
            proposal.asset.name.clone(),
            arrivals::matched(proposal).join(", "),
            differences(parts).to_string(),
            proposal
                .current
                .as_ref()
                .and_then(|device| device.last_seen_at)
                .map(|at| out.moment(at))
                .unwrap_or_default(),
        ]
    });
    let rows = rows.collect();
    let headings = [
        ("新设备", "NEW DEVICE"),
        ("主机名", "HOST NAME"),
        ("可能是", "MAY BE"),
        ("名称", "NAME"),
        ("相同的", "EQUAL"),
        ("硬件差异", "PARTS THAT DIFFER"),
        ("原设备最近报告", "EARLIER DEVICE LAST SEEN"),
    ];
    Ok(out.table(&headings, rows)?)
}

pub(super) fn link(id: DeviceId, asset: &str, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let asset = find(asset, session)?;
    let detail = json!({"asset": asset.id.0}).to_string();
    let audit = session.audit("device.link", format!("device:{id}"), detail);
    session.store.link(id, asset.id, &audit)?;
    let shown = shown(&asset);
    Ok(out.done(
        &json!({"id": id.to_string(), "asset": super::asset::to_json(&asset)}),
        &format!("设备 {id} 已关联到 {shown}；原设备转为历史。"),
        &format!("Device {id} belongs to {shown} now; its earlier device is history."),
    )?)
}

pub(super) fn unlink(id: DeviceId, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let audit = session.audit("device.unlink", format!("device:{id}"), "");
    session.store.unlink(id, &audit)?;
    Ok(out.done(
        &json!({"id": id.to_string()}),
        &format!("设备 {id} 的关联已撤销。"),
        &format!("The link of device {id} was taken back."),
    )?)
}

pub(super) fn dismiss(
    id: DeviceId,
    asset: &str,
    session: &Session,
    out: &mut Out<'_>,
) -> Result<(), CliError> {
    let asset = find(asset, session)?;
    let detail = json!({"asset": asset.id.0}).to_string();
    let audit = session.audit("device.dismiss", format!("device:{id}"), detail);
    session.store.dismiss(id, asset.id, &audit)?;
    let shown = shown(&asset);
    Ok(out.done(
        &json!({"id": id.to_string(), "asset": asset.id.0}),
        &format!("设备 {id} 不是 {shown}，不再提示。"),
        &format!("Device {id} is not {shown}; it is not proposed again."),
    )?)
}

/// By number, else by id.
fn find(text: &str, session: &Session) -> Result<Asset, CliError> {
    let filter = AssetFilter {
        text: Some(text.to_owned()),
        ..AssetFilter::default()
    };
    let named = all(|paging| session.store.assets(&filter, paging))?;
    let by_number = named
        .into_iter()
        .map(|row| row.asset)
        .find(|asset| asset.number.as_deref() == Some(text));
    if let Some(asset) = by_number {
        return Ok(asset);
    }
    let by_id = match text.parse() {
        Ok(id) => session.store.asset(AssetId(id))?,
        Err(_) => None,
    };
    by_id
        .map(|(row, _)| row.asset)
        .ok_or_else(|| CliError::Refused(format!("there is no asset {text}; `asset list` shows all")))
}

fn shown(asset: &Asset) -> String {
    match &asset.number {
        Some(number) => format!("{number} {}", asset.name),
        None => asset.name.clone(),
    }
}

fn differences(parts: &[PartLine]) -> usize {
    parts
        .iter()
        .filter(|part| part.compared != Compared::Same)
        .count()
}

fn to_json((proposal, parts): &(Proposal, Vec<PartLine>)) -> Value {
    let matched = proposal
        .matched
        .iter()
        .map(|(kind, value)| json!({"kind": kind.name(), "value": value}));
    let parts = parts.iter().map(|part| {
        json!({
            "key": part.key, "compared": part.compared.name(), "before": part.before, "after": part.after,
        })
    });
    json!({
        "device": proposal.device.id.to_string(),
        "hostname": proposal.device.hints.hostname,
        "proposed_at": rfc3339(proposal.proposed_at),
        "provisional": proposal.provisional.id.0,
        "asset": super::asset::to_json(&proposal.asset),
        "earlier_device": proposal.current.as_ref().map(|device| device.id.to_string()),
        "earlier_last_seen_at": proposal.current.as_ref().and_then(|d| d.last_seen_at).map(rfc3339),
        "matched": matched.collect::<Vec<_>>(),
        "parts": parts.collect::<Vec<_>>(),
    })
}
