//! The admission check: one complete look of a provider's device, judged at once, recorded, and forgotten but for its
//! verdict. What the device sends is bounded in pieces, bytes, items and time.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use deskwarden_domain::{
    admission,
    lifecycle::PRODUCT,
    model::{ADMISSION_LASTS, Admission, AuditEntry, Checked, Lang, Outcome},
    port::{Store, StoreError},
};
use deskwarden_proto::{
    decode::{self, ItemPut, SourceReport, ValidBody},
    limits::{FRAME_BYTES, ITEMS_PER_SECTION},
    section,
    v1::{
        AdmissionOutcome, AdmissionPiece, AdmissionRule, AdmissionVerdict,
        admission_server::Admission as AdmissionCalls,
    },
};
use tokio::{sync::Semaphore, time::timeout};
use tonic::{Request, Response, Status, Streaming};
use tracing::{error, info};

use super::guard::{Caller, INTERNAL};
use crate::{
    clock,
    ingest::{Contexts, Now},
};

/// Looks that are taken in at the same time; more wait.
const AT_ONCE: usize = 4;
/// Longest wait for the next piece.
const PIECE: Duration = Duration::from_secs(60);
/// Most bytes of a look: twice what a full PC sends at first.
const MOST_BYTES: usize = 8 * FRAME_BYTES;

/// The service.
pub(super) struct AdmissionService {
    pub(super) store: Arc<dyn Store>,
    pub(super) contexts: Arc<Contexts>,
    pub(super) now: Now,
    pub(super) working: Semaphore,
}

impl AdmissionService {
    pub(super) fn new(store: Arc<dyn Store>, contexts: Arc<Contexts>, now: Now) -> Self {
        Self {
            store,
            contexts,
            now,
            working: Semaphore::new(AT_ONCE),
        }
    }
}

#[tonic::async_trait]
impl AdmissionCalls for AdmissionService {
    async fn check(
        &self,
        request: Request<Streaming<AdmissionPiece>>,
    ) -> Result<Response<AdmissionVerdict>, Status> {
        let caller = *request.extensions().get::<Caller>().ok_or_else(internal)?;
        let _permit = self.working.acquire().await.map_err(|_| internal())?;
        let store = Arc::clone(&self.store);
        let known = blocking(move || store.admission_of(caller.device)).await?;
        let admission = known.ok_or_else(|| {
            Status::permission_denied(
                "this certificate is not of an admission check: use the agent's `check`",
            )
        })?;
        let now = (self.now)();
        if now.saturating_sub(admission.begun_at) > ADMISSION_LASTS {
            return Err(Status::permission_denied(
                "the two hours of this check are over; begin anew with another token",
            ));
        }
        let look = Look::take(request.into_inner()).await?;
        let lang = look.lang;
        let (store, contexts) = (Arc::clone(&self.store), Arc::clone(&self.contexts));
        let verdict = blocking(move || {
            let context = contexts.refresh()?;
            let checked =
                admission::judge(&admission, look.portable, look.sources, look.items, &context, now);
            store.put_checked(admission.id, &checked, &audit(&admission, &checked))?;
            Ok(answer(&admission, &checked, lang))
        })
        .await?;
        info!(device = %caller.device, number = verdict.number, "an admission was checked");
        Ok(Response::new(verdict))
    }
}

/// A complete look.
struct Look {
    lang: Lang,
    portable: bool,
    sources: Vec<SourceReport>,
    items: Vec<ItemPut>,
}

impl Look {
    async fn take(mut pieces: Streaming<AdmissionPiece>) -> Result<Self, Status> {
        let mut look = Self {
            lang: Lang::Zh,
            portable: false,
            sources: Vec::new(),
            items: Vec::new(),
        };
        let (mut bytes, mut first) = (0usize, true);
        let mut seen = BTreeSet::new();
        loop {
            let piece = timeout(PIECE, pieces.message())
                .await
                .map_err(|_| Status::deadline_exceeded("the next piece did not come in time"))??;
            let Some(piece) = piece else {
                return Err(Status::invalid_argument("the look ended before its last piece"));
            };
            bytes = bytes.saturating_add(piece.payload.len());
            if bytes > MOST_BYTES {
                return Err(Status::resource_exhausted("the look is larger than any PC's"));
            }
            if first && piece.lang == "en" {
                look.lang = Lang::En;
            }
            look.portable |= first && piece.portable;
            first = false;
            let payload = decode::payload(&piece.payload)
                .map_err(|fault| Status::invalid_argument(fault.to_string()))?;
            let ValidBody::Delta(delta) = payload.body else {
                return Err(Status::invalid_argument("a look comes in sources and items"));
            };
            look.sources.extend(delta.sources);
            for item in delta.put {
                if seen.insert(item.id.clone()) {
                    look.items.push(item);
                }
            }
            if look.items.len() > ITEMS_PER_SECTION.saturating_mul(section::ALL.len())
                || look.sources.len() > MOST_SOURCES
            {
                return Err(Status::resource_exhausted("the look holds more than any PC"));
            }
            if piece.last {
                return Ok(look);
            }
        }
    }
}

/// Most sources of a look.
const MOST_SOURCES: usize = 4_096;

fn audit(admission: &Admission, checked: &Checked) -> AuditEntry {
    AuditEntry {
        at: checked.at,
        actor: PRODUCT.to_owned(),
        action: "admission.check".into(),
        object: format!("admission:{}", admission.id),
        detail: serde_json::json!({
            "provider": admission.provider, "hostname": admission.hostname, "outcome": checked.outcome.name(),
        })
        .to_string(),
    }
}

fn answer(admission: &Admission, checked: &Checked, lang: Lang) -> AdmissionVerdict {
    let rules = checked.rules.iter().map(|rule| AdmissionRule {
        rule: rule.rule.clone(),
        clause: rule.clause.clone(),
        title: rule.title.get(lang).to_owned(),
        outcome: outcome(rule.outcome).into(),
        reasons: rule
            .reasons
            .iter()
            .map(|text| text.get(lang).to_owned())
            .collect(),
        remedy: rule.remedy.get(lang).to_owned(),
    });
    AdmissionVerdict {
        outcome: outcome(checked.outcome).into(),
        number: admission.id,
        valid_until_ms: checked.valid_until.unwrap_or(0),
        valid_until: checked
            .valid_until
            .map(|at| clock::shown(at, lang))
            .unwrap_or_default(),
        rules: rules.collect(),
    }
}

const fn outcome(outcome: Outcome) -> AdmissionOutcome {
    match outcome {
        Outcome::Pass => AdmissionOutcome::Pass,
        Outcome::Fail => AdmissionOutcome::Fail,
        Outcome::CouldNotLook => AdmissionOutcome::CouldNotLook,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Status> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(fault)) => {
            error!(
                error = &fault as &dyn std::error::Error,
                "admission: the store failed"
            );
            Err(Status::unavailable(
                "the collector cannot answer now; try again later",
            ))
        }
        Err(_) => {
            error!("an admission check panicked: this is a defect, please report it with the log");
            Err(internal())
        }
    }
}

fn internal() -> Status {
    Status::internal(INTERNAL)
}
