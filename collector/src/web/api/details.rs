//! One finding, asset or device with what hangs on it; the rules and clauses in force.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use deskwarden_domain::{
    lifecycle,
    model::{AssetId, Device, FindingId, Lang},
    port::{AssetRow, ChangeRow, ItemRow, Paging},
};
use deskwarden_proto::{describe, ids::DeviceId, section, v1::Section};
use serde_json::{Map, Value, json};

use super::{
    lists::{MOST, object},
    refused,
};
use crate::web::{
    asked::Asked,
    badge::look_name,
    error::WebError,
    list::{Context, List},
    pages::{assets::AssetList, findings::FindingList},
    state::WebState,
};

fn id<T: std::str::FromStr>(asked: &Asked) -> Result<T, WebError> {
    asked
        .places
        .get("id")
        .and_then(|text| text.parse().ok())
        .ok_or(WebError::NotFound)
}

fn context(state: &WebState, asked: &Asked) -> Context {
    Context::of(state, asked.preferences.lang)
}

fn with(mut row: Map<String, Value>, more: Value) -> Json<Value> {
    if let Value::Object(more) = more {
        row.extend(more);
    }
    Json(Value::Object(row))
}

/// `GET /api/v1/findings/{id}`: with evidence and history.
pub(in crate::web) async fn finding(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Json<Value>, WebError> {
    let id = FindingId(id(&asked)?);
    let detail = state
        .ask(move |store| store.finding(id))
        .await?
        .ok_or(WebError::NotFound)?;
    let asset = detail.row.asset.as_ref();
    asked.must_see(asset.and_then(|asset| asset.department.as_deref()))?;
    let said = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let evidence: Vec<Value> = detail
        .evidence
        .iter()
        .map(|evidence| {
            let item = evidence.item.as_ref();
            json!({
                "section": item.map(|item| section::name(item.section)),
                "source": item.map(|item| &item.source),
                "key": item.map(|item| &item.key),
                "principal": item.map(|item| &item.principal),
                "since": evidence.since,
                "detail": said(&evidence.detail),
            })
        })
        .chain(detail.row.finding.seen.iter().map(|seen| {
            json!({
                "section": null, "source": null, "key": null, "principal": null,
                "since": detail.row.finding.first_seen,
                "detail": said(seen),
            })
        }))
        .collect();
    let history: Vec<Value> = detail
        .history
        .iter()
        .map(|step| {
            json!({
                "at": step.at, "actor": step.actor, "from": step.from.map(|state| state.name()),
                "to": step.to.name(), "rejected": lifecycle::rejection(step).is_some(),
                "note": lifecycle::rejection(step).unwrap_or(&step.note),
            })
        })
        .collect();
    let row = object(&FindingList::columns(), &detail.row, &context(&state, &asked));
    let device = detail.device.map(|device| device.id.to_string());
    Ok(with(
        row,
        json!({"device": device, "evidence": evidence, "history": history}),
    ))
}

/// `GET /api/v1/assets/{id}`: with its devices over time.
pub(in crate::web) async fn asset(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Json<Value>, WebError> {
    let id = AssetId(id(&asked)?);
    let found = state.ask(move |store| store.asset(id)).await?;
    let (row, devices): (AssetRow, Vec<Device>) = found.ok_or(WebError::NotFound)?;
    asked.must_see(row.asset.department.as_deref())?;
    asked.looks_at(&state, format!("asset:{}", id.0)).await?;
    let object = object(&AssetList::columns(), &row, &context(&state, &asked));
    let devices: Vec<Value> = devices.iter().map(device_row).collect();
    Ok(with(object, json!({"devices": devices})))
}

fn device_row(device: &Device) -> Value {
    json!({
        "id": device.id.to_string(),
        "asset_id": device.asset.0,
        "status": device.status.name(),
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

/// `GET /api/v1/devices/{id}`: with sources, counts and outcomes.
pub(in crate::web) async fn device(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Json<Value>, WebError> {
    let id: DeviceId = id(&asked)?;
    let detail = state
        .ask(move |store| store.device_detail(id))
        .await?
        .ok_or(WebError::NotFound)?;
    asked.must_see(detail.asset.department.as_deref())?;
    asked.looks_at(&state, format!("device:{id}")).await?;
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
    let items: Map<String, Value> = detail
        .counts
        .iter()
        .map(|(kind, count)| (section::name(*kind).to_owned(), json!(count)))
        .collect();
    let outcomes: Vec<Value> = detail
        .outcomes
        .iter()
        .map(|row| json!({"rule": row.rule, "outcome": row.outcome.name(), "reason": row.reason}))
        .collect();
    let addresses: Vec<&str> = detail.ledger.iter().map(|entry| entry.address.as_str()).collect();
    let more = json!({"sources": sources, "items": items, "outcomes": outcomes, "assigned": addresses});
    match device_row(&detail.device) {
        Value::Object(row) => Ok(with(row, more)),
        _ => Err(WebError::Internal("a device is no object")),
    }
}

/// A window of a device's rows: section and offset.
pub(super) fn window(asked: &Asked) -> Result<(Option<Section>, Paging), String> {
    let section = match asked.query.some("section") {
        None => None,
        Some(name) => Some(section::by_name(name).ok_or_else(|| {
            let names: Vec<&str> = section::ALL.into_iter().map(section::name).collect();
            format!("`section` is one of {}", names.join(", "))
        })?),
    };
    let number = |name: &str, usual: u64, most: u64| match asked.query.some(name).map(str::parse::<u64>) {
        None => Ok(usual),
        Some(Ok(number)) if number <= most => Ok(number),
        Some(_) => Err(format!("`{name}` is a number up to {most}")),
    };
    let limit = number("limit", 100, u64::from(MOST))?;
    Ok((
        section,
        Paging {
            offset: number("offset", 0, 1_000_000_000)?,
            limit: u32::try_from(limit).unwrap_or(MOST),
        },
    ))
}

/// The device, if the reader sees it.
async fn visible(state: &WebState, asked: &Asked) -> Result<DeviceId, WebError> {
    let id: DeviceId = id(asked)?;
    let detail = state.ask(move |store| store.device_detail(id)).await?;
    let detail = detail.ok_or(WebError::NotFound)?;
    asked.must_see(detail.asset.department.as_deref())?;
    asked.looks_at(state, format!("device:{id}")).await?;
    Ok(id)
}

/// `GET /api/v1/devices/{id}/items`: facts of a section with their named fields.
pub(in crate::web) async fn device_items(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Response, WebError> {
    let device = visible(&state, &asked).await?;
    let (section, paging) = match window(&asked) {
        Ok((Some(section), paging)) => (section, paging),
        Ok((None, _)) => return Ok(refused("`section` says which facts")),
        Err(fault) => return Ok(refused(&fault)),
    };
    let page = state
        .ask(move |store| store.items(device, section, paging))
        .await?;
    let rows: Vec<Value> = page.rows.iter().map(item_row).collect();
    Ok(Json(json!({"total": page.total, "items": rows})).into_response())
}

fn item_row(row: &ItemRow) -> Value {
    let item = &row.item;
    json!({
        "section": section::name(item.id.section),
        "source": item.id.source,
        "key": item.id.key,
        "principal": item.id.principal,
        "fields": fields(&item.facet),
        "first_seen": item.first_seen,
        "changed_at": item.changed_at,
        "accepted": row.baseline.as_ref().map(|baseline| baseline.facet_hash == item.facet_hash),
    })
}

/// A facet's fields by name; empty where this build cannot read it.
fn fields(facet: &[u8]) -> Value {
    use deskwarden_proto::Message as _;
    deskwarden_proto::v1::Facet::decode(facet)
        .ok()
        .and_then(|facet| facet.kind)
        .map_or(Value::Null, |kind| describe::to_json(&kind, false))
}

/// `GET /api/v1/devices/{id}/changes`: the timeline, newest first.
pub(in crate::web) async fn device_changes(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Response, WebError> {
    let device = visible(&state, &asked).await?;
    let (section, paging) = match window(&asked) {
        Ok(window) => window,
        Err(fault) => return Ok(refused(&fault)),
    };
    let page = state
        .ask(move |store| store.changes(device, section, paging))
        .await?;
    let rows: Vec<Value> = page.rows.iter().map(change_row).collect();
    Ok(Json(json!({"total": page.total, "changes": rows})).into_response())
}

fn change_row(row: &ChangeRow) -> Value {
    let change = &row.change;
    let side = |facet: &Option<deskwarden_proto::Bytes>| facet.as_deref().map(fields);
    json!({
        "id": row.id,
        "section": section::name(change.id.section),
        "source": change.id.source,
        "key": change.id.key,
        "principal": change.id.principal,
        "kind": change.kind.name(),
        "before": side(&change.before),
        "after": side(&change.after),
        "received_at": change.received_at,
        "observed_at": change.observed_at,
    })
}

/// `GET /api/v1/rules`: the rules in force.
pub(in crate::web) async fn rules(State(state): State<WebState>) -> Json<Value> {
    let rules = state.rules_now();
    let rows: Vec<Value> = rules
        .rules()
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "title_zh": rule.title.get(Lang::Zh),
                "title_en": rule.title.get(Lang::En),
                "severity": rule.severity.name(),
                "regulation": rule.regulation,
                "clause": rule.clause,
                "kind": rule.kind.name(),
            })
        })
        .collect();
    Json(json!({"rules": rows}))
}

/// `GET /api/v1/clauses`: the clauses of the regulations and how they are checked.
pub(in crate::web) async fn clauses(State(state): State<WebState>) -> Json<Value> {
    let rules = state.rules_now();
    let rows: Vec<Value> = rules
        .regulations()
        .iter()
        .flat_map(|regulation| regulation.clauses.iter().map(move |clause| (regulation, clause)))
        .map(|(regulation, clause)| {
            let own: Vec<&str> = rules
                .rules()
                .iter()
                .filter(|rule| rule.proves(&regulation.id, &clause.number))
                .map(|rule| rule.id.as_str())
                .collect();
            json!({
                "regulation": regulation.id,
                "clause": clause.number,
                "wording_zh": clause.wording.get(Lang::Zh),
                "wording_en": clause.wording.get(Lang::En),
                "checkable": clause.checkable.name(),
                "rules": own,
            })
        })
        .collect();
    Json(json!({"clauses": rows}))
}
