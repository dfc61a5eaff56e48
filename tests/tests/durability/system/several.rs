//! Several collectors over one PostgreSQL: agents go to whichever is there, and nothing is lost or doubled while
//! collectors are killed and replaced one after the other.

use std::{fs, thread, time::Duration};

use deskwarden_store::conformance::postgres::Postgres;
use deskwarden_tests::{
    collector::{Collector, Setup},
    faults, need,
    sim::{Fleet, Oracle, Plan},
};

/// Two collectors over one database, and agents that know both.
fn office(postgres: &Postgres, plan: Plan) -> ([Collector; 2], Fleet) {
    let first = Setup::new().unwrap().store(postgres.location()).start().unwrap();
    let second = Setup::new().unwrap().beside(&first).unwrap().start().unwrap();
    let mut fleet = Fleet::enrol(plan, &first).unwrap();
    fleet.also(&second).unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    ([first, second], fleet)
}

#[test]
fn a_collector_over_postgresql_starts_serves_and_ends_well() {
    let Some(postgres) = Postgres::start() else { return };
    let mut collector = Setup::new().unwrap().store(postgres.location()).start().unwrap();
    let mut fleet = Fleet::enrol(Plan { agents: 4, seed: 60 }, &collector).unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    Oracle::at(postgres.location()).unwrap().agrees(&fleet).unwrap();
    let mut admin = collector.administrator().unwrap();
    for page in ["/", "/findings", "/assets", "/software", "/system", "/audit"] {
        assert!(!admin.read(page).unwrap().is_empty(), "{page}");
    }
    let status = collector.program().stop().unwrap();
    assert!(status.success(), "{status}: {}", collector.log());
}

#[test]
fn of_several_collectors_any_may_die_and_nothing_is_lost_or_doubled() {
    let Some(postgres) = Postgres::start() else { return };
    let rounds = if need::soak() { 100 } else { 10 };
    let mut rng = fastrand::Rng::with_seed(61);
    let (mut collectors, mut fleet) = office(&postgres, Plan { agents: 60, seed: 61 });
    let oracle = Oracle::at(postgres.location()).unwrap();
    let mut moved = 0;
    for round in 0..rounds {
        let victim = rng.usize(..2);
        let moment = Duration::from_millis(rng.u64(5..400));
        thread::scope(|scope| {
            let load = scope.spawn(|| fleet.mutate(2).unwrap());
            thread::sleep(moment);
            collectors[victim].program().kill().unwrap();
            load.join().unwrap();
        });
        oracle.holds(&fleet.promised()).unwrap();
        // The other one serves everybody, while this one is away.
        fleet.settle().unwrap();
        moved += usize::from(victim == 0);
        collectors[victim].restart().unwrap();
        if round % 5 == 4 {
            let tally = oracle.agrees(&fleet).unwrap();
            faults::tell(
                "several",
                &format!(
                    "{} kills of one of two: {} items and {} lines compared, 0 lost, 0 doubled",
                    round + 1,
                    tally.items,
                    tally.lines
                ),
            );
        }
    }
    assert!(moved > 0 && moved < rounds, "both were killed");
}

#[test]
fn collectors_are_replaced_one_after_the_other_without_losing_anything() {
    let Some(postgres) = Postgres::start() else { return };
    let (mut collectors, mut fleet) = office(&postgres, Plan { agents: 60, seed: 62 });
    let oracle = Oracle::at(postgres.location()).unwrap();
    for _ in 0..2 {
        for collector in &mut collectors {
            thread::scope(|scope| {
                let load = scope.spawn(|| fleet.mutate(3).unwrap());
                let status = collector.program().stop().unwrap();
                assert!(status.success(), "{status}: {}", collector.log());
                load.join().unwrap();
            });
            fleet.settle().unwrap();
            collector.restart().unwrap();
        }
    }
    let tally = oracle.agrees(&fleet).unwrap();
    eprintln!("four restarts under load: 0 lost, 0 doubled of {tally:?}");
}

/// The intermediate that signs for a collector.
fn intermediate(collector: &Collector) -> String {
    fs::read_to_string(collector.data().join("pki/intermediate.crt")).unwrap()
}

#[test]
fn each_collector_renews_its_intermediate_by_itself_and_agents_go_to_either() {
    if !need::program(
        "each_collector_renews_its_intermediate_by_itself_and_agents_go_to_either",
        "faketime",
    ) {
        return;
    }
    let Some(postgres) = Postgres::start() else { return };
    // Made six hundred days ago, so that less than half a year of the two is left.
    let made = "-600d";
    let mut first = Setup::new()
        .unwrap()
        .store(postgres.location())
        .clock(made)
        .start()
        .unwrap();
    let mut second = Setup::new()
        .unwrap()
        .beside(&first)
        .unwrap()
        .clock(made)
        .start()
        .unwrap();
    let before = intermediate(&first);
    assert_eq!(intermediate(&second), before);

    // Without the root's key it goes on with what it has, and with it each signs one of its own.
    let (key, safe) = (second.data().join("pki/root.key"), second.data().join("root.key"));
    fs::rename(&key, &safe).unwrap();
    first.restart_today().unwrap();
    second.restart_today().unwrap();
    assert_eq!(intermediate(&second), before);
    let mut fleet = Fleet::enrol(Plan { agents: 20, seed: 63 }, &second).unwrap();
    fs::rename(&safe, &key).unwrap();
    second.restart().unwrap();
    let after = [intermediate(&first), intermediate(&second)];
    assert!(after[0] != before && after[1] != before && after[0] != after[1]);

    // Certificates that were signed under the earlier intermediate and under either later one are good at both.
    fleet.also(&first).unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    let mut others = Fleet::enrol(Plan { agents: 20, seed: 64 }, &first).unwrap();
    others.also(&second).unwrap();
    others.start().unwrap();
    others.settle().unwrap();
    for gone in [&mut second, &mut first] {
        gone.program().kill().unwrap();
        for fleet in [&mut fleet, &mut others] {
            fleet.mutate(1).unwrap();
            fleet.settle().unwrap();
        }
        gone.restart().unwrap();
    }
    fleet.stop().unwrap();
    others.stop().unwrap();
    let oracle = Oracle::at(postgres.location()).unwrap();
    for fleet in [&fleet, &others] {
        oracle.holds(&fleet.promised()).unwrap();
        oracle.agrees(fleet).unwrap();
    }
}
