//! One round of the writer: jobs of several devices, loaded together, advanced in order, applied in one
//! commit. A round that fails because of one device is repeated device by device.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use deskwarden_domain::{
    advance::{Incoming, Step, advance, needs_everything, rejudge},
    judge::{Context, Memo},
    model::{AssetId, Millis},
    port::{Applied, Batch, DeviceState, LoadRequest, Op, Scope, Store, StoreError},
};
use deskwarden_proto::{
    decode::ValidBody,
    ids::DeviceId,
    v1::{Gap, Section},
};
use tracing::{debug_span, error, warn};

use super::{
    context::Contexts,
    edit::Edit,
    group::{Work, split},
    job::{Answer, Company, Done, Job},
    opening::{self, Anew},
    steps::Steps,
};
use crate::{
    entropy::{self, Entropy},
    meter::Meter,
};

/// How often a round is judged anew because the rules or an asset changed meanwhile.
const ATTEMPTS: usize = 8;
/// Devices that are judged anew in one commit: each is loaded whole.
const ANEW: usize = 32;

/// What a commit did.
#[derive(Debug)]
pub struct Committed {
    /// Devices that it was about, each with its asset.
    pub devices: Vec<(DeviceId, AssetId)>,
    /// Messages of devices that it took in.
    pub reports: u64,
    /// What the store says.
    pub applied: Applied,
}

/// What rounds work with.
pub(super) struct Rounds {
    pub(super) store: Arc<dyn Store>,
    pub(super) contexts: Arc<Contexts>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) memo: Memo,
    pub(super) committed: Box<dyn Fn(&Committed) + Send>,
    /// What every asset was judged under, where that is known.
    pub(super) caught_up: Option<Context>,
    /// What an edit still asks for.
    pub(super) edit: Option<Edit>,
    /// What is counted.
    pub(super) meter: Arc<Meter>,
}

/// Why a round came to nothing.
enum Failure {
    /// The store is out of reach.
    Busy,
    /// One of its devices cannot be stored or judged.
    Poisoned,
}

/// What a round is to write, and what its jobs are answered then.
struct Judged {
    batch: Batch,
    answers: Vec<Vec<Done>>,
    devices: Vec<(DeviceId, AssetId)>,
}

struct Outcome {
    answers: Vec<Vec<Done>>,
    committed: Option<Committed>,
}

impl Rounds {
    /// Does what of the jobs may share a commit; the others come back, in their order, for the next one.
    pub(super) fn run(&mut self, jobs: Vec<Job>, now: Millis) -> Vec<Job> {
        let (works, deferred) = split(jobs);
        let mut steps = Steps::of(&works);
        self.together(works, now, &mut steps);
        steps.tell();
        deferred
    }

    /// Judges devices anew, many in one commit. Returns how many could not be.
    pub(super) fn rejudge(&mut self, devices: &[DeviceId], now: Millis) -> usize {
        let mut failed = 0;
        for some in devices.chunks(ANEW) {
            if self.rejudged(some, now) {
                continue;
            }
            // One of them spoils the commit: the others need not wait for it.
            failed += some
                .iter()
                .filter(|device| !self.rejudged(&[**device], now))
                .count();
        }
        failed
    }

    fn rejudged(&mut self, devices: &[DeviceId], now: Millis) -> bool {
        match catch_unwind(AssertUnwindSafe(|| self.try_rejudge(devices, now))) {
            Ok(Ok(())) => true,
            Ok(Err(fault)) => {
                warn!(
                    ?devices,
                    error = &fault as &dyn std::error::Error,
                    "cannot judge devices anew now"
                );
                false
            }
            Err(_) => {
                self.memo = Memo::default();
                error!(
                    ?devices,
                    "judging a device anew panicked: this is a defect, please report it"
                );
                false
            }
        }
    }

