//! What is under way on a stream: frames that go out, and records that wait for their acknowledgement.

use std::{collections::VecDeque, time::Duration};

use deskwarden_proto::v1::{AgentFrame, agent_frame::Frame};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use super::ending::End;

/// How long the first answer, and any acknowledgement, may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The sending half.
pub(super) struct Outgoing {
    pub(super) frames: mpsc::Sender<AgentFrame>,
    /// When something was sent last.
    pub(super) last: Instant,
}

impl Outgoing {
    /// Sends, or says that the connection takes nothing any more.
    pub(super) async fn send(&mut self, frame: Frame) -> Result<(), End> {
        let frame = AgentFrame { frame: Some(frame) };
        match timeout(PATIENCE, self.frames.send(frame)).await {
            Ok(Ok(())) => {
                self.last = Instant::now();
                Ok(())
            }
            Ok(Err(_)) => Err(End::Closed),
            Err(_) => Err(End::Stalled("the connection takes no frame")),
        }
    }

    /// For a task that reports later.
    pub(super) fn later(&self) -> mpsc::Sender<AgentFrame> {
        self.frames.clone()
    }
}

/// Records that were sent and not acknowledged.
pub(super) struct Window {
    pub(super) size: usize,
    pub(super) sent: u64,
    pub(super) in_flight: VecDeque<u64>,
    /// Nothing may be sent before the new epoch came.
    pub(super) held: bool,
    /// The collector reads packed records.
    pub(super) packed: bool,
    /// When something was last heard that a record waits for.
    pub(super) heard: Instant,
}

impl Window {
    /// How many more may be sent.
    pub(super) fn room(&self) -> usize {
        if self.held {
            return 0;
        }
        self.size.saturating_sub(self.in_flight.len())
    }

    /// Begins after this sequence.
    pub(super) fn restart(&mut self, acknowledged: u64) {
        self.sent = acknowledged;
        self.in_flight.clear();
    }
}
