//! The database server dies: it comes back, or its standby takes over.

use std::{thread, time::Instant};

use deskwarden_domain::operations::Kind;
use deskwarden_store::conformance::cluster::Cluster;
use deskwarden_tests::{
    collector::{Collector, Setup},
    dashboard::{Visitor, words},
    faults, need,
    sim::{Fleet, Oracle, Plan},
    webhook::Receiver,
};

use super::{hears_of_the_store, told};

/// A collector over these servers, agents that reported, and somebody who is told.
fn office(servers: &[&Cluster], seed: u64) -> (Collector, Fleet, Receiver) {
    let location = Cluster::location(servers);
    let (receiver, setup) = told(Setup::new().unwrap().store(&location));
    let collector = setup.start().unwrap();
    let mut fleet = Fleet::enrol(Plan { agents: 40, seed }, &collector).unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    (collector, fleet, receiver)
}

/// While the database is away every page says so, in its own words and without what is inside.
fn says_that_the_store_is_away(admin: &mut Visitor, location: &str) {
    for page in ["/", "/findings", "/assets", "/system"] {
        let answer = admin.get(page).unwrap();
        assert_eq!(answer.status, 503, "{page}");
        let body = &answer.body;
        assert!(words(body).len() > 20, "{page}: {body}");
        assert!(
            !body.contains(location) && !body.contains("/tmp/dw-pg"),
            "{page}: {body}"
        );
    }
}

#[test]
fn postgresql_may_die_and_come_back() {
    let Some(mut server) = Cluster::start() else {
        need::missing("postgresql_may_die_and_come_back", "there is no PostgreSQL");
        return;
    };
    let (mut collector, mut fleet, receiver) = office(&[&server], 93);
    let process = collector.program().id();
    let mut admin = collector.administrator().unwrap();
    let mut rounds = Vec::new();
    for round in 0..3 {
        thread::scope(|scope| {
            let load = scope.spawn(|| fleet.mutate(3).unwrap());
            server.kill();
            load.join().unwrap();
        });
        let promised = fleet.promised();
        if round == 0 {
            // Longer than a restart of a database takes.
            says_that_the_store_is_away(&mut admin, &Cluster::location(&[&server]));
            hears_of_the_store(&receiver, "opened");
            says_that_the_store_is_away(&mut admin, &Cluster::location(&[&server]));
        }
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
        if round == 0 {
            hears_of_the_store(&receiver, "resolved");
            admin.read("/findings").unwrap();
        }
    }
    let of_the_store = receiver.deliveries();
    let of_the_store = of_the_store
        .iter()
        .filter(|came| came.json()["finding"]["rule"] == Kind::StoreDown.rule());
    assert_eq!(
        of_the_store.count(),
        2,
        "once down, once back, and nothing about what was short"
    );
    assert_eq!(collector.program().id(), process);
    assert!(!collector.program().is_over().unwrap(), "it stays up");
    let oracle = Oracle::at(&Cluster::location(&[&server])).unwrap();
    let tally = oracle.agrees(&fleet).unwrap();
    let slowest = rounds.iter().copied().fold(0.0, f64::max);
    faults::tell(
        "postgres-down",
        &format!(
            "3 kills, the first one until a webhook was told (and of the end): pages said 503 meanwhile; everything was there at most {slowest:.1} s after its return; {} items and {} lines compared, 0 lost, 0 doubled",
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
    let (mut collector, mut fleet, _) = office(&[&primary, &standby], 94);
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
