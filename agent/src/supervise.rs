//! Named tasks that live and end together: the first failure cancels the rest, and its cause is the
//! reason. Knows no task.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// How long tasks may take to end after they were cancelled.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tasks and the token that ends them.
#[derive(Debug, Default)]
pub struct Supervisor {
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
    cancel: CancellationToken,
}

impl Supervisor {
    /// With a token that others may cancel as well.
    pub fn new(cancel: CancellationToken) -> Self {
        Self {
            tasks: JoinSet::new(),
            cancel,
        }
    }

    /// Starts a task. It must end soon after the token is cancelled, and not before.
    pub fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let span = tracing::info_span!("task", name);
        self.tasks
            .spawn(async move { (name, task.await) }.instrument(span));
    }

    /// Waits until all ended. The first failure is the result.
    pub async fn run(mut self) -> anyhow::Result<()> {
        let mut result = Ok(());
        loop {
            let next = if self.cancel.is_cancelled() {
                match timeout(PATIENCE, self.tasks.join_next()).await {
                    Ok(next) => next,
                    Err(_) => {
                        self.tasks.abort_all();
                        return result.and(Err(anyhow!("a task did not end in time")));
                    }
                }
            } else {
                self.tasks.join_next().await
            };
            let ended = match next {
                None => return result,
                Some(Ok((name, Ok(())))) if self.cancel.is_cancelled() => {
                    tracing::debug!(name, "task ended");
                    Ok(())
                }
                Some(Ok((name, Ok(())))) => Err(anyhow!("task {name} ended before its time")),
                Some(Ok((name, Err(error)))) => Err(error).with_context(|| format!("task {name} failed")),
                Some(Err(error)) => Err(anyhow!("a task broke down: {error}")),
            };
            if let Err(error) = ended {
                self.cancel.cancel();
                result = result.and(Err(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_failure_ends_the_rest_and_is_the_reason() {
        let cancel = CancellationToken::new();
        let mut supervisor = Supervisor::new(cancel.clone());
        supervisor.spawn("waits", async move {
            cancel.cancelled().await;
            Err(anyhow!("second"))
        });
        supervisor.spawn("fails", async { Err(anyhow!("first")) });
        let reason = format!("{:#}", supervisor.run().await.unwrap_err());
        assert_eq!(reason, "task fails failed: first");
    }

    #[tokio::test]
    async fn a_task_that_just_ends_is_a_failure() {
        let mut supervisor = Supervisor::default();
        supervisor.spawn("short", async { Ok(()) });
        assert!(supervisor.run().await.unwrap_err().to_string().contains("short"));
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_and_not_the_end() {
        let mut supervisor = Supervisor::default();
        supervisor.spawn("breaks", async { panic!("on purpose") });
        assert!(supervisor.run().await.is_err());
    }

    #[tokio::test]
    async fn cancelling_ends_without_failure() {
        let cancel = CancellationToken::new();
        let mut supervisor = Supervisor::new(cancel.clone());
        let waits = cancel.clone();
        supervisor.spawn("waits", async move {
            waits.cancelled().await;
            Ok(())
        });
        cancel.cancel();
        supervisor.run().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_will_not_end_is_left_behind() {
        let cancel = CancellationToken::new();
        let mut supervisor = Supervisor::new(cancel.clone());
        supervisor.spawn("stubborn", std::future::pending());
        cancel.cancel();
        assert!(supervisor.run().await.is_err());
    }
}
