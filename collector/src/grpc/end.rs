//! How a session ends, and which faults of the stream mean what.

use deskwarden_proto::limits;
use tonic::{Code, Status};

use super::outgoing::{Gone, Refused};

/// How a session ends.
pub(super) enum End {
    /// The agent closed its half, or the peer is gone.
    Closed,
    /// The agent said goodbye.
    Goodbye,
    /// Its time is over: nothing is wrong.
    Aged,
    /// Something is wrong.
    Refused(Refused),
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Closed
    }
}

/// What a stream that cannot be read means.
pub(super) fn unread(status: &Status) -> End {
    match status.code() {
        // The decoder's words for a message that is over the limit, also after decompression.
        Code::OutOfRange | Code::ResourceExhausted => End::Refused(Refused::Limit(format!(
            "a frame exceeds the limit of {} bytes",
            limits::FRAME_BYTES
        ))),
        Code::Internal | Code::Unimplemented => malformed("a frame cannot be decoded"),
        _ => End::Closed,
    }
}

pub(super) fn malformed(why: &str) -> End {
    End::Refused(Refused::Malformed(why.to_owned()))
}

pub(super) const fn busy() -> Refused {
    Refused::Busy("the collector cannot take reports now", 30)
}
