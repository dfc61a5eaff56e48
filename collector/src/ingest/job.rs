//! What sessions ask of the writer, and what they are answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deskwarden_domain::{advance::Incoming, port::LoadRequest, port::Scope};
use deskwarden_proto::{
    ids::DeviceId,
    v1::{self, Section},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::opening::Opened;

/// Whether a session's records still count. Closed by the first record that fails, so that none behind it
/// is applied over a hole, and by the device's next session.
#[derive(Clone, Debug, Default)]
pub struct Fence(Arc<AtomicBool>);

impl Fence {
    /// Nothing of the session counts from now on.
    pub fn close(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The answer to a record, sent when it is durable or known never to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Judged and on disk.
    Acknowledged {
        /// Of the record.
        sequence: u64,
        /// Token that proves it.
        resume_token: [u8; 16],
        /// Sections to be sent whole because something before was missing.
        resync: Vec<Section>,
    },
    /// The same sequence with another payload: never acknowledged, a new epoch waits.
    Forked,
    /// Another session moved the device to another epoch.
    OtherEpoch,
    /// The device is not in the store.
    Unknown,
    /// The store is out of reach: send it again later.
    Busy,
    /// This record cannot be stored, however often it is sent.
    Failed,
    /// The session does not count any more.
    Fenced,
}

/// Why a session was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// The device is not in the store.
    Unknown,
    /// The store is out of reach.
    Busy,
    /// The writer ends.
    Closed,
}

/// Whether the device has a session already when it says hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// The session that is opened is its only one, or takes the place of an older one.
    Alone,
    /// Another one is live: only a look, which changes nothing.
    Look,
    /// Another one is live and answers, and nothing may be taken from it: this one is a copy.
    Beside,
}

/// One thing to do, in the order in which it came per device.
pub(super) enum Job {
    /// A record.
    Record {
        device: DeviceId,
        fence: Fence,
        incoming: Box<Incoming>,
        /// When the session had it.
        came: Instant,
        reply: mpsc::UnboundedSender<Answer>,
    },
    /// A hello.
    Open {
        device: DeviceId,
        company: Company,
        hello: Box<v1::Hello>,
        reply: oneshot::Sender<Result<Opened, NotOpened>>,
    },
    /// The agent asks for a new epoch.
    NewEpoch {
        device: DeviceId,
        fence: Fence,
        epoch: u64,
        reply: oneshot::Sender<Result<Opened, NotOpened>>,
    },
    /// The agent said goodbye.
    Goodbye { device: DeviceId },
}

impl Job {
    pub(super) const fn device(&self) -> DeviceId {
        match self {
            Self::Record { device, .. }
            | Self::Open { device, .. }
            | Self::NewEpoch { device, .. }
            | Self::Goodbye { device } => *device,
        }
    }

    /// What must be loaded for it.
    pub(super) fn needs(&self) -> LoadRequest {
        match self {
            Self::Record { device, incoming, .. } => {
                deskwarden_domain::advance::needs(*device, &incoming.payload)
            }
            Self::Open { device, .. } | Self::NewEpoch { device, .. } | Self::Goodbye { device } => {
                LoadRequest {
                    device: *device,
                    scope: Scope::Head,
                    staged: None,
                }
            }
        }
    }

    /// Whether it is something that a PC reports.
    pub(super) const fn is_record(&self) -> bool {
        matches!(self, Self::Record { .. })
    }

    /// How long a record has been here.
    pub(super) fn age(&self) -> Option<Duration> {
        match self {
            Self::Record { came, .. } => Some(came.elapsed()),
            _ => None,
        }
    }

    /// Size that it weighs in a group, in bytes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Record { incoming, .. } => incoming.raw.len(),
            _ => 256,
        }
    }

    /// Whether it still counts.
    pub(super) fn is_fenced(&self) -> bool {
        match self {
            Self::Record { fence, .. } | Self::NewEpoch { fence, .. } => fence.is_closed(),
            Self::Open { .. } | Self::Goodbye { .. } => false,
        }
    }
}

/// What came of a job; sent once the commit that it depends on is durable.
#[derive(Clone, Debug)]
pub(super) enum Done {
    /// A record's answer.
    Record(Answer),
    /// A position.
    Opened(Opened),
    /// Nothing to say.
    Nothing,
}

impl Done {
    /// Whether it says that a record is durable.
    pub(super) const fn is_acknowledgement(&self) -> bool {
        matches!(self, Self::Record(Answer::Acknowledged { .. }))
    }
}

impl Job {
    /// Answers; a session that is gone does not care.
    pub(super) fn answer(self, done: Done) {
        match (self, done) {
            (Self::Record { fence, reply, .. }, Done::Record(answer)) => {
                if !matches!(answer, Answer::Acknowledged { .. }) {
                    fence.close();
                }
                reply.send(answer).ok();
            }
            (Self::Open { reply, .. } | Self::NewEpoch { reply, .. }, Done::Opened(opened)) => {
                reply.send(Ok(opened)).ok();
            }
            (Self::Open { reply, .. } | Self::NewEpoch { reply, .. }, Done::Record(answer)) => {
                let why = if answer == Answer::Unknown {
                    NotOpened::Unknown
                } else {
                    NotOpened::Busy
                };
                reply.send(Err(why)).ok();
            }
            _ => {}
        }
    }
}
