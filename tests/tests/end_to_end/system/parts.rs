//! Somebody opens the case and swaps a memory module: clause 3.2.1.

use deskwarden_tests::smbios::{Firmware, Memory};

use super::{Office, id};

fn swapped() -> Firmware {
    let mut firmware = Firmware::default();
    firmware.memory[1] = Memory::of("DIMM_B1", "DEADBE01");
    firmware
}

#[test]
fn a_swapped_memory_module_is_found_and_accepting_it_settles_it() {
    let office = Office::open("pc-parts", |setup| setup);
    office.pc.firmware(&swapped()).unwrap();
    let finding = office.finding("pc.part-changed", "DIMM_B1", "open");
    assert_eq!(finding["clause"], "PC 3.2.1");

    let mut visitor = office.collector.administrator().unwrap();
    let address = format!("/findings/{}", id(&finding));
    let page = visitor.read(&address).unwrap();
    assert!(
        page.contains("36F1A2C7") && page.contains("DEADBE01"),
        "before and after are shown: {page}"
    );

    let form = [("action", "accept"), ("note", "replaced under warranty")];
    let answer = visitor
        .send(&address, &format!("{address}/action"), &form)
        .unwrap();
    assert_eq!(answer.status, 303, "{}", answer.body);
    office.finding("pc.part-changed", "DIMM_B1", "accepted");

    // What was accepted is the new normal: the old module coming back is a change.
    office.pc.firmware(&Firmware::default()).unwrap();
    office.finding("pc.part-changed", "DIMM_B1", "open");
}

#[test]
fn putting_the_module_back_resolves_it() {
    let office = Office::open("pc-back", |setup| setup);
    office.pc.firmware(&swapped()).unwrap();
    let finding = office.finding("pc.part-changed", "DIMM_B1", "open");
    office.pc.firmware(&Firmware::default()).unwrap();
    let resolved = office.finding("pc.part-changed", "DIMM_B1", "resolved");
    assert_eq!(resolved["id"], finding["id"]);
}

#[test]
fn with_the_rule_off_a_swapped_module_is_nothing() {
    let office = Office::open("pc-parts-off", |setup| {
        setup.without_rule("pc.part-changed").unwrap()
    });
    let before = office
        .collector
        .device("parts", |device| device["items"]["part"].as_u64())
        .unwrap();
    let mut firmware = swapped();
    firmware.memory.push(Memory::of("DIMM_C1", "36F1A2D0"));
    office.pc.firmware(&firmware).unwrap();
    office.items("part", before + 1);
    office.is_silent_about("pc.part-changed");
}
