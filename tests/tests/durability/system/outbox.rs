//! Outboxes that changed on the disks of their PCs: a bit of them, or their end. Every time agent and store agree
//! afterwards, by themselves, about everything that there is.

use std::fs;

use deskwarden_tests::{
    collector::Setup,
    faults, need,
    sim::{Fleet, Oracle, Plan},
    wait::{PATIENCE, eventually},
};

const AGENTS: u32 = 24;
const JOURNAL: &str = "outbox/outbox.journal";

#[test]
fn an_outbox_that_changed_on_its_disk_ends_in_agreement() {
    let collector = Setup::new().unwrap().start().unwrap();
    let mut fleet = Fleet::enrol(
        Plan {
            agents: AGENTS,
            seed: 66,
        },
        &collector,
    )
    .unwrap();
    let oracle = Oracle::on(&collector.data()).unwrap();
    let mut rng = fastrand::Rng::with_seed(67);
    let (mut flipped, mut cut) = (0, 0);
    let rounds = if need::soak() { 40 } else { 4 };
    for _ in 0..rounds {
        fleet.start().unwrap();
        fleet.settle().unwrap();
        // Some of it waits when the PC is gone, some is acknowledged.
        fleet.mutate(3).unwrap();
        fleet.lose().unwrap();
        for agent in &fleet.agents {
            let journal = agent.state().join(JOURNAL);
            let mut bytes = fs::read(&journal).unwrap();
            // Where records are, and anywhere.
            let from = if rng.bool() { bytes.len() * 3 / 4 } else { 0 };
            let at = rng.usize(from..bytes.len());
            if rng.bool() {
                bytes[at] ^= 1 << rng.u8(..8);
                flipped += 1;
            } else {
                bytes.truncate(at);
                cut += 1;
            }
            fs::write(&journal, bytes).unwrap();
        }
        fleet.start().unwrap();
        fleet.mutate(1).unwrap();
        fleet
            .settle()
            .unwrap_or_else(|error| panic!("{error:#}\n{}", collector.log()));
        // The next hello tells whether anything is missing.
        fleet.stop().unwrap();
        fleet.start().unwrap();
        fleet.settle().unwrap();
        eventually("agreement", PATIENCE, || oracle.equals(&fleet).map(Some))
            .unwrap_or_else(|error| panic!("{error:#}\n{}", collector.log()));
        fleet.stop().unwrap();
    }
    let told = fleet
        .agents
        .iter()
        .filter(|agent| {
            let forked = oracle
                .store()
                .device_detail(agent.device)
                .unwrap()
                .unwrap()
                .device
                .forked_at;
            forked.is_some() || !oracle.store().gaps(agent.device, 1).unwrap().is_empty()
        })
        .count();
    assert!(
        told > AGENTS as usize / 2,
        "{told} of {AGENTS} show what happened"
    );
    faults::tell(
        "outbox-bits",
        &format!(
            "{flipped} outboxes with a bit flipped, {cut} with their end cut: agent and store agreed about everything each time; {told} of {AGENTS} PCs \
             show it"
        ),
    );
}
