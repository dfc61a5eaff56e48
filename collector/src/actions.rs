//! What people decide about findings, carried out: load what the domain needs, let it decide, apply the
//! result while it still holds. Used by the command line and by the dashboard.

use deskwarden_domain::{
    lifecycle,
    model::{FindingAction, FindingId, Millis, StoredItem},
    port::{FindingDetail, LoadRequest, Scope, Store, StoreError, StoreResult},
};

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// On which finding.
    pub finding: FindingId,
    /// What.
    pub action: FindingAction,
    /// Who.
    pub actor: String,
    /// In the person's words.
    pub note: String,
    /// When.
    pub now: Millis,
}

/// Why a decision was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// There is no such finding.
    #[error("there is no finding {0}")]
    Unknown(i64),
    /// The finding does not allow it.
    #[error(transparent)]
    Refused(#[from] lifecycle::Refused),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How often a decision is taken anew when the finding changes under it.
const ATTEMPTS: u32 = 4;

/// Carries out a decision. Blocks. The asset is due afterwards, so a running collector judges it again.
pub fn decide(store: &dyn Store, decision: &Decision) -> Result<(), DecisionError> {
    let mut attempt = 1;
    loop {
        let id = decision.finding;
        let detail = store.finding(id)?.ok_or(DecisionError::Unknown(id.0))?;
        let items = current_items(store, &detail)?;
        let batch = lifecycle::act(
            &detail,
            decision.action,
            &items,
            &decision.actor,
            &decision.note,
            decision.now,
        )?;
        match store.apply(&batch) {
            Ok(_) => return Ok(()),
            Err(StoreError::Stale) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// The items behind the evidence as they are now.
fn current_items(store: &dyn Store, detail: &FindingDetail) -> StoreResult<Vec<StoredItem>> {
    let Some(device) = &detail.device else {
        return Ok(Vec::new());
    };
    let items: Vec<_> = detail
        .evidence
        .iter()
        .filter_map(|piece| piece.item.clone())
        .collect();
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let request = LoadRequest {
        device: device.id,
        scope: Scope::Touched {
            items,
            sections: Vec::new(),
        },
        staged: None,
    };
    let loaded = store.load(&[request])?;
    Ok(loaded
        .into_iter()
        .flatten()
        .flat_map(|state| state.items.into_values())
        .collect())
}
