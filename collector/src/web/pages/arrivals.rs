//! `GET /arrivals` and its forms: devices that wait for approval, and new devices that may be earlier PCs
//! installed anew, with their hardware compared.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    lifecycle::NOTE_BYTES,
    model::{Asset, AssetId, AuditEntry, Device, Lang, Linked, Millis, Proposal},
    successor::{Compared, PartLine},
};
use deskwarden_proto::ids::DeviceId;

use super::{
    Asked,
    lines::{DeviceLine, Holder},
    render,
};
use crate::{
    arrivals,
    web::{
        error::WebError,
        form::Fields,
        page::Page,
        state::WebState,
        text::{Agent, agent_text},
    },
};

/// Rows of each list. Whoever has more decides these first.
const MOST: usize = 50;

#[derive(Template)]
#[template(path = "arrivals.html")]
struct ArrivalsPage {
    p: Page,
    waiting: Vec<WaitingLine>,
    proposals: Vec<ProposalLine>,
    links: Vec<LinkLine>,
}

struct WaitingLine {
    device: DeviceLine,
    holder: Holder,
    model: Agent,
}

struct ProposalLine {
    device: DeviceLine,
    holder: Holder,
    registered: bool,
    matched: Vec<(&'static str, Agent)>,
    /// Of the device that the asset has now.
    last_seen_at: Option<Millis>,
    /// The earlier device spoke after the new one enrolled: two PCs, not one.
    both: bool,
    parts: Vec<Part>,
    same: u64,
}

struct Part {
    key: Agent,
    compared: &'static str,
    before: Agent,
    after: Agent,
}

struct LinkLine {
    device: DeviceLine,
    holder: Holder,
    at: Millis,
    by: Agent,
}

/// The page.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let p = asked.page(&state, "/arrivals");
    let (waiting, proposals, links) = state
        .ask(|store| {
            let proposals = store.proposals(None, MOST)?;
            let compared = proposals
                .into_iter()
                .map(|proposal| Ok((arrivals::compared(store, &proposal)?, proposal)))
                .collect::<Result<Vec<_>, deskwarden_domain::port::StoreError>>()?;
            Ok((store.waiting(MOST)?, compared, store.links(MOST)?))
        })
        .await?;
    let lang = p.lang();
    render(&ArrivalsPage {
        waiting: waiting
            .iter()
            .map(|(device, asset)| wait(device, asset, lang))
            .collect(),
        proposals: proposals
            .iter()
            .map(|(parts, proposal)| propose(proposal, parts, lang))
            .collect(),
        links: links.iter().map(|linked| link(linked, lang)).collect(),
        p,
    })
}

/// Carries out a decision: `approve` or `deny` a waiting device, `link` or `dismiss` a proposal, `unlink`.
pub(in crate::web) async fn decide(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, WebError> {
    let device: DeviceId = id.parse().map_err(|_| WebError::NotFound)?;
    let asset = || {
        fields
            .text("asset")
            .parse()
            .map(AssetId)
            .map_err(|_| WebError::Malformed)
    };
    let note: String = fields.text("note").chars().take(NOTE_BYTES / 4).collect();
    let audit = |action: &str| AuditEntry {
        at: state.clock.now(),
        actor: asked.viewer.name.clone(),
        action: format!("device.{action}"),
        object: format!("device:{device}"),
        detail: serde_json::json!({"asset": fields.text("asset"), "note": note}).to_string(),
    };
    let done = match fields.text("action") {
        action @ ("approve" | "deny") => {
            let (audit, approved) = (audit(action), action == "approve");
            state
                .ask(move |store| match approved {
                    true => arrivals::approve(store, device, &audit),
                    false => arrivals::deny(store, device, &audit),
                })
                .await?
        }
        action @ ("link" | "dismiss") => {
            let (asset, audit, linked) = (asset()?, audit(action), action == "link");
            state
                .ask(move |store| match linked {
                    true => store.link(device, asset, &audit),
                    false => store.dismiss(device, asset, &audit),
                })
                .await?;
            true
        }
        "unlink" => {
            let audit = audit("unlink");
            state.ask(move |store| store.unlink(device, &audit)).await?;
            true
        }
        _ => return Err(WebError::Malformed),
    };
    if done {
        Ok(Redirect::to("/arrivals").into_response())
    } else {
        Err(WebError::Stale)
    }
}

fn wait(device: &Device, asset: &Asset, lang: Lang) -> WaitingLine {
    WaitingLine {
        device: DeviceLine::new(device, lang),
        holder: Holder::of(asset),
        model: agent_text(&device.hints.model),
    }
}

fn propose(proposal: &Proposal, parts: &[PartLine], lang: Lang) -> ProposalLine {
    let last_seen_at = proposal.current.as_ref().and_then(|device| device.last_seen_at);
    let part = |line: &PartLine| Part {
        key: agent_text(&line.key),
        compared: line.compared.name(),
        before: agent_text(&line.before),
        after: agent_text(&line.after),
    };
    let differs = |line: &&PartLine| line.compared != Compared::Same;
    let differing: Vec<Part> = parts.iter().filter(differs).map(part).collect();
    ProposalLine {
        device: DeviceLine::new(&proposal.device, lang),
        holder: Holder::of(&proposal.asset),
        registered: proposal.asset.number.is_some(),
        matched: proposal
            .matched
            .iter()
            .map(|(kind, value)| (kind.name(), agent_text(value)))
            .collect(),
        both: last_seen_at.is_some_and(|seen| seen > proposal.device.enrolled_at),
        last_seen_at,
        same: (parts.len() - differing.len()) as u64,
        parts: differing,
    }
}

fn link(linked: &Linked, lang: Lang) -> LinkLine {
    LinkLine {
        device: DeviceLine::new(&linked.device, lang),
        holder: Holder::of(&linked.asset),
        at: linked.at,
        by: agent_text(&linked.by),
    }
}
