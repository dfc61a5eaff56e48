//! The thread on which the recorder works, and the handle by which the rest of the agent asks it for
//! things. Looks are done one source at a time, so that a question never waits for a whole scan.
//! Where many recorders live in one process they can share threads instead ([`attend`]).

use std::{collections::BTreeMap, ops::ControlFlow, thread};

use deskwarden_proto::v1::{Section, Trigger};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    looks::Stamps,
    recorder::{Recorder, Unkept},
};

/// Questions that may wait.
const QUEUE: usize = 32;
/// Stack of the thread; the largest parser needs far less.
const STACK: usize = 1 << 20;

type Job = Box<dyn FnOnce(&mut Recorder, &mut Due) + Send>;

/// Sources that are to be looked at, each with what made it so.
#[derive(Debug, Default)]
pub struct Due {
    sources: BTreeMap<usize, (Trigger, Stamps)>,
    waiting: Vec<oneshot::Sender<()>>,
    stop: bool,
}

impl Due {
    fn add(&mut self, index: usize, trigger: Trigger, stamps: Stamps) {
        let entry = self.sources.entry(index).or_insert((trigger, stamps));
        if stamps == Stamps::Ignore {
            *entry = (trigger, stamps);
        }
    }
}

/// What the recorder's thread says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Highest sequence ever given.
    pub enqueued: u64,
    /// Highest sequence that the collector acknowledged.
    pub acknowledged: u64,
    /// How often what waits was set aside: a session that sees it change begins anew.
    pub renumbered: u64,
    /// The outbox could not be written; looks have to be repeated.
    pub failing: bool,
    /// Seconds between full scans that the policy asks for; 0 for the default.
    pub full_scan_seconds: u32,
}

/// The recorder's thread is gone: the agent is ending.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the recorder has ended")]
pub struct Gone;

/// Asks the recorder for things.
#[derive(Clone, Debug)]
pub struct Handle {
    jobs: mpsc::Sender<Job>,
    progress: watch::Receiver<Progress>,
    moves: watch::Sender<u64>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

/// Starts the thread. It ends with [`Handle::stop`], or when the last handle is dropped.
pub fn start(recorder: Recorder) -> std::io::Result<(Handle, thread::JoinHandle<()>)> {
    let (handle, mut engine, mut inbox) = prepare(recorder);
    let thread = thread::Builder::new()
        .name("recorder".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            loop {
                // A scan takes megabytes for a moment; an idle agent must not keep them.
                let next = if engine.rests(deskwarden_platform::release_memory) {
                    inbox
                        .blocking_recv()
                        .ok_or(mpsc::error::TryRecvError::Disconnected)
                } else {
                    inbox.try_recv()
                };
                if engine.step(next).is_break() {
                    return;
                }
            }
        })?;
    Ok((handle, thread))
}

/// A recorder without a thread of its own, for a process that holds many. The future ends as the thread of
/// [`start`] would. It waits for disks where it runs: that runtime must have threads to spare.
pub fn attend(recorder: Recorder) -> (Handle, impl Future<Output = ()> + Send) {
    let (handle, mut engine, mut inbox) = prepare(recorder);
    let attended = async move {
        loop {
            let next = if engine.rests(|| ()) {
                inbox.recv().await.ok_or(mpsc::error::TryRecvError::Disconnected)
            } else {
                inbox.try_recv()
            };
            if engine.step(next).is_break() {
                return;
            }
        }
    };
    (handle, attended)
}

fn prepare(recorder: Recorder) -> (Handle, Engine, mpsc::Receiver<Job>) {
    let (jobs, inbox) = mpsc::channel(QUEUE);
    let (report, progress) = watch::channel(Progress::default());
    let handle = Handle {
        jobs,
        progress,
        moves: watch::Sender::new(0),
    };
    let engine = Engine {
        recorder,
        due: Due::default(),
        failed: BTreeMap::new(),
        looked: false,
        report,
    };
    (handle, engine, inbox)
}

