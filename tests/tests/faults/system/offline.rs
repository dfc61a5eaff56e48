//! Agents that see no collector for a day, while their PCs change all the time.

use std::time::Instant;

use deskwarden_tests::{
    collector::Setup,
    faults,
    sim::{Fleet, Oracle, Plan},
};

const AGENTS: u32 = 50;
/// A change every half hour of the day.
const CHANGES: usize = 48;

#[test]
fn a_day_without_a_collector_is_told_whole_afterwards() {
    let mut collector = Setup::new().unwrap().start().unwrap();
    let mut fleet = Fleet::enrol(
        Plan {
            agents: AGENTS,
            seed: 91,
        },
        &collector,
    )
    .unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    collector.program().stop().unwrap();
    fleet.mutate(CHANGES).unwrap();
    // And they are shut down and started, as PCs are.
    fleet.stop().unwrap();
    fleet.start().unwrap();
    let waiting: u64 = fleet
        .agents
        .iter()
        .map(|agent| agent.progress().enqueued - agent.progress().acknowledged)
        .sum();
    assert!(
        waiting >= u64::from(AGENTS) * CHANGES as u64 / 2,
        "{waiting} wait"
    );
    collector.restart().unwrap();
    let began = Instant::now();
    fleet.settle().unwrap();
    let took = began.elapsed().as_secs_f64();
    let tally = Oracle::on(&collector.data()).unwrap().agrees(&fleet).unwrap();
    faults::tell(
        "offline",
        &format!(
            "{waiting} records of {AGENTS} agents were there after {took:.1} s; {} items and {} lines compared, 0 lost, 0 doubled",
            tally.items, tally.lines
        ),
    );
}
