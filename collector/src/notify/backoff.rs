//! When a failed delivery is tried again. Pure: the jitter is a parameter.

use std::time::Duration;

/// First pause.
const FIRST: Duration = Duration::from_secs(5);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Tries until a delivery is given up.
pub const TRIES: u32 = 20;

/// Pause after the `failures`-th failed try (from 1), or `None` when it was the last. `jitter` spreads
/// the pause over 75 % to 125 %, so that channels that failed together do not return together.
pub fn pause(failures: u32, jitter: u8) -> Option<Duration> {
    if failures >= TRIES {
        return None;
    }
    let doublings = failures.saturating_sub(1).min(16);
    let pause = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    Some(pause.mul_f64(0.75 + 0.5 * f64::from(jitter) / 255.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour_and_end_after_twenty_tries() {
        let seconds: Vec<u64> = (1..TRIES).map(|n| pause(n, 128).unwrap().as_secs()).collect();
        assert_eq!(&seconds[..4], [5, 10, 20, 40]);
        assert!(seconds.windows(2).all(|w| w[0] <= w[1]));
        assert_eq!(seconds.last(), Some(&3_603));
        assert_eq!(pause(TRIES, 0), None);
        assert_eq!(pause(u32::MAX, 0), None);
    }

    #[test]
    fn jitter_spreads_by_a_quarter_each_way() {
        assert_eq!(pause(1, 0).unwrap(), Duration::from_millis(3_750));
        assert_eq!(pause(1, 255).unwrap(), Duration::from_millis(6_250));
    }
}
