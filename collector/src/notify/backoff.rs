//! When a failed delivery is tried again. Pure: the jitter is a parameter.

use std::time::Duration;

/// First pause.
const FIRST: Duration = Duration::from_secs(5);
/// Longest pause: a channel that is back is noticed within it.
const LONGEST: Duration = Duration::from_secs(600);
/// For how long a delivery is tried: over a weekend without anybody there.
pub const TRIED_FOR: Duration = Duration::from_secs(72 * 3_600);

/// Pause after the `failures`-th failed try (from 1) of a delivery that was first tried so long ago, or `None` when
/// it is given up. `jitter` spreads the pause over 75 % to 125 %, so that channels that failed together do not
/// return together.
pub fn pause(failures: u32, tried_for: Duration, jitter: u8) -> Option<Duration> {
    if tried_for >= TRIED_FOR {
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
    fn pauses_grow_to_ten_minutes_and_end_after_three_days() {
        let now = Duration::ZERO;
        let seconds: Vec<u64> = (1..20).map(|n| pause(n, now, 128).unwrap().as_secs()).collect();
        assert_eq!(&seconds[..4], [5, 10, 20, 40]);
        assert!(seconds.windows(2).all(|w| w[0] <= w[1]));
        assert_eq!(seconds.last(), Some(&600));
        assert_eq!(pause(1, TRIED_FOR, 0), None);
        assert!(pause(u32::MAX, TRIED_FOR - Duration::from_secs(1), 0).is_some());
    }

    #[test]
    fn jitter_spreads_by_a_quarter_each_way() {
        assert_eq!(pause(1, Duration::ZERO, 0).unwrap(), Duration::from_millis(3_750));
        assert_eq!(
            pause(1, Duration::ZERO, 255).unwrap(),
            Duration::from_millis(6_250)
        );
    }
}
