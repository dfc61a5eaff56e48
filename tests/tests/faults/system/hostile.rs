//! Thousands of connections that stay half open, and what they do to those who work.

use std::time::{Duration, Instant};

use deskwarden_tests::{
    collector::{Collector, Setup},
    crowd::{CROWD, Crowd},
    faults, need,
    sim::{Fleet, Oracle, Plan},
};

/// Agents that work, one change after the other.
const AGENTS: u32 = 8;
/// Changes of each in one round. Rounds with and without the crowd take turns, so that both see the same machine.
const CHANGES: usize = 25;
const ROUNDS: usize = 4;

/// From a change to its acknowledgement, for each agent's every change.
fn acknowledged(fleet: &mut Fleet, into: &mut Vec<Duration>) {
    for _ in 0..CHANGES {
        for agent in &fleet.agents {
            let began = Instant::now();
            fleet
                .wait(async {
                    agent.mutate().await?;
                    agent.settled().await
                })
                .unwrap();
            into.push(began.elapsed());
        }
    }
}

fn percentile(times: &mut [Duration], share: f64) -> f64 {
    times.sort();
    times[((times.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3
}

fn port(collector: &Collector) -> std::net::SocketAddr {
    collector
        .agents()
        .unwrap()
        .trim_start_matches("https://")
        .parse()
        .unwrap()
}

#[test]
fn half_open_connections_do_not_slow_others_down() {
    let test = "half_open_connections_do_not_slow_others_down";
    if !Crowd::is_possible() {
        need::missing(
            test,
            "the system allows fewer than 12,000 open files (ulimit -Hn)",
        );
        return;
    }
    let mut collector = Setup::new().unwrap().start().unwrap();
    let process = collector.program().id();
    let mut fleet = Fleet::enrol(
        Plan {
            agents: AGENTS,
            seed: 92,
        },
        &collector,
    )
    .unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        acknowledged(&mut fleet, &mut alone);
        let crowd = Crowd::around(port(&collector));
        acknowledged(&mut fleet, &mut beside);
        drop(crowd);
    }
    assert_eq!(collector.program().id(), process);
    assert!(!collector.program().is_over().unwrap(), "{}", collector.log());
    Oracle::on(&collector.data()).unwrap().agrees(&fleet).unwrap();
    let rise = |share| {
        let (before, after) = (
            percentile(&mut alone.clone(), share),
            percentile(&mut beside.clone(), share),
        );
        (before, after, (after / before - 1.0) * 100.0)
    };
    let ((p50, p50_beside, _), (p99, p99_beside, risen)) = (rise(0.5), rise(0.99));
    faults::tell(
        "hostile",
        &format!(
            "beside {CROWD} half-open connections p50 {p50:.1} → {p50_beside:.1} ms, p99 {p99:.1} → {p99_beside:.1} ms ({risen:+.0} %), {} \
             acknowledgements each",
            alone.len()
        ),
    );
}
