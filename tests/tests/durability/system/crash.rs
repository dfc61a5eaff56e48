//! kill -9 of the collector under the load of many agents: at random moments, and at every step by which a report
//! becomes durable and is acknowledged.

use std::{thread, time::Duration};

use deskwarden_tests::{
    collector::{Collector, Setup},
    faults,
    folder::copy,
    need,
    sim::{Fleet, Oracle, Plan},
    strace::{SENDS, Strace},
    wait::{PATIENCE, eventually},
};

/// What a kill left is held against what was acknowledged; then the collector starts on it.
fn survives(collector: &mut Collector, fleet: &Fleet) {
    let promised = fleet.promised();
    let left = tempfile::tempdir().unwrap();
    copy(&collector.data(), left.path()).unwrap();
    Oracle::on(left.path()).unwrap().holds(&promised).unwrap();
    collector.restart().unwrap();
}

#[test]
fn a_collector_killed_at_any_moment_loses_and_doubles_nothing() {
    let rounds = if need::soak() { 200 } else { 20 };
    let mut rng = fastrand::Rng::with_seed(44);
    let mut collector = Setup::new().unwrap().start().unwrap();
    let mut fleet = Fleet::enrol(
        Plan {
            agents: 200,
            seed: 44,
        },
        &collector,
    )
    .unwrap();
    fleet.start().unwrap();
    let mut busy = 0;
    for round in 0..rounds {
        // From inside the first reports of all to the middle of small changes.
        let moment = Duration::from_millis(rng.u64(5..400));
        thread::scope(|scope| {
            let load = scope.spawn(|| fleet.mutate(2).unwrap());
            thread::sleep(moment);
            collector.program().kill().unwrap();
            load.join().unwrap();
        });
        busy += u32::from(fleet.agents.iter().any(|agent| {
            let progress = agent.progress();
            progress.acknowledged < progress.enqueued
        }));
        survives(&mut collector, &fleet);
        if round % 10 == 9 {
            fleet.settle().unwrap();
            let tally = Oracle::on(&collector.data()).unwrap().agrees(&fleet).unwrap();
            faults::tell(
                "kills",
                &format!(
                    "{} kills: {} items and {} lines compared, 0 lost, 0 doubled, 0 that did not start",
                    round + 1,
                    tally.items,
                    tally.lines
                ),
            );
        }
    }
    assert_eq!(busy, rounds, "a kill while nothing waits shows nothing");
}

#[test]
fn a_collector_killed_at_every_step_loses_and_doubles_nothing() {
    let name = "a_collector_killed_at_every_step_loses_and_doubles_nothing";
    if !need::program(name, "strace") {
        return;
    }
    let mut collector = Setup::new().unwrap().start().unwrap();
    let mut fleet = Fleet::enrol(Plan { agents: 24, seed: 45 }, &collector).unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("log");
    let (mut died, steps) = (0, steps());
    for (call, nth) in &steps {
        let tracer = Strace::new(&log, &format!("pwrite64,fsync,{SENDS}"));
        collector.trace(Some(tracer.dies_at(call, *nth)));
        // It may die while it starts: that is a moment, too.
        let started = collector.restart().is_ok();
        collector.trace(None);
        for _ in 0..4 {
            fleet.mutate(1).unwrap();
            eventually("an end, one way or the other", PATIENCE, || {
                let over = !started || collector.program().is_over()? || fleet.is_settled();
                Ok(over.then_some(()))
            })
            .unwrap();
        }
        if !started || collector.program().is_over().unwrap() {
            died += 1;
        } else {
            collector.program().kill().unwrap();
        }
        survives(&mut collector, &fleet);
        fleet.settle().unwrap();
        Oracle::on(&collector.data()).unwrap().agrees(&fleet).unwrap();
    }
    eprintln!("died at {died} of {} steps: 0 lost, 0 doubled", steps.len());
    assert!(
        died * 4 >= steps.len() * 3,
        "the steps were not reached: {died} of {}",
        steps.len()
    );
}

/// Into the log, made durable, said: each before it is done, the first time that a thread does it and later ones.
fn steps() -> Vec<(&'static str, u32)> {
    let each = |call, every: Vec<u32>| every.into_iter().map(move |nth| (call, nth));
    let [written, synced, said] = if need::soak() {
        [
            (1..250).step_by(5).collect(),
            (1..25).collect(),
            (1..50).step_by(2).collect(),
        ]
    } else {
        [vec![1, 40, 90, 160], vec![1, 3, 5, 8], vec![1, 4, 9, 16]]
    };
    let all = each("pwrite64", written).chain(each("fsync", synced));
    all.chain(each("writev", said)).collect()
}
