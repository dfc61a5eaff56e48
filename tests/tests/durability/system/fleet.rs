//! The simulator itself, where nothing goes wrong: what it says must be what the store holds, and the oracle must
//! see it when it is not.

use deskwarden_tests::{
    collector::Setup,
    sim::{Fleet, Oracle, Plan, fleet::resident},
};

#[test]
fn the_store_holds_exactly_what_the_pcs_of_a_fleet_are() {
    let collector = Setup::new().unwrap().start().unwrap();
    let plan = Plan { agents: 40, seed: 1 };
    let mut fleet = Fleet::enrol(plan, &collector).unwrap();
    let before = resident().unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    let each = resident().unwrap().saturating_sub(before) / 40;
    eprintln!("{} KiB for an agent that is connected", each >> 10);
    // A thousand of them must fit into one process.
    assert!(each < 1 << 20, "{each} bytes for an agent");
    let oracle = Oracle::on(&collector.data()).unwrap();
    let first = oracle.agrees(&fleet).unwrap();
    assert!(first.devices == 40 && first.items > 40 * 250, "{first:?}");

    // Online, offline, and after an agent that was lost in between.
    fleet.mutate(3).unwrap();
    fleet.stop().unwrap();
    fleet.mutate(1).unwrap();
    fleet.start().unwrap();
    fleet.mutate(2).unwrap();
    fleet.lose().unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    let then = oracle.agrees(&fleet).unwrap();
    assert!(
        then.lines == first.lines + 40 * 6 && then.findings > 0,
        "{first:?} {then:?}"
    );

    // The twin: what the store does not hold is seen.
    fleet.stop().unwrap();
    fleet.mutate(1).unwrap();
    oracle.agrees(&fleet).unwrap_err();
}
