//! Lines and messages that misbehave: cut anywhere, silent without a word, messages twice, late, again on a later
//! connection, in another order. What an agent reported is in the store exactly once, or its place shows what happened.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use deskwarden_tests::{
    collector::{Collector, Setup},
    faults,
    sim::{Courier, Fleet, Oracle, Plan, agent::Place, courier::Deeds},
    wait::{PATIENCE, eventually},
};

/// More than any connection carries here.
const ENDLESS: usize = 1 << 30;

#[test]
fn a_line_that_breaks_anywhere_loses_and_doubles_nothing() {
    let collector = Setup::new().unwrap().start().unwrap();
    let mut fleet = Fleet::enrol(Plan { agents: 24, seed: 63 }, &collector).unwrap();
    // Longer than the longest record, which must fit through in one piece some time.
    let line = fleet.line(&collector, 63, 50_000).unwrap();
    fleet.through(Some(&line), &collector).unwrap();
    fleet.start().unwrap();
    for _ in 0..6 {
        fleet.mutate(4).unwrap();
        fleet.settle().unwrap();
    }
    let tally = Oracle::on(&collector.data()).unwrap().agrees(&fleet).unwrap();
    let cuts = line.cuts();
    faults::tell(
        "lines",
        &format!(
            "{cuts} connections of 24 agents cut; {} items and {} lines compared, 0 lost, 0 doubled",
            tally.items, tally.lines
        ),
    );
    assert!(line.cuts() > 8, "{} connections were cut", line.cuts());
}

#[test]
fn a_line_that_swallows_everything_is_noticed_and_left() {
    let collector = Setup::new().unwrap().start().unwrap();
    let mut fleet = Fleet::enrol(Plan { agents: 12, seed: 64 }, &collector).unwrap();
    let line = fleet.line(&collector, 64, ENDLESS).unwrap();
    fleet.through(Some(&line), &collector).unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    line.go_silent();
    let began = Instant::now();
    fleet.mutate(2).unwrap();
    assert!(!fleet.is_settled(), "nothing comes through");
    fleet.settle().unwrap();
    let took = began.elapsed().as_secs_f64();
    fleet.mutate(2).unwrap();
    fleet.settle().unwrap();
    let tally = Oracle::on(&collector.data()).unwrap().agrees(&fleet).unwrap();
    faults::tell(
        "silent-line",
        &format!(
            "12 agents were back {took:.0} s after their next change; {} items and {} lines compared, 0 lost, 0 doubled",
            tally.items, tally.lines
        ),
    );
}

/// A courier for each agent; each starts through its own.
fn couriers(fleet: &mut Fleet, collector: &Collector, deeds: &Arc<Deeds>, seed: u64) -> Vec<Courier> {
    let (place, data) = (fleet.place().clone(), collector.data());
    let mut agents = std::mem::take(&mut fleet.agents);
    let couriers = fleet.wait(async {
        let mut couriers = Vec::new();
        for (agent, number) in agents.iter().zip(0..) {
            let made = Courier::of(agent, &place.endpoint, &data, seed + number, Arc::clone(deeds)).await;
            couriers.push(made.unwrap());
        }
        couriers
    });
    fleet.agents.append(&mut agents);
    couriers
}

fn start(fleet: &mut Fleet, couriers: &[Courier]) {
    let place = fleet.place().clone();
    let mut agents = std::mem::take(&mut fleet.agents);
    fleet.wait(async {
        for (agent, courier) in agents.iter_mut().zip(couriers) {
            let place = Place {
                endpoint: courier.endpoint.clone(),
                ..place.clone()
            };
            agent.start(&place).await.unwrap();
        }
    });
    fleet.agents.append(&mut agents);
}

#[test]
fn messages_that_come_twice_late_or_in_another_order_are_taken_once() {
    const AGENTS: u32 = 16;
    let collector = Setup::new().unwrap().start().unwrap();
    let mut fleet = Fleet::enrol(
        Plan {
            agents: AGENTS,
            seed: 65,
        },
        &collector,
    )
    .unwrap();
    let deeds = Arc::<Deeds>::default();
    let did = |what: &AtomicU64| what.load(Ordering::Relaxed);
    let couriers = couriers(&mut fleet, &collector, &deeds, 65);
    start(&mut fleet, &couriers);
    for _ in 0..8 {
        fleet.mutate(6).unwrap();
        fleet.settle().unwrap();
    }
    // And over a start: what it presents is what it was told last.
    fleet.stop().unwrap();
    start(&mut fleet, &couriers);
    fleet.mutate(2).unwrap();
    fleet.settle().unwrap();
    let oracle = Oracle::on(&collector.data()).unwrap();
    let tally = oracle
        .agrees(&fleet)
        .unwrap_or_else(|error| panic!("{error:#}\n{}", collector.log()));
    let (repeated, lost) = (did(&deeds.repeated), did(&deeds.lost));
    let (reordered, delayed) = (did(&deeds.reordered), did(&deeds.delayed));
    for (what, count) in [
        ("repeated", repeated),
        ("reordered", reordered),
        ("delayed", delayed),
        ("lost", lost),
    ] {
        assert!(count > 8, "{what}: {count}");
    }

    // Records before the ones that were sent before them: a place that was passed over shows, and the next hello
    // brings what was in it.
    for courier in &couriers {
        courier.swap();
    }
    for _ in 0..4 {
        fleet.mutate(4).unwrap();
        fleet.settle().unwrap();
    }
    fleet.stop().unwrap();
    let swapped = did(&deeds.reordered) - reordered;
    assert!(swapped > 0, "none was carried before its predecessor");
    fleet.start().unwrap();
    fleet.settle().unwrap();
    eventually("agreement", PATIENCE, || oracle.equals(&fleet).map(Some)).unwrap();
    let gaps = fleet
        .agents
        .iter()
        .filter(|agent| !oracle.store().gaps(agent.device, 1).unwrap().is_empty())
        .count();
    assert!(gaps > 0, "nobody was told of {swapped} swaps");
    faults::tell(
        "messages",
        &format!(
            "{AGENTS} agents, {repeated} messages repeated, {reordered} late behind younger ones, {delayed} delayed, {lost} connections lost: {} \
             items and {} lines compared, 0 lost, 0 doubled; then {swapped} before their predecessors: told as gaps of {gaps} PCs, and made up for",
            tally.items, tally.lines
        ),
    );
}
