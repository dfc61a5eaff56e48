//! An outage of half an hour for ten thousand agents, in simulated time: when each of them is back. The waits are those
//! of the agent's own code; connecting to a port where nobody listens fails at once, which is the worst case for coming
//! back together.

use std::time::Duration;

use deskwarden_agent::session::backoff::Backoff;
use deskwarden_tests::faults;

const AGENTS: usize = 10_000;
const OUTAGE: f64 = 1_800.0;
/// All have to be back by then.
const BACK: f64 = 330.0;
/// Seconds over which arrivals are counted.
const WINDOW: f64 = 10.0;

/// Seconds after the collector's return at which an agent connects that lost it when the outage began.
fn back(rng: &mut fastrand::Rng) -> f64 {
    let mut backoff = Backoff::default();
    let mut now = 0.0;
    while now < OUTAGE {
        now += backoff.next(Duration::ZERO, rng.f64()).as_secs_f64();
    }
    now - OUTAGE
}

#[test]
fn after_half_an_hour_ten_thousand_agents_are_back_in_time_and_not_at_once() {
    let mut rng = fastrand::Rng::with_seed(90);
    let arrivals: Vec<f64> = (0..AGENTS).map(|_| back(&mut rng)).collect();
    let last = arrivals.iter().copied().fold(0.0, f64::max);
    assert!(last <= BACK, "the last one is back after {last:.0} s");
    let windows = (last / WINDOW).ceil() as usize;
    let mut counts = vec![0_usize; windows];
    for arrival in &arrivals {
        counts[((arrival / WINDOW) as usize).min(windows - 1)] += 1;
    }
    let mean = AGENTS as f64 / windows as f64;
    let peak = counts.iter().copied().max().unwrap_or_default() as f64 / mean;
    assert!(peak <= 3.0, "{peak:.2} times the mean in one window: {counts:?}");
    faults::tell(
        "outage",
        &format!(
            "the last of {AGENTS} is back after {last:.0} s; {peak:.2} times the mean in the fullest {WINDOW:.0} s"
        ),
    );
}
