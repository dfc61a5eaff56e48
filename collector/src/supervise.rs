//! Tasks that live and end together: each has a name and a span; the first that fails cancels the rest,
//! and its cause is what the process ends with.

use std::{error::Error, future::Future, io, thread, time::Duration};

use deskwarden_system::Ends;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, error, info, info_span, warn};

/// How long tasks may take to end once they are asked to.
const DRAIN: Duration = Duration::from_secs(20);

type Cause = Box<dyn Error + Send + Sync>;

/// Why the tasks ended.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// A task failed.
    #[error("task {task} failed: {cause}")]
    Failed {
        /// Name of the task.
        task: &'static str,
        /// Its error.
        #[source]
        cause: Cause,
    },
    /// A task ended though nobody asked it to.
    #[error("task {task} ended by itself")]
    Ended {
        /// Name of the task.
        task: &'static str,
    },
    /// A task panicked.
    #[error("task {task} panicked: this is a defect, please report it with the log")]
    Panicked {
        /// Name of the task.
        task: &'static str,
    },
    /// A task did not end in time after it was asked to.
    #[error("task {task} did not end within {} s", DRAIN.as_secs())]
    Stuck {
        /// Name of the task.
        task: &'static str,
    },
}

/// Tasks under one token.
#[derive(Debug, Default)]
pub struct Supervisor {
    cancel: CancellationToken,
    tasks: JoinSet<Result<(), Cause>>,
    names: Vec<(Id, &'static str)>,
}

impl Supervisor {
    /// Without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the tasks must end.
    pub fn token(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Starts a task. It runs until the token is cancelled, or until what it reads from is closed.
    pub fn spawn<F, E>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Cause> + 'static,
    {
        let span = info_span!("task", name);
        let handle = self
            .tasks
            .spawn(async move { task.await.map_err(Into::into) }.instrument(span));
        self.names.push((handle.id(), name));
    }

    /// Waits until `stop` resolves or a task fails, then ends all of them.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), SuperviseError> {
        let mut failure = None;
        tokio::pin!(stop);
        tokio::select! {
            () = &mut stop => info!("stopping"),
            ended = self.tasks.join_next_with_id() => {
                failure = ended.map(|ended| self.failure(ended).unwrap_or_else(|task| SuperviseError::Ended { task }));
            }
        }
        if let Some(failure) = &failure {
            error!(%failure, "stopping the rest");
        }
        self.cancel.cancel();
        let drained = tokio::time::timeout(DRAIN, async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                match self.failure(ended) {
                    Ok(later) if failure.is_none() => failure = Some(later),
                    Ok(later) => warn!(%later, "failed while stopping"),
                    Err(_) => {}
                }
            }
        })
        .await;
        if drained.is_err() {
            self.tasks.abort_all();
            let task = self.names.first().map_or("unknown", |(_, name)| *name);
            failure.get_or_insert(SuperviseError::Stuck { task });
        }
        failure.map_or(Ok(()), Err)
    }

    /// The failure of a task that ended, or the name of one that ended well.
    fn failure(
        &mut self,
        ended: Result<(Id, Result<(), Cause>), JoinError>,
    ) -> Result<SuperviseError, &'static str> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let at = self.names.iter().position(|(known, _)| *known == id);
        let task = at.map_or("unknown", |at| self.names.swap_remove(at).1);
        match ended {
            Ok((_, Ok(()))) => Err(task),
            Ok((_, Err(cause))) => Ok(SuperviseError::Failed { task, cause }),
            Err(error) if error.is_cancelled() => Err(task),
            Err(_) => Ok(SuperviseError::Panicked { task }),
        }
    }
}

/// From now on hears when the service manager or a person at a terminal asks the program to end: the answer is
/// cancelled at the first time.
pub fn ends() -> io::Result<CancellationToken> {
    let ends = Ends::catch()?;
    let asked = CancellationToken::new();
    let heard = asked.clone();
    thread::Builder::new().name("ends".to_owned()).spawn(move || {
        ends.wait();
        heard.cancel();
    })?;
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
    };

    use super::*;

    type Nothing = Result<(), std::io::Error>;

    #[tokio::test]
    async fn the_first_failure_cancels_the_rest_and_is_the_cause() {
        let mut tasks = Supervisor::new();
        let (token, drained) = (tasks.token(), Arc::new(AtomicBool::new(false)));
        let seen = Arc::clone(&drained);
        tasks.spawn("worker", async move {
            token.cancelled().await;
            seen.store(true, Ordering::SeqCst);
            Nothing::Ok(())
        });
        tasks.spawn("faulty", async {
            Nothing::Err(std::io::Error::other("disk full"))
        });
        let error = tasks.run(pending()).await.unwrap_err();
        assert_eq!(error.to_string(), "task faulty failed: disk full");
        assert!(drained.load(Ordering::SeqCst), "the worker ended by itself");
    }

    #[tokio::test]
    async fn being_asked_to_stop_is_no_failure() {
        let mut tasks = Supervisor::new();
        let token = tasks.token();
        tasks.spawn("worker", async move {
            token.cancelled().await;
            Nothing::Ok(())
        });
        assert!(tasks.run(async {}).await.is_ok());
    }

    #[tokio::test]
    async fn a_task_that_ends_by_itself_or_panics_is_named() {
        let mut tasks = Supervisor::new();
        tasks.spawn("short", async { Nothing::Ok(()) });
        assert_eq!(
            tasks.run(pending()).await.unwrap_err().to_string(),
            "task short ended by itself"
        );
        let mut tasks = Supervisor::new();
        tasks.spawn("broken", async {
            if true { panic!("x") } else { Nothing::Ok(()) }
        });
        assert!(
            tasks
                .run(pending())
                .await
                .unwrap_err()
                .to_string()
                .contains("broken panicked")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_end_is_given_up() {
        let mut tasks = Supervisor::new();
        tasks.spawn("deaf", async {
            pending::<()>().await;
            Nothing::Ok(())
        });
        assert!(
            tasks
                .run(async {})
                .await
                .unwrap_err()
                .to_string()
                .contains("deaf did not end")
        );
    }
}
