//! The single writer of this process: everything that agents report goes through one bounded queue, and
//! many reports share one durable commit. Also judges anew what time or an edit made due. Owns the thread
//! that may wait for the store; knows no wire.

mod catching_up;
mod context;
mod edit;
mod group;
mod job;
mod opening;
mod round;
mod steps;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use deskwarden_domain::{
    advance::Incoming,
    judge::Memo,
    model::Millis,
    port::{Batch, Op, Store},
};
use deskwarden_proto::{ids::DeviceId, v1};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{
    entropy::Entropy,
    meter::{Meter, Waiting},
};
use job::Job;
use round::Rounds;

pub use context::{BEAT, Contexts};
pub(crate) use edit::Edit;
pub use job::{Answer, Company, Fence, NotOpened};
pub use opening::Opened;
pub use round::Committed;

/// Jobs that may wait. A session whose job finds no room stops reading, so the agent waits.
const QUEUE: usize = 1024;
/// Bytes of records that may wait, whatever their number.
const QUEUE_BYTES: usize = 64 << 20;
/// Jobs that share a commit.
const GROUP: usize = 256;
/// Bytes that share a commit, more or less.
const GROUP_BYTES: usize = 8 << 20;
/// How often due assets and an edited rule book are looked for.
const TICK: Duration = Duration::from_secs(1);
/// Devices that are judged anew between two groups of reports.
const DUE: usize = 64;
/// How often heartbeats are written down. A silent device is noticed after many minutes.
const PRESENCE: Duration = Duration::from_secs(15);

/// The time, Unix milliseconds.
pub type Now = Arc<dyn Fn() -> Millis + Send + Sync>;

/// What the writer works with.
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Rules in force.
    pub contexts: Arc<Contexts>,
    /// Keys of resume tokens.
    pub entropy: Arc<dyn Entropy>,
    /// The clock.
    pub now: Now,
    /// What is counted.
    pub meter: Arc<Meter>,
    /// Called after each commit, on the writer's thread: it must not block.
    pub committed: Box<dyn Fn(&Committed) + Send>,
}

/// The writer could not go on.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Its thread could not be started.
    #[error("cannot start the writer's thread")]
    Thread(#[source] std::io::Error),
    /// It panicked outside of a report.
    #[error("the writer ended unexpectedly: this is a defect, please report it with the log")]
    Ended,
}

/// The way to the writer. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    jobs: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
    meter: Arc<Meter>,
    presence: Arc<Mutex<HashMap<DeviceId, Millis>>>,
}

/// A job that waits, and the room that it takes.
struct Queued {
    job: Job,
    _room: Option<OwnedSemaphorePermit>,
    _waiting: Waiting,
}

impl Ingest {
    /// Starts the writer on a thread of its own, on the current runtime. The future ends when the writer
    /// does: after `cancel`, with everything done that was queued before.
    pub fn start(
        parts: Parts,
        cancel: CancellationToken,
    ) -> Result<
        (
            Self,
            impl Future<Output = Result<(), IngestError>> + Send + 'static,
        ),
        IngestError,
    > {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let presence = Arc::<Mutex<HashMap<DeviceId, Millis>>>::default();
        let (ended, end) = oneshot::channel();
        let writer = Writer {
            queue,
            presence: Arc::clone(&presence),
            now: parts.now,
            cancel,
        };
        let rounds = Rounds {
            store: parts.store,
            contexts: parts.contexts,
            entropy: parts.entropy,
            memo: Memo::default(),
            committed: parts.committed,
            caught_up: None,
            edit: None,
            meter: Arc::clone(&parts.meter),
        };
        let runtime = Handle::current();
        thread::Builder::new()
            .name("ingest".to_owned())
            .spawn(move || {
                writer.run(&runtime, rounds);
                ended.send(()).ok();
            })
            .map_err(IngestError::Thread)?;
        let running = async move { end.await.map_err(|_| IngestError::Ended) };
        let room = Arc::new(Semaphore::new(QUEUE_BYTES));
        let meter = parts.meter;
        Ok((
            Self {
                jobs,
                room,
                meter,
                presence,
            },
            running,
        ))
    }

