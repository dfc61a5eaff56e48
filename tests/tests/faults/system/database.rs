//! The database server dies: it comes back, or its standby takes over.

use std::{thread, time::Instant};

use deskwarden_store::conformance::cluster::Cluster;
use deskwarden_tests::{
    collector::{Collector, Setup},
    faults, need,
    sim::{Fleet, Oracle, Plan},
};

/// A collector over these servers, and agents that reported.
fn office(servers: &[&Cluster], seed: u64) -> (Collector, Fleet) {
    let location = Cluster::location(servers);
    let collector = Setup::new().unwrap().store(&location).start().unwrap();
    let mut fleet = Fleet::enrol(Plan { agents: 40, seed }, &collector).unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    (collector, fleet)
}

#[test]
fn postgresql_may_die_and_come_back() {
    let Some(mut server) = Cluster::start() else {
        need::missing("postgresql_may_die_and_come_back", "there is no PostgreSQL");
        return;
    };
    let (mut collector, mut fleet) = office(&[&server], 93);
    let process = collector.program().id();
    let mut rounds = Vec::new();
    for _ in 0..3 {
        thread::scope(|scope| {
            let load = scope.spawn(|| fleet.mutate(3).unwrap());
            server.kill();
            load.join().unwrap();
        });
        let promised = fleet.promised();
        server.restart();
        let began = Instant::now();
        fleet.mutate(1).unwrap();
        fleet
            .settle()
            .unwrap_or_else(|error| panic!("{error:#}\n{}", collector.log()));
        rounds.push(began.elapsed().as_secs_f64());
        Oracle::at(&Cluster::location(&[&server]))
            .unwrap()
            .holds(&promised)
            .unwrap();
    }
    assert_eq!(collector.program().id(), process);
    assert!(!collector.program().is_over().unwrap(), "it stays up");
    let oracle = Oracle::at(&Cluster::location(&[&server])).unwrap();
    let tally = oracle.agrees(&fleet).unwrap();
    let slowest = rounds.iter().copied().fold(0.0, f64::max);
    faults::tell(
        "postgres-down",
        &format!(
            "3 kills: everything was there at most {slowest:.1} s after its return; {} items and {} lines compared, 0 lost, 0 doubled",
            tally.items, tally.lines
        ),
    );
}

#[test]
fn a_standby_that_takes_over_is_found() {
    let Some(mut primary) = Cluster::start() else {
        need::missing("a_standby_that_takes_over_is_found", "there is no PostgreSQL");
        return;
    };
    let standby = primary.standby();
    let (mut collector, mut fleet) = office(&[&primary, &standby], 94);
    let process = collector.program().id();
    thread::scope(|scope| {
        let load = scope.spawn(|| fleet.mutate(3).unwrap());
        primary.kill();
        load.join().unwrap();
    });
    let promised = fleet.promised();
    standby.promote();
    let began = Instant::now();
    fleet.mutate(1).unwrap();
    fleet
        .settle()
        .unwrap_or_else(|error| panic!("{error:#}\n{}", collector.log()));
    let took = began.elapsed().as_secs_f64();
    assert_eq!(collector.program().id(), process);
    let oracle = Oracle::at(&Cluster::location(&[&standby])).unwrap();
    oracle.holds(&promised).unwrap();
    let tally = oracle.agrees(&fleet).unwrap();
    faults::tell(
        "failover",
        &format!(
            "everything was there {took:.1} s after the standby took over; {} items and {} lines compared, 0 lost, 0 doubled",
            tally.items, tally.lines
        ),
    );
}
