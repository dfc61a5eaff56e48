//! What happens after a commit: open pages are told, and the alerts are sent on their way.

use std::sync::Arc;

use tokio::sync::{Notify, broadcast};

use crate::{
    clock,
    ingest::Committed,
    web::{LiveEvent, LiveKind},
};

/// Events that a slow page may be behind before it has to ask for everything again.
const BEHIND: usize = 1_024;

/// The way to open pages.
pub(super) fn channel() -> broadcast::Sender<LiveEvent> {
    broadcast::Sender::new(BEHIND)
}

/// Called by the writer after each commit; blocks on nothing.
pub(super) fn after_commit(
    events: broadcast::Sender<LiveEvent>,
    wake: Arc<Notify>,
) -> Box<dyn Fn(&Committed) + Send + Sync> {
    Box::new(move |committed| {
        if !committed.applied.alerts.is_empty() {
            wake.notify_one();
        }
        if events.receiver_count() == 0 {
            return;
        }
        let at = clock::now();
        let opened = !committed.applied.alerts.is_empty();
        let kind = if opened {
            LiveKind::FindingOpened
        } else {
            LiveKind::FindingChanged
        };
        for (key, id) in &committed.applied.findings {
            let asset_id = key.holder.asset().map(|asset| asset.0);
            // Nobody watches any more: nobody is told.
            events
                .send(LiveEvent {
                    kind,
                    finding_id: Some(id.0),
                    asset_id,
                    at,
                })
                .ok();
        }
        for (_, asset) in &committed.devices {
            let seen = LiveEvent {
                kind: LiveKind::DeviceSeen,
                finding_id: None,
                asset_id: Some(asset.0),
                at,
            };
            events.send(seen).ok();
        }
    })
}
