//! When a session is to end, and why: whoever ends it knows the reason only then. Ends nothing itself.

use std::sync::{
    Arc,
    atomic::{AtomicI32, Ordering},
};

use deskwarden_proto::v1::GoodbyeReason;
use tokio_util::sync::CancellationToken;

/// A wish to leave. Clones share it.
#[derive(Clone, Debug)]
pub struct Leave {
    wanted: CancellationToken,
    reason: Arc<AtomicI32>,
}

impl Leave {
    /// Wanted when `wanted` is cancelled: because the agent ends, unless another reason was given before.
    pub fn on(wanted: CancellationToken) -> Self {
        Self {
            wanted,
            reason: Arc::new(AtomicI32::new(GoodbyeReason::Shutdown.into())),
        }
    }

    /// Wanted from now on, for this reason.
    pub fn now(&self, reason: GoodbyeReason) {
        self.reason.store(reason.into(), Ordering::Release);
        self.wanted.cancel();
    }

    /// Why.
    pub fn reason(&self) -> GoodbyeReason {
        self.reason.load(Ordering::Acquire).try_into().unwrap_or_default()
    }

    /// Returns once it is wanted.
    pub async fn wanted(&self) {
        self.wanted.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_reason_is_the_one_that_was_given() {
        let token = CancellationToken::new();
        let leave = Leave::on(token.child_token());
        leave.now(GoodbyeReason::Sleep);
        leave.wanted().await;
        assert_eq!(
            (leave.reason(), token.is_cancelled()),
            (GoodbyeReason::Sleep, false)
        );

        let leave = Leave::on(token.child_token());
        token.cancel();
        leave.wanted().await;
        assert_eq!(leave.reason(), GoodbyeReason::Shutdown);
    }
}
