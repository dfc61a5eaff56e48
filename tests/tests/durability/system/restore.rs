//! Older states come back: the collector's backup, an agent's disk, both. Every time the two sides must agree in the
//! end, by themselves, and the loss must be visible where there was one.

use deskwarden_tests::{
    collector::{Collector, Setup},
    folder::copy,
    sim::{Fleet, Oracle, Plan},
    wait::{PATIENCE, eventually},
};
use tempfile::TempDir;

const AGENTS: u32 = 12;

fn office(seed: u64) -> (Collector, Fleet) {
    let collector = Setup::new().unwrap().start().unwrap();
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

#[test]
fn a_restored_backup_of_the_collector_ends_in_agreement() {
    let (mut collector, mut fleet) = office(60);
    let kept = backup(&mut collector);
    fleet.mutate(3).unwrap();
    fleet.settle().unwrap();
    collector.program().stop().unwrap();
    collector.restore(kept.path()).unwrap();
    collector.restart().unwrap();
    fleet.mutate(1).unwrap();
    fleet.settle().unwrap();
    // The digests of the hello tell what is missing, and a snapshot brings it.
    let oracle = Oracle::on(&collector.data()).unwrap();
    fleet.stop().unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    agree(&oracle, &fleet);
    assert_eq!(
        seen(&oracle, &fleet),
        (AGENTS as usize, 0),
        "every gap shows, nobody was cloned"
    );
    // From here on it is as if nothing had been.
    let lines: u64 = fleet
        .agents
        .iter()
        .map(|agent| oracle.lines(agent.device).unwrap())
        .sum();
    fleet.mutate(2).unwrap();
    fleet.settle().unwrap();
    agree(&oracle, &fleet);
    let now: u64 = fleet
        .agents
        .iter()
        .map(|agent| oracle.lines(agent.device).unwrap())
        .sum();
    assert_eq!(now - lines, u64::from(AGENTS) * 2);
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
