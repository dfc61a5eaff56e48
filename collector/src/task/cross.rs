//! Judges what several devices claim together, within a moment of the commit: one collector of several does
//! it, whoever holds the lease. Two that believe to hold it do no harm: what was looked at is taken off the
//! list in the same transaction as the findings, and only once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use deskwarden_domain::{
    cross::judge_claims,
    judge::Context,
    model::{ClaimKind, ClaimOrigin, Millis},
    port::{Applied, Batch, Op, Picture, Store, StoreError, StoreResult, Touched, Value},
    rules::{RuleKind, RuleSet},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{clock, ingest::Contexts};

use super::Lease;

/// How often the list is looked at when nobody says that something changed: another collector or a command
/// may have put something there.
const EVERY: Duration = Duration::from_secs(1);
/// Touches that are looked at together.
const TOGETHER: usize = 256;
/// How often a round is judged anew because something changed meanwhile.
const ATTEMPTS: usize = 8;

/// What the task works with.
pub struct Cross {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Rules in force.
    pub contexts: Arc<Contexts>,
    /// Who does it.
    pub lease: Lease,
    /// Rung after every commit.
    pub wake: Arc<Notify>,
    /// Told what was committed: must not block.
    pub committed: Box<dyn Fn(Applied) + Send + Sync>,
}

impl Cross {
    /// Judges until cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let this = Arc::new(self);
        let mut rules = String::new();
        loop {
            let worker = Arc::clone(&this);
            let known = rules.clone();
            let worked = tokio::task::spawn_blocking(move || worker.work(&known)).await;
            match worked {
                Ok(Ok(judged)) => rules = judged,
                Ok(Err(error)) => {
                    warn!(%error, "cannot judge what several devices claim now; trying again");
                }
                Err(_) => {
                    error!("judging what several devices claim panicked: this is a defect, please report it")
                }
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = this.wake.notified() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Looks at everything that is due. `known` are the rules that were in force the last time; returns those
    /// that are now.
    fn work(&self, known: &str) -> StoreResult<String> {
        let now = clock::now();
        if !self.lease.hold(self.store.as_ref(), now)? {
            // Whoever takes over cannot know what the other saw.
            return Ok(String::new());
        }
        let context = self.contexts.refresh()?;
        let rules = fingerprint(&context.rules);
        if rules != known {
            self.store.touch_everything(&rules)?;
        }
        while round(self.store.as_ref(), &self.contexts, clock::now(), &self.committed)? {}
        Ok(rules)
    }
}

/// What the findings of rules over several devices depend on.
fn fingerprint(rules: &RuleSet) -> String {
    rules
        .rules()
        .iter()
        .filter(|rule| matches!(rule.kind, RuleKind::Cross { .. }))
        .map(|rule| {
            format!(
                "{} {:?} {:?} {} {:?}\n",
                rule.id,
                rule.kind,
                rule.severity,
                rule.clause_label(),
                rule.scope
            )
        })
        .collect()
}

/// One round; whether there may be more.
fn round(
    store: &dyn Store,
    contexts: &Contexts,
    now: Millis,
    committed: &(dyn Fn(Applied) + Send + Sync),
) -> StoreResult<bool> {
    for _ in 0..ATTEMPTS {
        let due = store.touched(now, TOGETHER)?;
        if due.is_empty() {
            return Ok(false);
        }
        let context = contexts.refresh()?;
        match store.apply(&judged(store, &due, &context, now)?) {
            Ok(applied) => {
                committed(applied);
                return Ok(due.len() == TOGETHER);
            }
            Err(StoreError::Stale) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(false)
}

fn judged(store: &dyn Store, due: &[Touched], context: &Context, now: Millis) -> StoreResult<Batch> {
    let mut values: BTreeSet<Value> = due.iter().map(|touched| touched.value.clone()).collect();
    let first: Vec<Value> = values.iter().cloned().collect();
    let mut picture = store.picture(&first, now)?;
    let more = neighbours(&picture);
    if !more.is_subset(&values) {
        values.extend(more);
        let all: Vec<Value> = values.iter().cloned().collect();
        picture = store.picture(&all, now)?;
    }
    let values: Vec<Value> = values.into_iter().collect();
    let mut ops = judge_claims(&values, &picture, &context.rules, now).into_ops();
    ops.push(Op::Looked {
        ids: due.iter().map(|touched| touched.id).collect(),
    });
    Ok(Batch {
        generation: Some(context.generation),
        ops,
        ..Batch::default()
    })
}

/// What else a change of a value bears upon: who answers for an address, and which addresses a machine that
/// became known answers for. A gateway that everybody sees leads no further.
fn neighbours(picture: &Picture) -> BTreeSet<Value> {
    let seen = picture
        .said
        .iter()
        .filter(|said| matches!(said.origin, ClaimOrigin::Observed | ClaimOrigin::Imported));
    seen.filter_map(|said| {
        let (kind, value) = match said.value.kind {
            ClaimKind::Ip => (ClaimKind::Mac, &said.note.mac),
            ClaimKind::Mac => (ClaimKind::Ip, &said.note.ip),
            ClaimKind::PartSerial | ClaimKind::Media | ClaimKind::Licence => return None,
        };
        (!value.is_empty()).then(|| Value {
            kind,
            value: value.clone(),
        })
    })
    .collect()
}
