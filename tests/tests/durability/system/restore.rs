//! Older states come back: the collector's backup, an agent's disk, both. Every time the two sides must agree in the
//! end, by themselves, and the loss must be visible where there was one.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use deskwarden_store::conformance::postgres::Postgres;
use deskwarden_tests::{
    collector::{Collector, Setup},
    dashboard::text,
    faults,
    folder::copy,
    sim::{Fleet, Oracle, Plan},
    wait::{PATIENCE, eventually},
};
use tempfile::TempDir;

const AGENTS: u32 = 12;

fn office(seed: u64) -> (Collector, Fleet) {
    office_of(Setup::new().unwrap(), seed)
}

fn office_of(setup: Setup, seed: u64) -> (Collector, Fleet) {
    let collector = setup.start().unwrap();
    let mut fleet = Fleet::enrol(Plan { agents: AGENTS, seed }, &collector).unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    (collector, fleet)
}

/// A copy of the data folder of a collector that ended for it.
fn backup(collector: &mut Collector) -> TempDir {
    let kept = tempfile::tempdir().unwrap();
    collector.program().stop().unwrap();
    copy(&collector.data(), kept.path()).unwrap();
    collector.restart().unwrap();
    kept
}

/// Copies of all agents' states.
fn disks(fleet: &Fleet) -> Vec<TempDir> {
    let keep = |agent: &deskwarden_tests::sim::SimAgent| {
        let folder = tempfile::tempdir().unwrap();
        agent.keep(folder.path()).unwrap();
        folder
    };
    fleet.agents.iter().map(keep).collect()
}

fn put_back(fleet: &Fleet, disks: &[TempDir]) {
    for (agent, disk) in fleet.agents.iter().zip(disks) {
        agent.restore(disk.path()).unwrap();
    }
}

/// Both sides come to agree. What a hello finds missing is sent after everything else was acknowledged.
fn agree(oracle: &Oracle, fleet: &Fleet) {
    eventually("agreement", PATIENCE, || oracle.equals(fleet).map(Some)).unwrap();
}

/// Devices with a recorded gap, and devices that are known to be restored or cloned.
fn seen(oracle: &Oracle, fleet: &Fleet) -> (usize, usize) {
    let gap =
        |agent: &&deskwarden_tests::sim::SimAgent| !oracle.store().gaps(agent.device, 1).unwrap().is_empty();
    let forked = |agent: &&deskwarden_tests::sim::SimAgent| {
        let detail = oracle.store().device_detail(agent.device).unwrap().unwrap();
        detail.device.forked_at.is_some()
    };
    (
        fleet.agents.iter().filter(gap).count(),
        fleet.agents.iter().filter(forked).count(),
    )
}

/// A backup by the program's own command, while PCs change and agents report.
fn backup_meanwhile(collector: &Collector, fleet: &mut Fleet, folder: &Path) -> String {
    let before: u64 = fleet.promised().iter().map(|(_, sequence)| sequence).sum();
    let over = AtomicBool::new(false);
    let made = thread::scope(|scope| {
        let load = scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                fleet.mutate(1).unwrap();
            }
        });
        let made = collector.cli(&["backup", "--to", &folder.display().to_string()]);
        over.store(true, Ordering::SeqCst);
        load.join().unwrap();
        made.unwrap()
    });
    fleet.settle().unwrap();
    let after: u64 = fleet.promised().iter().map(|(_, sequence)| sequence).sum();
    assert!(after > before, "agents reported meanwhile");
    let backup = text(&made, "backup").unwrap().to_owned();
    assert_eq!(
        collector.cli(&["backup", "--verify", &backup]).unwrap()["whole"],
        true
    );
    backup
}

/// Everything of the collector is lost, and its own command puts the backup in its place.
fn restore(collector: &mut Collector, backup: &str, lose: impl FnOnce()) {
    collector.program().stop().unwrap();
    fs::remove_dir_all(collector.data()).unwrap();
    lose();
    collector.cli(&["restore", backup]).unwrap();
    collector.restart().unwrap();
}

