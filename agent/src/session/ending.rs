//! How a stream ends, and why it breaks.

use deskwarden_proto::v1::Refusal;
use tonic::Status;

use crate::{identity::Identity, outbox, scan::engine::Gone, transport};

/// How a stream ended.
#[derive(Debug)]
pub(super) enum End {
    /// The agent is ending; goodbye was said.
    Shutdown,
    /// The collector ended it.
    Closed,
    /// The collector refused it.
    Refused(Refusal),
    /// Nothing was heard while something had to be.
    Stalled(&'static str),
    /// What waits changed: introduce oneself anew.
    BeginAgain,
    /// The PC no longer has the address that the connection began at.
    Moved,
    /// There is a new identity to connect with.
    Identity(Box<Identity>),
}

/// Why a stream broke.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Recorder(#[from] Gone),
    #[error(transparent)]
    Outbox(#[from] outbox::Error),
    #[error("{}: {}", .0.code(), .0.message())]
    Status(#[source] Box<Status>),
    #[error("the collector broke the protocol: {0}")]
    Protocol(&'static str),
}

impl Error {
    /// Whether another identity might be taken.
    pub(super) fn is_about_identity(&self) -> bool {
        match self {
            Self::Status(status) => {
                status.code() == tonic::Code::Unauthenticated || transport::alert(status.as_ref()).is_some()
            }
            _ => false,
        }
    }
}