    /// Opens a session of a device: where its stream stands, and what differs.
    pub async fn open(
        &self,
        device: DeviceId,
        company: Company,
        hello: v1::Hello,
    ) -> Result<Opened, NotOpened> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Open {
            device,
            company,
            hello: Box::new(hello),
            reply,
        };
        if !self.queue(job, None).await {
            return Err(NotOpened::Closed);
        }
        answer.await.unwrap_or(Err(NotOpened::Closed))
    }

    /// Starts a new epoch, because the agent set its outbox aside in `epoch`.
    pub async fn new_epoch(&self, device: DeviceId, fence: &Fence, epoch: u64) -> Result<Opened, NotOpened> {
        let (reply, answer) = oneshot::channel();
        let job = Job::NewEpoch {
            device,
            fence: fence.clone(),
            epoch,
            reply,
        };
        if !self.queue(job, None).await {
            return Err(NotOpened::Closed);
        }
        answer.await.unwrap_or(Err(NotOpened::Closed))
    }

    /// Queues a record; waits while the queue is full, of records or of their bytes. The answer comes on `reply`, in the order of the
    /// records of a session. `false` when the writer has ended.
    pub async fn record(
        &self,
        device: DeviceId,
        fence: &Fence,
        incoming: Incoming,
        reply: &mpsc::UnboundedSender<Answer>,
    ) -> bool {
        let (fence, reply) = (fence.clone(), reply.clone());
        let job = Job::Record {
            device,
            fence,
            incoming: Box::new(incoming),
            came: Instant::now(),
            reply,
        };
        let bytes = u32::try_from(job.weight().min(QUEUE_BYTES)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await.ok();
        self.queue(job, room).await
    }

    async fn queue(&self, job: Job, room: Option<OwnedSemaphorePermit>) -> bool {
        let waiting = self.meter.queue.enter(job.weight());
        let queued = Queued {
            job,
            _room: room,
            _waiting: waiting,
        };
        self.jobs.send(queued).await.is_ok()
    }

    /// Something of the device arrived. Written down later, with others.
    pub fn seen(&self, device: DeviceId, at: Millis) {
        self.presence
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(device, at);
    }

    /// The device said goodbye.
    pub async fn goodbye(&self, device: DeviceId) {
        self.presence
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&device);
        // A writer that has ended needs no goodbye.
        self.queue(Job::Goodbye { device }, None).await;
    }
}

struct Writer {
    queue: mpsc::Receiver<Queued>,
    presence: Arc<Mutex<HashMap<DeviceId, Millis>>>,
    now: Now,
    cancel: CancellationToken,
}

impl Writer {
    fn run(mut self, runtime: &Handle, mut rounds: Rounds) {
        let mut tick = Instant::now();
        let mut write_presence = tick + PRESENCE;
        let mut waiting = Vec::new();
        loop {
            if waiting.is_empty() {
                match runtime.block_on(self.next(tick)) {
                    Some(first) => waiting.extend(first),
                    None => break,
                }
            }
            if !waiting.is_empty() {
                // Others come in beside what waited, and not behind all of it.
                self.fill(&mut waiting);
                waiting = rounds.run(waiting, (self.now)());
            }
            let at = Instant::now();
            if at >= tick {
                tick = at + TICK;
                if self.due(&mut rounds) {
                    // More is due than one look takes: look again after the next group.
                    tick = at;
                }
            }
            if at >= write_presence {
                write_presence = at + PRESENCE;
                self.flush(&rounds);
            }
        }
        self.flush(&rounds);
    }

    /// The next job; `Some(None)` when it is time to look around, `None` when all is done.
    async fn next(&mut self, until: Instant) -> Option<Option<Job>> {
        if self.cancel.is_cancelled() {
            self.queue.close();
        }
        tokio::select! {
            biased;
            queued = self.queue.recv() => queued.map(|queued| Some(queued.job)),
            () = self.cancel.cancelled(), if !self.cancel.is_cancelled() => Some(None),
            _ = timeout_at(until, std::future::pending::<()>()) => Some(None),
        }
    }

    fn fill(&mut self, group: &mut Vec<Job>) {
        let mut weight: usize = group.iter().map(Job::weight).sum();
        while group.len() < GROUP && weight < GROUP_BYTES {
            let Ok(Queued { job, .. }) = self.queue.try_recv() else {
                break;
            };
            weight += job.weight();
            group.push(job);
        }
    }

    /// Judges what is due; whether there may be more.
    fn due(&self, rounds: &mut Rounds) -> bool {
        let now = (self.now)();
        match rounds.catch_up(now) {
            Ok(false) if !rounds.is_catching_up() => {}
            Ok(more) => return more,
            Err(fault) => {
                warn!(
                    error = &fault as &dyn std::error::Error,
                    "cannot judge anew after an edit now"
                );
                return false;
            }
        }
        let due = rounds.store.due(now, DUE);
        match due {
            Ok(devices) => {
                let failed = rounds.rejudge(&devices, now);
                devices.len() == DUE && failed < DUE
            }
            Err(fault) => {
                warn!(
                    error = &fault as &dyn std::error::Error,
                    "cannot look for due assets now"
                );
                false
            }
        }
    }

    fn flush(&self, rounds: &Rounds) {
        let seen = std::mem::take(&mut *self.presence.lock().unwrap_or_else(PoisonError::into_inner));
        if seen.is_empty() {
            return;
        }
        let ops = seen
            .into_iter()
            .map(|(device, at)| Op::Seen {
                device,
                at,
                goodbye: false,
            })
            .collect();
        if let Err(fault) = rounds.store.apply(&Batch {
            ops,
            ..Batch::default()
        }) {
            error!(
                error = &fault as &dyn std::error::Error,
                "cannot write down who was seen"
            );
        }
    }
}