    fn try_rejudge(&mut self, devices: &[DeviceId], now: Millis) -> Result<(), StoreError> {
        let request = |device: &DeviceId| LoadRequest {
            device: *device,
            scope: Scope::Everything,
            staged: None,
        };
        let requests: Vec<LoadRequest> = devices.iter().map(request).collect();
        for _ in 0..ATTEMPTS {
            let context = self.contexts.refresh()?;
            let mut batch = Batch {
                generation: Some(context.generation),
                ..Batch::default()
            };
            let mut judged = Vec::with_capacity(devices.len());
            for mut state in self.store.load(&requests)?.into_iter().flatten() {
                let (device, asset) = (state.device.id, state.asset.id);
                batch.assets.push((asset, state.asset.version));
                batch
                    .positions
                    .push((device, state.position.epoch, state.position.next_sequence));
                batch
                    .ops
                    .extend(rejudge(&mut state, &context, &mut self.memo, now));
                judged.push((device, asset));
            }
            if batch.ops.is_empty() {
                return Ok(());
            }
            match self.store.apply(&batch) {
                Ok(applied) => {
                    (self.committed)(&Committed {
                        devices: judged,
                        reports: 0,
                        applied,
                    });
                    return Ok(());
                }
                Err(StoreError::Stale) => {}
                Err(other) => return Err(other),
            }
        }
        Err(StoreError::Stale)
    }

    fn together(&mut self, works: Vec<Work>, now: Millis, steps: &mut Steps) {
        match self.attempt(&works, now, steps) {
            Ok(outcome) => {
                if let Some(committed) = &outcome.committed {
                    (self.committed)(committed);
                }
                for (work, answers) in works.into_iter().zip(outcome.answers) {
                    for (job, answer) in work.jobs.into_iter().zip(answers) {
                        if let Some(age) = job.age().filter(|_| answer.is_acknowledgement()) {
                            self.meter.acknowledged.add(age);
                            self.meter.writes.taken();
                        }
                        job.answer(answer);
                    }
                }
            }
            Err(Failure::Poisoned) if works.len() > 1 => {
                for work in works {
                    self.together(vec![work], now, steps);
                }
            }
            Err(failure) => {
                let answer = match failure {
                    Failure::Busy => Answer::Busy,
                    Failure::Poisoned => Answer::Failed,
                };
                for job in works.into_iter().flat_map(|work| work.jobs) {
                    job.answer(Done::Record(answer.clone()));
                }
            }
        }
    }

    fn attempt(&mut self, works: &[Work], now: Millis, steps: &mut Steps) -> Result<Outcome, Failure> {
        for _ in 0..ATTEMPTS {
            steps.attempts += 1;
            let tried = catch_unwind(AssertUnwindSafe(|| self.once(works, now, steps)));
            match tried {
                Ok(Ok(outcome)) => return Ok(outcome),
                Ok(Err(StoreError::Stale)) => {
                    if let Err(fault) = self.contexts.refresh() {
                        return Err(self.out_of_reach(&fault, works, now));
                    }
                }
                Ok(Err(fault @ StoreError::Unavailable { .. })) => {
                    return Err(self.out_of_reach(&fault, works, now));
                }
                Ok(Err(fault)) => {
                    if let [work] = works {
                        let device = work.request.device;
                        error!(%device, error = &fault as &dyn std::error::Error, "the store refuses a report");
                    }
                    return Err(Failure::Poisoned);
                }
                Err(_) => {
                    self.memo = Memo::default();
                    if let [work] = works {
                        let device = work.request.device;
                        error!(%device, "judging a report panicked: this is a defect, please report it");
                    }
                    return Err(Failure::Poisoned);
                }
            }
        }
        warn!("the rules or the assets change faster than reports can be judged");
        Err(Failure::Busy)
    }

    fn out_of_reach(&self, fault: &StoreError, works: &[Work], now: Millis) -> Failure {
        warn!(
            error = fault as &dyn std::error::Error,
            "the store is out of reach"
        );
        if works.iter().flat_map(|work| &work.jobs).any(Job::is_record) {
            self.meter.writes.refused(now);
        }
        Failure::Busy
    }

