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
    model::{AssetId, Millis},
    port::{Batch, LoadRequest, Op, Scope, StoreError},
};
use deskwarden_proto::{decode::ItemId, ids::DeviceId};
use tracing::{error, info, warn};

use super::{
    edit::{Edit, Part},
    round::{Committed, Rounds},
};

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
                        outcomes_only = edit.outcomes.len(),
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
        if let Some(part) = edit.part() {
            match catch_unwind(AssertUnwindSafe(|| self.part(&edit, &part, &context, now))) {
                Ok(Ok(())) => {}
                // A report or an edit came between: those that are still behind are taken again.
                Ok(Err(StoreError::Stale)) => edit.again(part),
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

    fn part(&mut self, edit: &Edit, part: &Part, context: &Context, now: Millis) -> Result<(), StoreError> {
        let mut batch = Batch {
            generation: Some(context.generation),
            ..Batch::default()
        };
        let judged = match part {
            Part::Judge(some) => self.reached(edit, some, context, now, &mut batch)?,
            Part::Outcomes(some) => self.outcomes(edit, some, context, &mut batch)?,
        };
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

    fn reached(
        &mut self,
        edit: &Edit,
        some: &[(DeviceId, BTreeSet<ItemId>)],
        context: &Context,
        now: Millis,
        batch: &mut Batch,
    ) -> Result<Vec<(DeviceId, AssetId)>, StoreError> {
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
        Ok(judged)
    }

    /// Of these only what rules could look at is asked: they show nothing of the edit.
    fn outcomes(
        &self,
        edit: &Edit,
        some: &[DeviceId],
        context: &Context,
        batch: &mut Batch,
    ) -> Result<Vec<(DeviceId, AssetId)>, StoreError> {
        let mut judged = Vec::with_capacity(some.len());
        for (standing, device) in self.store.standing(some)?.into_iter().zip(some) {
            let Some(standing) = standing.filter(|standing| standing.asset.judged_generation == edit.before)
            else {
                continue;
            };
            let asset = standing.asset.id;
            let (epoch, next_sequence) = standing.position;
            batch.assets.push((asset, standing.asset.version));
            batch.positions.push((*device, epoch, next_sequence));
            batch
                .ops
                .extend(edit.reach.outcomes(context, &standing.asset, &standing.sources));
            batch.ops.push(Op::Judged {
                asset,
                generation: context.generation,
                wake_at: standing.asset.wake_at,
            });
            judged.push((*device, asset));
        }
        Ok(judged)
    }
}
