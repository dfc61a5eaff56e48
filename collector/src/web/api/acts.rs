//! What a program may decide: on a finding, and that a device looks again.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use deskwarden_domain::model::{FindingAction, FindingId};
use deskwarden_proto::ids::DeviceId;
use serde::Deserialize;
use serde_json::json;

use super::refused;
use crate::{
    actions::{Decision, DecisionError},
    web::{asked::Asked, decisions, error::WebError, guard::JsonBody, state::WebState},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    action: String,
    #[serde(default)]
    note: String,
}

/// `POST /api/v1/findings/{id}/action`: `{"action": "acknowledge", "note": "..."}`.
pub(in crate::web) async fn decide(
    State(state): State<WebState>,
    asked: Asked,
    Extension(JsonBody(body)): Extension<JsonBody>,
) -> Result<Response, WebError> {
    let id = asked.places.get("id").and_then(|id| id.parse().ok());
    let finding = id.map(FindingId).ok_or(WebError::NotFound)?;
    let detail = state
        .ask(move |store| store.finding(finding))
        .await?
        .ok_or(WebError::NotFound)?;
    let asset = detail.row.asset.as_ref();
    asked.must_see(asset.and_then(|asset| asset.department.as_deref()))?;
    let wanted: Wanted = match serde_json::from_slice(&body) {
        Ok(wanted) => wanted,
        Err(error) => return Ok(refused(&error.to_string())),
    };
    let Some(action) = FindingAction::by_name(&wanted.action) else {
        let names = FindingAction::ALL.map(FindingAction::name).join(", ");
        return Ok(refused(&format!("`action` is one of {names}")));
    };
    let decision = Decision {
        finding,
        action,
        actor: asked.viewer.name.clone(),
        note: wanted.note.trim().to_owned(),
        now: state.clock.now(),
    };
    let actions = Arc::clone(&state.actions);
    let done = tokio::task::spawn_blocking(move || actions.act(&decision))
        .await
        .map_err(|_| WebError::Internal("a decision was cut off"))?;
    match done {
        Ok(()) => {
            let after = state.ask(move |store| store.finding(finding)).await?;
            let after = after.map(|detail| detail.row.finding.state.name());
            Ok(Json(json!({"id": finding.0, "state": after})).into_response())
        }
        Err(DecisionError::Refused(why)) => {
            let body = json!({"error": decisions::refusal(&why), "message": why.to_string()});
            Ok((StatusCode::CONFLICT, Json(body)).into_response())
        }
        Err(DecisionError::Unknown(_)) => Err(WebError::NotFound),
        Err(DecisionError::Store(error)) => Err(error.into()),
    }
}

/// `POST /api/v1/devices/{id}/refresh`: the device looks at everything now, if it is connected here.
pub(in crate::web) async fn refresh(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Response, WebError> {
    let id: DeviceId = asked
        .places
        .get("id")
        .and_then(|id| id.parse().ok())
        .ok_or(WebError::NotFound)?;
    let detail = state.ask(move |store| store.device_detail(id)).await?;
    asked.must_see(detail.ok_or(WebError::NotFound)?.asset.department.as_deref())?;
    let audit = asked.audit(&state, "device.refresh", format!("device:{id}"), "");
    let asked_for = (state.refresh)(id);
    if asked_for {
        state.ask(move |store| store.audit(&audit)).await?;
    }
    Ok((StatusCode::ACCEPTED, Json(json!({"asked": asked_for}))).into_response())
}