    fn once(&mut self, works: &[Work], now: Millis, steps: &mut Steps) -> Result<Outcome, StoreError> {
        let context = self.contexts.current();
        let began = Instant::now();
        let states = debug_span!("load").in_scope(|| self.load(works, &context));
        steps.loaded(began.elapsed(), &self.meter);
        let states = states?;
        let began = Instant::now();
        let judged = debug_span!("judge").in_scope(|| self.judge(works, states, &context, now));
        steps.judged(began.elapsed(), &self.meter);
        let Judged {
            batch,
            answers,
            devices,
        } = judged?;
        if batch.ops.is_empty() {
            return Ok(Outcome {
                answers,
                committed: None,
            });
        }
        steps.ops += batch.ops.len();
        let began = Instant::now();
        let applied = debug_span!("write").in_scope(|| self.store.apply(&batch));
        let durable = applied
            .as_ref()
            .map(|applied| applied.durable)
            .unwrap_or_default();
        steps.written(began.elapsed(), durable, &self.meter);
        Ok(Outcome {
            answers,
            committed: Some(Committed {
                devices,
                reports: works.iter().map(|work| work.jobs.len() as u64).sum(),
                applied: applied?,
            }),
        })
    }

    fn judge(
        &mut self,
        works: &[Work],
        states: Vec<Option<(DeviceState, bool)>>,
        context: &Context,
        now: Millis,
    ) -> Result<Judged, StoreError> {
        let mut batch = Batch {
            generation: Some(context.generation),
            ..Batch::default()
        };
        let mut answers = Vec::with_capacity(works.len());
        let mut devices = Vec::new();
        for (work, loaded) in works.iter().zip(states) {
            let Some((mut state, everything)) = loaded else {
                answers.push(work.jobs.iter().map(|_| Done::Record(Answer::Unknown)).collect());
                continue;
            };
            batch.assets.push((state.asset.id, state.asset.version));
            batch.positions.push((
                state.device.id,
                state.position.epoch,
                state.position.next_sequence,
            ));
            devices.push((state.device.id, state.asset.id));
            let mut closed = false;
            let mut of_device = Vec::with_capacity(work.jobs.len());
            for job in &work.jobs {
                let fenced = job.is_fenced() || closed && matches!(job, Job::Record { .. });
                let done = if fenced {
                    Done::Record(Answer::Fenced)
                } else {
                    self.one(job, &mut state, everything, context, now, &mut batch.ops)?
                };
                closed = match &done {
                    Done::Record(answer) => !matches!(answer, Answer::Acknowledged { .. }),
                    Done::Opened(_) => false,
                    Done::Nothing => closed,
                };
                of_device.push(done);
            }
            answers.push(of_device);
        }
        Ok(Judged {
            batch,
            answers,
            devices,
        })
    }

    /// States of the works, each with whether it holds every item.
    fn load(
        &self,
        works: &[Work],
        context: &Context,
    ) -> Result<Vec<Option<(DeviceState, bool)>>, StoreError> {
        let requests: Vec<LoadRequest> = works.iter().map(|work| work.request.clone()).collect();
        let mut states: Vec<Option<(DeviceState, bool)>> = self
            .store
            .load(&requests)?
            .into_iter()
            .map(|state| state.map(|state| (state, false)))
            .collect();
        let records = |work: &Work| work.jobs.iter().any(|job| matches!(job, Job::Record { .. }));
        let whole: Vec<usize> = works
            .iter()
            .zip(&states)
            .enumerate()
            .filter(|(_, (work, state))| {
                records(work)
                    && state
                        .as_ref()
                        .is_some_and(|(state, _)| needs_everything(state, context))
            })
            .map(|(index, _)| index)
            .collect();
        if whole.is_empty() {
            return Ok(states);
        }
        let again: Vec<LoadRequest> = whole
            .iter()
            .filter_map(|index| requests.get(*index))
            .map(|request| LoadRequest {
                scope: Scope::Everything,
                ..request.clone()
            })
            .collect();
        for (index, state) in whole.into_iter().zip(self.store.load(&again)?) {
            if let Some(slot) = states.get_mut(index) {
                *slot = state.map(|state| (state, true));
            }
        }
        Ok(states)
    }

