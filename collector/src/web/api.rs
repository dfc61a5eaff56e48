//! `/api/v1`: findings and devices as JSON, read-only. Field names are the vocabulary's; times are Unix
//! milliseconds.

use axum::{
    Json,
    extract::{Path, State},
};
use deskwarden_domain::{
    model::{Asset, Device, FindingId},
    port::{FindingRow, Paging},
};
use deskwarden_proto::{ids::DeviceId, section};
use serde_json::{Value, json};

use super::{badge::look_name, error::WebError, form::Query, pages::findings::filter, state::WebState};

const MOST: u32 = 500;

/// `GET /api/v1/findings`: the filter of the page, plus `limit` and `offset`.
pub(super) async fn findings(State(state): State<WebState>, query: Query) -> Result<Json<Value>, WebError> {
    let (filter, paging) = (filter(&query), paging(&query));
    let page = state.ask(move |store| store.findings(&filter, paging)).await?;
    let rows: Vec<Value> = page.rows.iter().map(finding_row).collect();
    Ok(Json(json!({"total": page.total, "findings": rows})))
}

/// `GET /api/v1/findings/{id}`.
pub(super) async fn finding(
    State(state): State<WebState>,
    Path(id): Path<String>,
) -> Result<Json<Value>, WebError> {
    let id = id.parse().map(FindingId).map_err(|_| WebError::NotFound)?;
    let detail = state
        .ask(move |store| store.finding(id))
        .await?
        .ok_or(WebError::NotFound)?;
    let mut row = finding_row(&detail.row);
    let evidence: Vec<Value> = detail
        .evidence
        .iter()
        .map(|evidence| {
            json!({
                "section": evidence.item.as_ref().map(|item| section::name(item.section)),
                "source": evidence.item.as_ref().map(|item| &item.source),
                "key": evidence.item.as_ref().map(|item| &item.key),
                "principal": evidence.item.as_ref().map(|item| &item.principal),
                "since": evidence.since,
                "detail": serde_json::from_str::<Value>(&evidence.detail).unwrap_or_default(),
            })
        })
        .chain(detail.row.finding.seen.iter().map(|seen| {
            json!({
                "since": detail.row.finding.first_seen,
                "detail": serde_json::from_str::<Value>(seen).unwrap_or_default(),
            })
        }))
        .collect();
    if let Some(object) = row.as_object_mut() {
        object.insert(
            "device".into(),
            json!(detail.device.map(|device| device.id.to_string())),
        );
        object.insert("evidence".into(), evidence.into());
        object.insert("history".into(), json!(detail.history));
    }
    Ok(Json(row))
}

/// `GET /api/v1/devices`: newest first.
pub(super) async fn devices(State(state): State<WebState>, query: Query) -> Result<Json<Value>, WebError> {
    let paging = paging(&query);
    let page = state.ask(move |store| store.devices(paging)).await?;
    let rows: Vec<Value> = page
        .rows
        .iter()
        .map(|(device, asset)| device_row(device, asset))
        .collect();
    Ok(Json(json!({"total": page.total, "devices": rows})))
}

/// `GET /api/v1/devices/{id}`: with sources, counts and outcomes.
pub(super) async fn device(
    State(state): State<WebState>,
    Path(id): Path<String>,
) -> Result<Json<Value>, WebError> {
    let id: DeviceId = id.parse().map_err(|_| WebError::NotFound)?;
    let detail = state
        .ask(move |store| store.device_detail(id))
        .await?
        .ok_or(WebError::NotFound)?;
    let mut row = device_row(&detail.device, &detail.asset);
    let sources: Vec<Value> = detail
        .sources
        .iter()
        .map(|source| {
            json!({
                "section": section::name(source.section),
                "source": source.source,
                "look": look_name(source.look),
                "reason": source.reason,
                "since": source.since,
            })
        })
        .collect();
    let items: serde_json::Map<String, Value> = detail
        .counts
        .iter()
        .map(|(kind, count)| (section::name(*kind).to_owned(), json!(count)))
        .collect();
    if let Some(object) = row.as_object_mut() {
        object.insert("sources".into(), sources.into());
        object.insert("items".into(), items.into());
        object.insert("outcomes".into(), json!(detail.outcomes));
        object.insert("ledger".into(), json!(detail.ledger));
    }
    Ok(Json(row))
}

fn paging(query: &Query) -> Paging {
    let number = |name| query.some(name).and_then(|text| text.parse::<u64>().ok());
    let limit = number("limit").unwrap_or(100).clamp(1, u64::from(MOST));
    Paging {
        offset: number("offset").unwrap_or(0).min(100_000_000),
        limit: u32::try_from(limit).unwrap_or(MOST),
    }
}

fn finding_row(row: &FindingRow) -> Value {
    let finding = &row.finding;
    json!({
        "id": row.id,
        "rule": finding.key.rule,
        "clause": finding.clause,
        "severity": finding.severity,
        "state": finding.state,
        "holder": finding.key.holder.to_string(),
        "subject": finding.key.subject,
        "subject_name": finding.subject_name,
        "asset": row.asset.as_ref().map(asset_row),
        "first_seen": finding.first_seen,
        "last_seen": finding.last_seen,
        "opened_at": finding.opened_at,
        "resolved_at": finding.resolved_at,
        "reopened": finding.reopened,
    })
}

fn asset_row(asset: &Asset) -> Value {
    json!({
        "id": asset.id,
        "number": asset.number,
        "name": asset.name,
        "custodian": asset.custodian,
        "department": asset.department,
        "state": asset.state,
        "provisional": asset.provisional,
    })
}

fn device_row(device: &Device, asset: &Asset) -> Value {
    json!({
        "id": device.id.to_string(),
        "asset": asset_row(asset),
        "status": device.status,
        "current": device.current,
        "hostname": device.hints.hostname,
        "platform": device.platform,
        "agent_version": device.agent_version,
        "enrolled_at": device.enrolled_at,
        "last_seen_at": device.last_seen_at,
        "goodbye_at": device.goodbye_at,
        "certificate_ends_at": device.certificate_ends_at,
    })
}
