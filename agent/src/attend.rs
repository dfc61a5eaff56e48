//! What the system asks of a running agent: to end, to be quiet while the PC sleeps, to look because people came or
//! went. Passes it on; knows neither signals nor services.

use std::{io, time::Duration};

use deskwarden_proto::v1::GoodbyeReason;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::session::{self, Leave, Session};

/// The system waits two seconds before it sleeps.
const UNTIL_SLEEP: Duration = Duration::from_millis(1_500);

/// Something that is asked.
#[derive(Debug)]
pub enum Call {
    /// The agent is to end.
    End,
    /// The PC goes to sleep; it waits a moment for the answer.
    Sleep(oneshot::Sender<()>),
    /// It is awake again.
    Wake,
    /// Somebody signed in or out.
    People,
}

/// Where calls come from. A failure, and the end of the channel, end the agent.
pub type Calls = mpsc::Receiver<io::Result<Call>>;

/// What those who hold a session or look at people see of the calls.
#[derive(Debug)]
pub struct Desk {
    asleep: watch::Sender<bool>,
    quiet: watch::Sender<bool>,
    people: watch::Sender<u64>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            asleep: watch::Sender::new(false),
            quiet: watch::Sender::new(false),
            people: watch::Sender::new(0),
        }
    }
}

impl Desk {
    /// Counts how often somebody signed in or out.
    pub fn people(&self) -> watch::Receiver<u64> {
        self.people.subscribe()
    }

    /// Takes calls until the agent is to end, and then cancels.
    pub async fn attend(&self, mut calls: Calls, cancel: CancellationToken) -> io::Result<()> {
        let cancelled = cancel.clone();
        let _end = cancel.drop_guard();
        loop {
            let call = tokio::select! {
                () = cancelled.cancelled() => return Ok(()),
                call = calls.recv() => call,
            };
            match call.transpose()? {
                None | Some(Call::End) => return Ok(()),
                Some(Call::Sleep(answer)) => {
                    self.asleep.send_replace(true);
                    let mut quiet = self.quiet.subscribe();
                    if timeout(UNTIL_SLEEP, quiet.wait_for(|quiet| *quiet))
                        .await
                        .is_err()
                    {
                        tracing::debug!("the PC sleeps before goodbye was said");
                    }
                    // Who does not wait any more is asleep.
                    answer.send(()).ok();
                }
                Some(Call::Wake) => {
                    self.asleep.send_replace(false);
                }
                Some(Call::People) => self.people.send_modify(|count| *count = count.wrapping_add(1)),
            }
        }
    }

    /// Holds a session while the PC is awake, until cancelled.
    pub async fn hold(&self, mut session: Session, cancel: CancellationToken) -> Result<(), session::Error> {
        let mut asleep = self.asleep.subscribe();
        loop {
            self.quiet.send_replace(*asleep.borrow_and_update());
            if *self.quiet.borrow() {
                tokio::select! {
                    () = cancel.cancelled() => return Ok(()),
                    _ = asleep.changed() => continue,
                }
            }
            let leave = Leave::on(cancel.child_token());
            let sleep = async {
                // The sender lives as long as this.
                asleep.wait_for(|asleep| *asleep).await.ok();
                leave.now(GoodbyeReason::Sleep);
                std::future::pending::<()>().await;
            };
            tokio::select! {
                ended = session.run(&leave) => ended?,
                () = sleep => {}
            }
            if cancel.is_cancelled() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sleep_is_answered_also_when_no_session_is_held() {
        let (caller, calls) = mpsc::channel(4);
        let (desk, cancel) = (Desk::default(), CancellationToken::new());
        let (answer, answered) = oneshot::channel();
        caller.send(Ok(Call::Sleep(answer))).await.unwrap();
        caller.send(Ok(Call::People)).await.unwrap();
        caller.send(Ok(Call::End)).await.unwrap();
        desk.attend(calls, cancel.clone()).await.unwrap();
        answered.await.unwrap();
        assert!(*desk.asleep.borrow() && cancel.is_cancelled());
        assert_eq!(*desk.people().borrow(), 1);
    }

    #[tokio::test]
    async fn the_end_of_the_caller_and_a_failure_end_the_agent() {
        let (caller, calls) = mpsc::channel(1);
        let cancel = CancellationToken::new();
        drop(caller);
        Desk::default().attend(calls, cancel.clone()).await.unwrap();
        assert!(cancel.is_cancelled());

        let (caller, calls) = mpsc::channel(1);
        let cancel = CancellationToken::new();
        caller.send(Err(io::Error::other("no signals"))).await.unwrap();
        assert!(Desk::default().attend(calls, cancel.clone()).await.is_err());
        assert!(cancel.is_cancelled());
    }
}
