//! Carries out decisions on findings: loads what the decision is about, lets the domain decide, applies the
//! batch while it still holds, tells whoever judges and whoever watches.

use std::sync::Arc;

use deskwarden_domain::{
    lifecycle::{self, Refused},
    model::{AssetId, StoredItem},
    port::{FindingDetail, LoadRequest, Scope, Store, StoreError, StoreResult},
};
use tokio::sync::broadcast;

use super::state::{ActionError, ActionRequest, Actions, LiveEvent, LiveKind};

/// Decisions over a store.
pub struct StoreActions {
    store: Arc<dyn Store>,
    events: broadcast::Sender<LiveEvent>,
    rejudge: Box<dyn Fn(AssetId) + Send + Sync>,
}

/// How often a decision is taken anew when somebody else was faster.
const TRIES: usize = 3;

impl StoreActions {
    /// `rejudge` is told which asset to judge again, after the decision is durable; it must not block.
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

    fn decide(&self, request: &ActionRequest) -> Result<FindingDetail, ActionError> {
        let missing = || StoreError::NotFound(format!("finding {}", request.finding.0));
        let detail = self.store.finding(request.finding)?.ok_or_else(missing)?;
        let items = self.items(&detail)?;
        let batch = lifecycle::act(
            &detail,
            request.action,
            &items,
            &request.actor,
            &request.note,
            request.now,
        )
        .map_err(|refused| ActionError::Refused(name(&refused).to_owned()))?;
        self.store.apply(&batch)?;
        Ok(detail)
    }

    /// The items behind the evidence as they are now.
    fn items(&self, detail: &FindingDetail) -> StoreResult<Vec<StoredItem>> {
        let Some(device) = &detail.device else {
            return Ok(Vec::new());
        };
        let mine = detail
            .evidence
            .iter()
            .filter(|evidence| evidence.device == Some(device.id));
        let items: Vec<_> = mine.filter_map(|evidence| evidence.item.clone()).collect();
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let scope = Scope::Touched {
            items,
            sections: Vec::new(),
        };
        let request = LoadRequest {
            device: device.id,
            scope,
            staged: None,
        };
        let states = self.store.load(std::slice::from_ref(&request))?;
        Ok(states
            .into_iter()
            .flatten()
            .flat_map(|state| state.items.into_values())
            .collect())
    }
}

impl Actions for StoreActions {
    fn act(&self, request: &ActionRequest) -> Result<(), ActionError> {
        let mut tries = 0;
        let detail = loop {
            tries += 1;
            match self.decide(request) {
                Err(ActionError::Store(StoreError::Stale)) if tries < TRIES => {}
                other => break other?,
            }
        };
        let asset = detail.row.finding.key.holder.asset();
        if let Some(asset) = asset {
            (self.rejudge)(asset);
        }
        // Nobody watches: nobody is told.
        drop(self.events.send(LiveEvent {
            kind: LiveKind::FindingChanged,
            finding_id: Some(request.finding.0),
            asset_id: asset.map(|asset| asset.0),
            at: request.now,
        }));
        Ok(())
    }
}

/// Name of a refusal in the locales (`refused.<name>`).
const fn name(refused: &Refused) -> &'static str {
    match refused {
        Refused::State { .. } => "state",
        Refused::NotAChange => "not_a_change",
        Refused::LedgerDecides => "ledger_decides",
        Refused::NoteTooLong => "note_too_long",
        Refused::NoteMissing => "note_missing",
    }
}
