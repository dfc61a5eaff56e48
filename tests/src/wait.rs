//! Waiting for something to become true, with a deadline and a message that says what did not happen.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// How long a test waits before it gives up. Generous: a loaded machine is slow, not wrong.
pub const PATIENCE: Duration = Duration::from_secs(45);
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until `look` finds something, or `patience` ends.
///
/// # Errors
/// At the deadline: what was waited for, and the last reason that `look` gave.
pub fn eventually<T>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        let reason = match look() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => "it is not there yet".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        if Instant::now() >= deadline {
            bail!("waited {} s for {what}: {reason}", patience.as_secs());
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_names_what_was_waited_for_and_the_last_reason() {
        let error = eventually::<()>("rain", Duration::ZERO, || bail!("the sky is blue"))
            .unwrap_err()
            .to_string();
        assert_eq!(error, "waited 0 s for rain: the sky is blue");
    }

    #[test]
    fn what_is_found_is_returned() {
        let mut tries = 0;
        let found = eventually("three", PATIENCE, || {
            tries += 1;
            Ok((tries == 3).then_some(tries))
        });
        assert_eq!(found.unwrap(), 3);
    }
}