impl Handle {
    /// Runs a question on the recorder's thread.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Recorder) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |recorder, _| {
            // Nobody waiting any more is no fault.
            reply.send(question(recorder)).ok();
        });
        self.jobs.send(job).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }

    /// Says that addresses or routes of this PC changed.
    pub fn moved(&self) {
        self.moves.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Counts how often that was said.
    pub fn moves(&self) -> watch::Receiver<u64> {
        self.moves.subscribe()
    }

    /// Makes sources due by their index.
    pub async fn look(&self, sources: Vec<usize>, trigger: Trigger) -> Result<(), Gone> {
        let job: Job = Box::new(move |_, due| {
            for index in sources {
                due.add(index, trigger, Stamps::Trust);
            }
        });
        self.jobs.send(job).await.map_err(|_| Gone)
    }

    /// Makes every source due.
    pub async fn look_at_all(&self, trigger: Trigger) -> Result<(), Gone> {
        let job: Job = Box::new(move |recorder, due| {
            for index in recorder.matching(&[], "") {
                due.add(index, trigger, Stamps::Trust);
            }
        });
        self.jobs.send(job).await.map_err(|_| Gone)
    }

    /// Looks at sources whatever their stamps say, and returns when that is done.
    pub async fn refresh(&self, sections: Vec<Section>, source: String) -> Result<(), Gone> {
        let (reply, done) = oneshot::channel();
        let job: Job = Box::new(move |recorder, due| {
            for index in recorder.matching(&sections, &source) {
                due.add(index, Trigger::Directive, Stamps::Ignore);
            }
            due.waiting.push(reply);
        });
        self.jobs.send(job).await.map_err(|_| Gone)?;
        done.await.map_err(|_| Gone)
    }

    /// Returns when nothing is due any more.
    pub async fn settled(&self) -> Result<(), Gone> {
        let (reply, done) = oneshot::channel();
        let job: Job = Box::new(move |_, due| due.waiting.push(reply));
        self.jobs.send(job).await.map_err(|_| Gone)?;
        done.await.map_err(|_| Gone)
    }

    /// Ends the thread after what it is doing; what was due is not looked at any more.
    pub async fn stop(&self) -> Result<(), Gone> {
        let job: Job = Box::new(|_, due| due.stop = true);
        self.jobs.send(job).await.map_err(|_| Gone)
    }

    /// Follows the recorder's progress.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }
}

/// A recorder, what is due, and who is told.
struct Engine {
    recorder: Recorder,
    due: Due,
    failed: BTreeMap<usize, (Trigger, Stamps)>,
    /// A source was looked at since the last rest.
    looked: bool,
    report: watch::Sender<Progress>,
}

impl Engine {
    /// Whether nothing is due; whoever waited for that is told. `tidy` follows what was looked at.
    fn rests(&mut self, tidy: fn()) -> bool {
        if self.due.sources.is_empty() {
            self.flush();
            self.tell();
        }
        if !self.due.sources.is_empty() {
            return false;
        }
        for waiting in self.due.waiting.drain(..) {
            waiting.send(()).ok();
        }
        if std::mem::take(&mut self.looked) {
            self.recorder.keep_memory(false);
            tidy();
        }
        true
    }

    /// Does a job, or looks at one source when there is none.
    fn step(&mut self, next: Result<Job, mpsc::error::TryRecvError>) -> ControlFlow<()> {
        match next {
            Ok(job) => {
                // Whoever asks hears of everything that was seen.
                self.flush();
                job(&mut self.recorder, &mut self.due);
                if self.due.stop {
                    self.recorder.keep_memory(true);
                    return ControlFlow::Break(());
                }
                if self.recorder.take_all_due() {
                    for index in self.recorder.matching(&[], "") {
                        self.due.add(index, Trigger::Start, Stamps::Trust);
                    }
                }
            }
            Err(mpsc::error::TryRecvError::Empty) => self.look(),
            Err(mpsc::error::TryRecvError::Disconnected) => return ControlFlow::Break(()),
        }
        self.tell();
        ControlFlow::Continue(())
    }

    fn look(&mut self) {
        let Some((index, (trigger, stamps))) = self.due.sources.pop_first() else {
            return;
        };
        self.looked = true;
        match self.recorder.gather(index, trigger, stamps) {
            // Until it is enqueued it is not kept.
            Ok(()) if self.recorder.has_gathered() => {}
            kept => self.kept(kept),
        }
    }

    /// Enqueues what looks found.
    fn flush(&mut self) {
        if self.recorder.has_gathered() {
            let kept = self.recorder.flush();
            self.kept(kept);
        }
    }

    /// What could not be kept is looked at again as soon as something could be.
    fn kept(&mut self, kept: Result<(), Unkept>) {
        match kept {
            Ok(()) => {
                for (index, (trigger, stamps)) in std::mem::take(&mut self.failed) {
                    self.due.add(index, trigger, stamps);
                }
            }
            Err(Unkept { error, asked }) => {
                // A full disk refuses what every source sees: once is enough until something was kept.
                if self.failed.is_empty() {
                    tracing::error!(%error, "what was seen could not be kept; it is looked at again later");
                } else {
                    tracing::debug!(%error, "what was seen could not be kept either");
                }
                self.failed.extend(asked);
            }
        }
    }

    /// Says how far the recorder is.
    fn tell(&self) {
        self.report.send_if_modified(|progress| {
            let now = Progress {
                enqueued: self.recorder.enqueued(),
                acknowledged: self.recorder.acknowledged_sequence(),
                renumbered: self.recorder.renumbered(),
                failing: !self.failed.is_empty(),
                full_scan_seconds: self
                    .recorder
                    .policy()
                    .map_or(0, |policy| policy.full_scan_seconds),
            };
            std::mem::replace(progress, now) != now
        });
    }
}