/// The course of a loss; how many reports were newer than the backup, and what was compared.
fn ends_in_agreement(
    setup: Setup,
    seed: u64,
    open: impl Fn(&Collector) -> Oracle,
    lose: impl FnOnce(),
) -> String {
    let (mut collector, mut fleet) = office_of(setup, seed);
    let folder = tempfile::tempdir().unwrap();
    let backup = backup_meanwhile(&collector, &mut fleet, folder.path());
    fleet.mutate(3).unwrap();
    fleet.settle().unwrap();
    restore(&mut collector, &backup, lose);
    fleet.mutate(1).unwrap();
    fleet
        .settle()
        .unwrap_or_else(|error| panic!("{error:#}\n{}", collector.log()));
    // The digests of the hello tell what is missing, and a snapshot brings it.
    let oracle = open(&collector);
    fleet.stop().unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    agree(&oracle, &fleet);
    let (gaps, forks) = seen(&oracle, &fleet);
    assert_eq!(
        (gaps, forks),
        (AGENTS as usize, 0),
        "every gap shows, nobody was cloned"
    );
    // From here on it is as if nothing had been.
    let lines = |fleet: &Fleet| -> u64 {
        let each = fleet.agents.iter();
        each.map(|agent| oracle.lines(agent.device).unwrap()).sum()
    };
    let before = lines(&fleet);
    fleet.mutate(2).unwrap();
    fleet.settle().unwrap();
    agree(&oracle, &fleet);
    assert_eq!(lines(&fleet) - before, u64::from(AGENTS) * 2);
    let tally = oracle.equals(&fleet).unwrap();
    format!(
        "{} items of {gaps} PCs agreed about and {gaps} gaps told",
        tally.items
    )
}

#[test]
fn a_restored_backup_of_the_collector_ends_in_agreement() {
    let on = |collector: &Collector| Oracle::on(&collector.data()).unwrap();
    let embedded = ends_in_agreement(Setup::new().unwrap(), 60, on, || {});
    let Some(postgres) = Postgres::start() else { return };
    let setup = Setup::new().unwrap().store(postgres.location());
    let at = |_: &Collector| Oracle::at(postgres.location()).unwrap();
    let server = ends_in_agreement(setup, 59, at, || {
        let mut client = postgres.raw();
        let schema: String = client
            .query_one("SELECT current_schema()::text", &[])
            .unwrap()
            .get(0);
        client
            .batch_execute(&format!("DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}"))
            .unwrap();
    });
    faults::tell(
        "backup",
        &format!(
            "made while agents reported, by the command, and restored by the command: SQLite {embedded}; PostgreSQL {server}"
        ),
    );
}

#[test]
fn a_restored_disk_of_an_agent_ends_in_agreement() {
    let (collector, mut fleet) = office(61);
    fleet.stop().unwrap();
    let kept = disks(&fleet);
    fleet.start().unwrap();
    fleet.mutate(3).unwrap();
    fleet.settle().unwrap();
    fleet.stop().unwrap();
    put_back(&fleet, &kept);
    fleet.start().unwrap();
    fleet.mutate(1).unwrap();
    fleet.settle().unwrap();
    let oracle = Oracle::on(&collector.data()).unwrap();
    agree(&oracle, &fleet);
    assert_eq!(
        seen(&oracle, &fleet).1,
        AGENTS as usize,
        "every restored disk shows"
    );
    let items = oracle.equals(&fleet).unwrap().items;
    faults::tell(
        "disk-set-back",
        &format!("{AGENTS} disks set back by 3 changes: {items} items agreed about, {AGENTS} forks told"),
    );
}

#[test]
fn both_restored_end_in_agreement() {
    for agents_first in [true, false] {
        let (mut collector, mut fleet) = office(62);
        fleet.stop().unwrap();
        let older = disks(&fleet);
        fleet.start().unwrap();
        fleet.mutate(1).unwrap();
        fleet.settle().unwrap();
        let kept = backup(&mut collector);
        fleet.mutate(1).unwrap();
        fleet.settle().unwrap();
        fleet.stop().unwrap();
        let newer = disks(&fleet);
        collector.program().stop().unwrap();
        collector.restore(kept.path()).unwrap();
        collector.restart().unwrap();
        // Disks from before the backup, and from after it.
        put_back(&fleet, if agents_first { &older } else { &newer });
        fleet.start().unwrap();
        fleet.mutate(1).unwrap();
        fleet.settle().unwrap();
        fleet.stop().unwrap();
        fleet.start().unwrap();
        fleet.settle().unwrap();
        agree(&Oracle::on(&collector.data()).unwrap(), &fleet);
    }
}
