//! Noticing that the PC moved: when its address goes, the connection that began there hears nothing any
//! more, not even its end, and a wait for a better time is over. Owns no connection.

use std::{
    net::{IpAddr, UdpSocket},
    time::Duration,
};

use tokio::{sync::watch, time::sleep};

/// Time for addresses and routes to be complete; also the shortest time between two tries.
const SETTLE: Duration = Duration::from_millis(250);

/// Changes of addresses and routes, as the watches count them.
#[derive(Clone, Debug)]
pub(super) struct Moves(watch::Receiver<u64>);

impl Moves {
    /// Reads a counter that is raised with every change.
    pub(super) fn new(counter: watch::Receiver<u64>) -> Self {
        Self(counter)
    }

    /// Ends when `local` is no longer an address of this PC.
    pub(super) async fn away_from(&mut self, local: IpAddr) {
        loop {
            if !is_own(local) {
                return;
            }
            self.next().await;
        }
    }

    /// Waits, but not longer than until the next change.
    pub(super) async fn wait(&mut self, wait: Duration) {
        sleep(wait.min(SETTLE)).await;
        if let Some(rest) = wait.checked_sub(SETTLE) {
            tokio::select! {
                () = sleep(rest) => {}
                () = self.next() => {}
            }
        }
    }

    async fn next(&mut self) {
        // Without watches nothing is told, and nothing ends early.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether this PC has the address: only then may a socket be bound to it. Nothing is sent.
fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_another_is_not_ours() {
        assert!(is_own(IpAddr::from([127, 0, 0, 1])));
        assert!(!is_own(IpAddr::from([192, 0, 2, 200])));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_with_a_change_and_else_in_its_time() {
        let (counter, receiver) = watch::channel(0_u64);
        let mut moves = Moves::new(receiver);
        let begun = tokio::time::Instant::now();
        moves.wait(Duration::from_secs(300)).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(300));
        counter.send_modify(|count| *count += 1);
        let begun = tokio::time::Instant::now();
        moves.wait(Duration::from_secs(300)).await;
        assert_eq!(begun.elapsed(), SETTLE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_from_an_address_that_is_gone_is_given_up() {
        let (_counter, receiver) = watch::channel(0_u64);
        Moves::new(receiver)
            .away_from(IpAddr::from([192, 0, 2, 200]))
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_elsewhere_keeps_the_connection() {
        let (counter, receiver) = watch::channel(0_u64);
        let mut moves = Moves::new(receiver);
        counter.send_modify(|count| *count += 1);
        let kept = moves.away_from(IpAddr::from([127, 0, 0, 1]));
        assert!(tokio::time::timeout(Duration::from_secs(60), kept).await.is_err());
    }
}