    fn one(
        &mut self,
        job: &Job,
        state: &mut DeviceState,
        everything: bool,
        context: &Context,
        now: Millis,
        ops: &mut Vec<Op>,
    ) -> Result<Done, StoreError> {
        match job {
            Job::Record { incoming, .. } => {
                let mut step = advance(state, incoming, everything, context, &mut self.memo, now);
                if step == Step::Ahead {
                    // An agent whose outbox ran full puts one snapshot in the place of older records: they
                    // never come. What else may be missing shows in the digests of the next hello.
                    let missing = incoming.sequence.saturating_sub(state.position.next_sequence);
                    gap(state, incoming, missing, now, ops);
                    state.position.next_sequence = incoming.sequence;
                    step = advance(state, incoming, everything, context, &mut self.memo, now);
                }
                let answer = match step {
                    Step::Applied(more) => {
                        ops.extend(more);
                        acknowledged(state, incoming.sequence, Vec::new())
                    }
                    Step::Duplicate => acknowledged(state, incoming.sequence, Vec::new()),
                    Step::Incomplete => {
                        let section = incomplete(state, incoming, now, ops);
                        acknowledged(state, incoming.sequence, section.into_iter().collect())
                    }
                    Step::Fork => {
                        let key = self.key()?;
                        let epoch = state.position.epoch;
                        opening::anew(state, Anew::Fork, epoch, key, now, ops);
                        Answer::Forked
                    }
                    Step::OtherEpoch | Step::Ahead => Answer::OtherEpoch,
                };
                Ok(Done::Record(answer))
            }
            Job::Open {
                hello,
                company: Company::Look,
                ..
            } => Ok(Done::Opened(opening::look(state, hello))),
            Job::Open {
                hello,
                company: Company::Beside,
                ..
            } => Ok(Done::Opened(opening::beside(state, hello, now, ops))),
            Job::Open { hello, .. } => {
                let key = self.key()?;
                Ok(Done::Opened(opening::open(state, hello, key, now, ops)))
            }
            Job::NewEpoch { epoch, .. } => {
                let key = self.key()?;
                if state.position.next_sequence > 1 {
                    opening::anew(state, Anew::Lost, *epoch, key, now, ops);
                }
                Ok(Done::Opened(opening::Opened {
                    epoch: state.position.epoch,
                    next_sequence: state.position.next_sequence,
                    resume_token: state.position.resume_token(state.position.applied()),
                    resync: opening::stored_sections(state),
                    recorded_gap: true,
                    forked: false,
                }))
            }
            Job::Goodbye { device } => {
                ops.push(Op::Seen {
                    device: *device,
                    at: now,
                    goodbye: true,
                });
                Ok(Done::Nothing)
            }
        }
    }

    fn key(&self) -> Result<[u8; 32], StoreError> {
        entropy::bytes(self.entropy.as_ref()).map_err(|source| StoreError::Unavailable {
            context: "cannot make a resume key".to_owned(),
            source: Box::new(source),
        })
    }
}

fn acknowledged(state: &DeviceState, sequence: u64, resync: Vec<Section>) -> Answer {
    Answer::Acknowledged {
        sequence,
        resume_token: state.position.resume_token(sequence),
        resync,
    }
}

/// A snapshot whose chunks are not all here is passed over, so that it blocks nothing, and asked for
/// again.
fn incomplete(
    state: &mut DeviceState,
    incoming: &Incoming,
    now: Millis,
    ops: &mut Vec<Op>,
) -> Option<Section> {
    let section = match &incoming.payload.body {
        ValidBody::Chunk(chunk) => Some(chunk.section),
        ValidBody::Delta(_) => None,
    };
    gap(state, incoming, 1, now, ops);
    if let Some(section) = section {
        ops.push(Op::Unstage {
            device: state.device.id,
            section,
        });
    }
    state.position.next_sequence = incoming.sequence.saturating_add(1);
    state.position.last_payload_hash = Some(incoming.payload_hash);
    opening::moved(state, ops);
    section
}

/// Records that will never come, in the timeline of the section that the next one is about.
fn gap(state: &DeviceState, next: &Incoming, records: u64, now: Millis, ops: &mut Vec<Op>) {
    let section = match &next.payload.body {
        ValidBody::Chunk(chunk) => chunk.section,
        ValidBody::Delta(delta) => {
            let items = delta
                .put
                .iter()
                .map(|put| put.id.section)
                .chain(delta.gone.iter().map(|id| id.section));
            items
                .chain(delta.sources.iter().map(|source| source.section))
                .next()
                .unwrap_or(Section::Os)
        }
    };
    let reason = "records before this one were left out".to_owned();
    let gap = Gap {
        section: section.into(),
        records,
        reason,
        from_ms: 0,
        to_ms: now,
    };
    ops.push(Op::Gap {
        device: state.device.id,
        gap,
        at: now,
    });
}
