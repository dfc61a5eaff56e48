//! Decisions on findings from a page: carried out by [`crate::actions`], then told to whoever watches.

use std::sync::Arc;

use deskwarden_domain::{lifecycle::Refused, model::AssetId, port::Store};
use tokio::sync::broadcast;

use super::state::{Actions, LiveEvent, LiveKind};
use crate::actions::{self, Decision, DecisionError};

/// Decisions over a store.
pub struct StoreActions {
    store: Arc<dyn Store>,
    events: broadcast::Sender<LiveEvent>,
    rejudge: Box<dyn Fn(AssetId) + Send + Sync>,
}

impl StoreActions {
    /// `rejudge` is told which asset is due, after the decision is durable; it must not block.
    pub fn new(
        store: Arc<dyn Store>,
        events: broadcast::Sender<LiveEvent>,
        rejudge: Box<dyn Fn(AssetId) + Send + Sync>,
    ) -> Self {
        Self {
            store,
            events,
            rejudge,
        }
    }
}

impl Actions for StoreActions {
    fn act(&self, decision: &Decision) -> Result<(), DecisionError> {
        actions::decide(self.store.as_ref(), decision)?;
        let detail = self.store.finding(decision.finding)?;
        let asset = detail.and_then(|detail| detail.row.finding.key.holder.asset());
        if let Some(asset) = asset {
            (self.rejudge)(asset);
        }
        // Where nobody watches, nobody is told.
        drop(self.events.send(LiveEvent {
            kind: LiveKind::FindingChanged,
            finding_id: Some(decision.finding.0),
            asset_id: asset.map(|asset| asset.0),
            at: decision.now,
        }));
        Ok(())
    }
}

/// Name of a refusal in the locales (`refused.<name>`).
pub(super) const fn refusal(refused: &Refused) -> &'static str {
    match refused {
        Refused::State { .. } => "state",
        Refused::NotAChange => "not_a_change",
        Refused::OrderCovers => "order_covers",
        Refused::LedgerDecides => "ledger_decides",
        Refused::NoteTooLong => "note_too_long",
        Refused::NoteMissing => "note_missing",
    }
}
