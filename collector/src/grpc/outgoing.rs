//! The frames that a session sends: bounded in number and in time, so that a peer that does not read costs
//! one stream and nothing else. Owns the wording of refusals.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use deskwarden_domain::model::DeviceStatus;
use deskwarden_proto::v1::{CollectorFrame, Refusal, RefusalCode, Section, collector_frame::Frame};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::Status;

use crate::meter::{Meter, Reason};

/// Frames that may wait for the peer to read.
const QUEUE: usize = 8;
/// How long a frame may wait for the peer to read.
const PATIENCE: Duration = Duration::from_secs(30);

/// The session is over: the peer does not read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone;

/// The collector's half of the stream. Frames wait in boxes: the channel reserves room for 32 of them, of which an
/// idle session needs none.
pub(super) struct Outgoing {
    frames: mpsc::Sender<Box<CollectorFrame>>,
    meter: Arc<Meter>,
}

/// What the stream of a session is made of.
pub(super) struct Frames(ReceiverStream<Box<CollectorFrame>>);

/// The two ends.
pub(super) fn channel(meter: Arc<Meter>) -> (Outgoing, Frames) {
    let (frames, stream) = mpsc::channel(QUEUE);
    (Outgoing { frames, meter }, Frames(ReceiverStream::new(stream)))
}

impl Stream for Frames {
    type Item = Result<CollectorFrame, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.0).poll_next(context);
        next.map(|frame| frame.map(|frame| Ok(*frame)))
    }
}

impl Outgoing {
    pub(super) async fn send(&self, frame: Frame) -> Result<(), Gone> {
        let frame = Box::new(CollectorFrame { frame: Some(frame) });
        match timeout(PATIENCE, self.frames.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// The last frame of a stream.
    pub(super) async fn refuse(&self, refusal: Refused) {
        self.meter.refusals.add(refusal.reason());
        // A peer that is gone needs no refusal.
        self.send(Frame::Refusal(refusal.frame())).await.ok();
    }
}

/// Why a session ends before the agent wants it to. The text is for a person and tells no internals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Not now.
    Busy(&'static str, u32),
    /// No version in common.
    Protocol,
    /// Barred.
    Barred(DeviceStatus),
    /// Not in the store.
    Unknown,
    /// Two outboxes speak for the device.
    Fork,
    /// Against the contract.
    Malformed(String),
    /// Over a limit.
    Limit(String),
    /// The device opened another session.
    Replaced,
}

impl Refused {
    pub(super) const fn code(&self) -> RefusalCode {
        match self {
            Self::Busy(..) => RefusalCode::Busy,
            Self::Protocol => RefusalCode::Protocol,
            Self::Barred(DeviceStatus::Pending) => RefusalCode::PendingApproval,
            Self::Barred(_) => RefusalCode::Revoked,
            Self::Unknown => RefusalCode::UnknownDevice,
            Self::Fork => RefusalCode::Fork,
            Self::Malformed(_) => RefusalCode::Malformed,
            Self::Limit(_) => RefusalCode::Limit,
            Self::Replaced => RefusalCode::Replaced,
        }
    }

    const fn reason(&self) -> Reason {
        match self {
            Self::Busy(..) => Reason::Busy,
            Self::Protocol => Reason::Protocol,
            Self::Barred(DeviceStatus::Pending) => Reason::Pending,
            Self::Barred(_) => Reason::Barred,
            Self::Unknown => Reason::Unknown,
            Self::Fork => Reason::Fork,
            Self::Malformed(_) => Reason::Malformed,
            Self::Limit(_) => Reason::Limit,
            Self::Replaced => Reason::Replaced,
        }
    }

    fn frame(self) -> Refusal {
        let code = self.code().into();
        let (message, retry_after_seconds) = match self {
            Self::Busy(why, seconds) => (why.to_owned(), seconds),
            Self::Protocol => (
                "agent and collector have no version in common; update the older".to_owned(),
                3600,
            ),
            Self::Barred(DeviceStatus::Pending) => ("the device waits for approval".to_owned(), 300),
            Self::Barred(DeviceStatus::Retired) => ("the device was retired; enrol it anew".to_owned(), 3600),
            Self::Barred(_) => ("the device was revoked".to_owned(), 3600),
            Self::Unknown => (
                "this collector does not know the device; enrol it anew".to_owned(),
                3600,
            ),
            Self::Fork => (
                "another outbox speaks for this device; a new epoch waits".to_owned(),
                1,
            ),
            Self::Malformed(why) => (why, 60),
            Self::Limit(why) => (why, 60),
            Self::Replaced => ("the device opened another session".to_owned(), 60),
        };
        Refusal {
            code,
            message,
            retry_after_seconds,
        }
    }
}

/// Sections as the wire has them.
pub(super) fn numbers(sections: &[Section]) -> Vec<i32> {
    sections.iter().map(|section| i32::from(*section)).collect()
}
