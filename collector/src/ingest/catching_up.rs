//! Judging anew after an edit: what the edit reaches is looked for once over all devices, and only that is loaded.
//! What it does not reach is judged the same, so its generation is raised in one statement. Where a collector does
//! not know what was in force before (it has just started), every asset is judged anew one by one instead.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use deskwarden_domain::{
    advance::rejudge_reached,
    judge::{Context, Memo},
    model::Millis,
    port::{Batch, LoadRequest, Scope, StoreError},
};
use deskwarden_proto::{decode::ItemId, ids::DeviceId};
use tracing::{error, info, warn};

use super::{
    edit::Edit,
    round::{Committed, Rounds},
};

/// Devices that are judged anew in one commit.
const REACHED: usize = 256;

impl Rounds {
    /// Does a part of what an edit asks for; whether there is more. Reports come between two parts.
    pub(super) fn catch_up(&mut self, now: Millis) -> Result<bool, StoreError> {
        let context = self.contexts.refresh()?;
        let Some(before) = &self.caught_up else {
            if !self.store.is_behind(context.generation)? {
                self.caught_up = Some(context);
            }
            return Ok(false);
        };
        if before.generation == context.generation {
            self.edit = None;
            return Ok(false);
        }
        match &self.edit {
            Some(edit) if edit.after == context.generation => {}
            Some(_) => {
                // Edited again meanwhile: assets are now behind by different edits.
                self.one_by_one();
                return Ok(false);
            }
            None => match Edit::plan(self.store.as_ref(), before, &context)? {
                Some(edit) => {
                    info!(
                        devices = edit.work.len(),
                        rules = edit.rules.len(),
                        "an edit is judged where it reaches"
                    );
                    self.edit = Some(edit);
                }
                None => {
                    self.one_by_one();
                    return Ok(false);
                }
            },
        }
        let Some(mut edit) = self.edit.take() else {
            return Ok(false);
        };
        let some: Vec<_> = edit.work.drain(..edit.work.len().min(REACHED)).collect();
        if !some.is_empty() {
            match catch_unwind(AssertUnwindSafe(|| self.reached(&edit, &some, &context, now))) {
                Ok(Ok(())) => {}
                Ok(Err(StoreError::Stale)) => {
                    // A report or an edit came between: those that are still behind are taken again.
                    edit.work.extend(some);
                }
                Ok(Err(fault)) => {
                    warn!(
                        error = &fault as &dyn std::error::Error,
                        "cannot judge anew together; one by one instead"
                    );
                    self.one_by_one();
                    return Ok(false);
                }
                Err(_) => {
                    self.memo = Memo::default();
                    error!("judging anew after an edit panicked: this is a defect, please report it");
                    self.one_by_one();
                    return Ok(false);
                }
            }
            self.edit = Some(edit);
            return Ok(true);
        }
        match self.store.caught_up(edit.before, edit.after) {
            Ok(()) => {
                self.caught_up = Some(context);
                Ok(false)
            }
            Err(StoreError::Stale) => {
                self.one_by_one();
                Ok(false)
            }
            Err(fault) => {
                self.edit = Some(edit);
                Err(fault)
            }
        }
    }

    /// Whether an edit is being caught up with: then nobody is judged anew only because of its generation.
    pub(super) const fn is_catching_up(&self) -> bool {
        self.edit.is_some()
    }

    fn one_by_one(&mut self) {
        self.edit = None;
        self.caught_up = None;
    }

    fn reached(
        &mut self,
        edit: &Edit,
        some: &[(DeviceId, BTreeSet<ItemId>)],
        context: &Context,
        now: Millis,
    ) -> Result<(), StoreError> {
        let requests: Vec<LoadRequest> = some
            .iter()
            .map(|(device, items)| LoadRequest {
                device: *device,
                scope: Scope::Touched {
                    items: items.iter().cloned().collect(),
                    sections: edit.sections.clone(),
                },
                staged: None,
            })
            .collect();
        let mut batch = Batch {
            generation: Some(context.generation),
            ..Batch::default()
        };
        let mut judged = Vec::with_capacity(some.len());
        for (loaded, (_, items)) in self.store.load(&requests)?.into_iter().zip(some) {
            let Some(mut state) = loaded else { continue };
            if state.asset.judged_generation != edit.before {
                // A report came first and was judged under the new rules as a whole.
                continue;
            }
            let (device, asset) = (state.device.id, state.asset.id);
            batch.assets.push((asset, state.asset.version));
            batch
                .positions
                .push((device, state.position.epoch, state.position.next_sequence));
            batch
                .ops
                .extend(rejudge_reached(&mut state, items, context, &mut self.memo, now));
            judged.push((device, asset));
        }
        if judged.is_empty() {
            return Ok(());
        }
        let applied = self.store.apply(&batch)?;
        (self.committed)(&Committed {
            devices: judged,
            reports: 0,
            applied,
        });
        Ok(())
    }
}
