//! What several devices say together: an address taken while its owner is off, a conflict, a gateway that
//! another machine answers for (clauses 3.2.5, 3.2.4), and a part that moves between PCs (clause 3.2.1).

use deskwarden_tests::{
    agent::Agent,
    collector::{Collector, Setup},
    dashboard::Visitor,
    need,
    netns::Netns,
    pc::Pc,
    smbios::{Firmware, Memory},
    wait::{PATIENCE, eventually},
};

/// A hardware address that no machine here has.
pub(super) const STRANGER: &str = "00:00:5e:00:53:ff";

pub(super) fn can_run(test: &str) -> bool {
    need::program(test, "ip") && need::program(test, "nsenter") && need::root(test)
}

/// A PC in a namespace that the collector knows the network of, and its asset.
pub(super) fn office(netns: &Netns, setup: Setup) -> (Collector, Agent, String) {
    office_at(&netns.gateway(), netns, setup)
}

/// The same with a collector at another address than the gateway's.
fn office_at(address: &str, netns: &Netns, setup: Setup) -> (Collector, Agent, String) {
    let collector = setup.start_on(&format!("{address}:0")).unwrap();
    let agent = Agent::start_in(netns, &collector).unwrap();
    let known = collector.device("the network of the PC", |device| {
        device["items"]["network"].as_u64().filter(|n| *n > 0)
    });
    known.unwrap_or_else(|error| panic!("{error:#}\n{}{}", agent.log(), collector.log()));
    let assets = collector.cli(&["asset", "list"]).unwrap();
    let asset = assets[0]["id"].to_string();
    (collector, agent, asset)
}

/// Imports what a gateway remembers.
pub(super) fn observe(collector: &Collector, table: &str) {
    let file = collector.data().join("arp.txt");
    std::fs::write(&file, table).unwrap();
    let file = file.display().to_string();
    collector
        .cli(&["ledger", "observe", "--arp", &file, "--name", "gateway"])
        .unwrap();
}

pub(super) fn assign(collector: &Collector, asset: &str, address: &str) {
    collector
        .cli(&["ledger", "set", "--asset", asset, "--address", address])
        .unwrap();
}

#[test]
fn a_thief_without_an_agent_is_named_with_its_victim_and_resolves_when_gone() {
    if !can_run("a_thief_without_an_agent_is_named_with_its_victim_and_resolves_when_gone") {
        return;
    }
    let netns = Netns::new(41).unwrap();
    let (collector, mut agent, asset) = office(&netns, Setup::new().unwrap());
    assign(&collector, &asset, "10.213.41.2");
    agent.program().stop().unwrap();
    observe(
        &collector,
        &format!("10.213.41.2 dev br0 lladdr {STRANGER} REACHABLE\n"),
    );
    let found = collector.finding("pc.address-stolen", "10.213.41.2", "open");
    let found = found.unwrap_or_else(|error| panic!("{error:#}\n{}", collector.log()));
    assert_eq!(found["holder"], format!("machine:{STRANGER}"));
    assert_eq!(
        (found["clause"].as_str(), found["severity"].as_str()),
        (Some("PC 3.2.5"), Some("critical"))
    );
    let shown = collector
        .cli(&["finding", "show", &found["id"].to_string()])
        .unwrap();
    let seen = &shown["evidence"][0]["detail"];
    assert_eq!(seen["suspect_mac"], STRANGER);
    assert_eq!(seen["victim_asset"].to_string(), asset);
    collector
        .finding("pc.unmanaged-machine", STRANGER, "open")
        .unwrap();

    observe(
        &collector,
        "10.213.41.9 dev br0 lladdr 00:00:5e:00:53:fe REACHABLE\n",
    );
    let resolved = collector
        .finding("pc.address-stolen", "10.213.41.2", "resolved")
        .unwrap();
    assert_eq!(resolved["id"], found["id"]);
}

#[test]
fn with_the_rule_off_a_taken_address_is_nothing() {
    if !can_run("with_the_rule_off_a_taken_address_is_nothing") {
        return;
    }
    let netns = Netns::new(42).unwrap();
    let setup = Setup::new().unwrap().without_rule("pc.address-stolen").unwrap();
    let (collector, _agent, asset) = office(&netns, setup);
    assign(&collector, &asset, "10.213.42.2");
    observe(
        &collector,
        &format!("10.213.42.2 dev br0 lladdr {STRANGER} REACHABLE\n"),
    );
    // Found by another rule in the same look: the table was judged.
    collector
        .finding("pc.unmanaged-machine", STRANGER, "open")
        .unwrap();
    assert!(collector.findings_of("pc.address-stolen").unwrap().is_empty());
}

#[test]
fn a_second_machine_at_a_fixed_address_is_a_conflict() {
    if !can_run("a_second_machine_at_a_fixed_address_is_a_conflict") {
        return;
    }
    let netns = Netns::new(43).unwrap();
    let (collector, agent, _) = office(&netns, Setup::new().unwrap());
    let own = netns.ip(&["-o", "link", "show", "office0"]).unwrap();
    let own = own
        .split_whitespace()
        .skip_while(|word| *word != "link/ether")
        .nth(1)
        .unwrap();
    // The PC's own line is no conflict with itself.
    observe(
        &collector,
        &format!("10.213.43.2 dev br0 lladdr {own} REACHABLE\n10.213.43.7 dev br0 lladdr {STRANGER} STALE\n"),
    );
    collector
        .finding("pc.unmanaged-machine", STRANGER, "open")
        .unwrap();
    assert!(collector.findings_of("pc.address-conflict").unwrap().is_empty());
    assert!(collector.findings_of("pc.address-stolen").unwrap().is_empty());
    observe(
        &collector,
        &format!("10.213.43.2 dev br0 lladdr {STRANGER} REACHABLE\n"),
    );
    // Without a ledger entry the address belongs to the PC that it was accepted for.
    let stolen = collector.finding("pc.address-stolen", "10.213.43.2", "open");
    stolen.unwrap_or_else(|error| panic!("{error:#}\n{}{}", agent.log(), collector.log()));
    collector
        .finding("pc.address-conflict", "10.213.43.2", "open")
        .unwrap();
}

/// Waits until the page of the PC's interface shows who answers for its gateway. The kernel of the PC knows
/// that only after it spoke through the gateway: often after the first contact.
fn told(collector: &Collector, visitor: &mut Visitor, gateway_mac: &str) {
    let id = collector.device("an id", |device| device["id"].as_str().map(str::to_owned));
    let page = format!("/devices/{}?tab=network", id.unwrap());
    let shown = eventually(gateway_mac, PATIENCE, || {
        Ok(visitor.read(&page)?.contains(gateway_mac).then_some(()))
    });
    shown.unwrap_or_else(|error| panic!("{error:#}\n{}", collector.log()));
}

/// The hardware address that the kernel of the PC knows its gateway by.
fn gateway_mac(netns: &Netns) -> String {
    let mac = eventually("a known gateway", PATIENCE, || {
        let shown = netns.ip(&["neigh", "show", &netns.gateway()])?;
        let mut words = shown.split_whitespace().skip_while(|word| *word != "lladdr");
        Ok(words.nth(1).map(str::to_owned))
    });
    mac.unwrap()
}

#[test]
fn another_machine_that_answers_for_the_gateway_is_found_in_the_neighbour_table_of_a_pc() {
    if !can_run("another_machine_that_answers_for_the_gateway_is_found_in_the_neighbour_table_of_a_pc") {
        return;
    }
    let netns = Netns::new(44).unwrap();
    let (collector, agent, _) = office(&netns, Setup::new().unwrap());
    let mut visitor = collector.administrator().unwrap();
    told(&collector, &mut visitor, &gateway_mac(&netns));
    assert!(collector.findings_of("pc.gateway-spoofed").unwrap().is_empty());
    netns.is_fooled_by(STRANGER).unwrap();
    let found = collector.finding("pc.gateway-spoofed", &netns.gateway(), "open");
    let found = found.unwrap_or_else(|error| panic!("{error:#}\n{}{}", agent.log(), collector.log()));
    assert_eq!(found["holder"], format!("machine:{STRANGER}"));
    assert_eq!(found["clause"], "PC 3.2.4");
}

#[test]
fn a_gateway_that_the_first_contact_did_not_know_is_guarded_from_when_it_is_seen() {
    if !can_run("a_gateway_that_the_first_contact_did_not_know_is_guarded_from_when_it_is_seen") {
        return;
    }
    let netns = Netns::new(46).unwrap();
    let at = netns.neighbour().unwrap();
    let (collector, agent, _) = office_at(&at, &netns, Setup::new().unwrap());
    let mut visitor = collector.administrator().unwrap();
    let real = "00:00:5e:00:53:01";
    netns.gateway_is(real).unwrap();
    told(&collector, &mut visitor, real);
    assert!(collector.findings_of("pc.gateway-spoofed").unwrap().is_empty());
    netns.gateway_is(STRANGER).unwrap();
    let found = collector.finding("pc.gateway-spoofed", &netns.gateway(), "open");
    let found = found.unwrap_or_else(|error| panic!("{error:#}\n{}{}", agent.log(), collector.log()));
    assert_eq!(found["holder"], format!("machine:{STRANGER}"));
}

#[test]
fn with_the_rule_off_another_gateway_is_nothing() {
    if !can_run("with_the_rule_off_another_gateway_is_nothing") {
        return;
    }
    let netns = Netns::new(45).unwrap();
    let setup = Setup::new().unwrap().without_rule("pc.gateway-spoofed").unwrap();
    let (collector, _agent, _) = office(&netns, setup);
    let mut visitor = collector.administrator().unwrap();
    told(&collector, &mut visitor, &gateway_mac(&netns));
    netns.is_fooled_by(STRANGER).unwrap();
    told(&collector, &mut visitor, STRANGER);
    // What came later was judged, so what the PC saw was.
    let later = "00:00:5e:00:53:fe";
    observe(
        &collector,
        &format!("10.213.45.9 dev br0 lladdr {later} REACHABLE\n"),
    );
    collector.finding("pc.unmanaged-machine", later, "open").unwrap();
    assert!(collector.findings_of("pc.gateway-spoofed").unwrap().is_empty());
}

fn taken() -> Firmware {
    Firmware {
        serial: "PF9THIEF".into(),
        board: "L1HF9A80999".into(),
        memory: vec![Memory::of("DIMM_A1", "AA11BB22")],
    }
}

fn with_the_module() -> Firmware {
    let mut firmware = taken();
    firmware.memory.push(Memory::of("DIMM_B1", "DEADBE01"));
    firmware
}

fn two_pcs(setup: Setup) -> (Collector, [Pc; 2], [Agent; 2]) {
    let collector = setup.start().unwrap();
    let (home, thief) = (Pc::new("pc-home").unwrap(), Pc::new("pc-thief").unwrap());
    let mut firmware = Firmware::default();
    firmware.memory[1] = Memory::of("DIMM_B1", "DEADBE01");
    home.firmware(&firmware).unwrap();
    thief.firmware(&taken()).unwrap();
    let agents = [
        Agent::start(&collector, &home).unwrap(),
        Agent::start(&collector, &thief).unwrap(),
    ];
    for host in ["pc-home", "pc-thief"] {
        collector.finding("pc.unregistered", host, "open").unwrap();
    }
    (collector, [home, thief], agents)
}

#[test]
fn a_part_that_moves_to_another_pc_is_named_in_both() {
    let (collector, [home, thief], _agents) = two_pcs(Setup::new().unwrap());
    home.firmware(&Firmware {
        memory: vec![Memory::of("DIMM_A1", "36F1A2C6")],
        ..Firmware::default()
    })
    .unwrap();
    collector.finding("pc.part-changed", "DIMM_B1", "open").unwrap();
    assert!(
        collector.findings_of("pc.part-moved").unwrap().is_empty(),
        "it lies in a drawer"
    );
    thief.firmware(&with_the_module()).unwrap();
    eventually("a finding on both PCs", PATIENCE, || {
        let found = collector.findings_of("pc.part-moved")?;
        Ok((found.len() == 2 && found.iter().all(|one| one["state"] == "open")).then_some(()))
    })
    .unwrap();
    let found = collector.finding("pc.part-moved", "DEADBE01", "open").unwrap();
    let shown = collector
        .cli(&["finding", "show", &found["id"].to_string()])
        .unwrap();
    let said = shown["evidence"][0]["detail"]["en"].as_str().unwrap().to_owned();
    assert!(said.contains("pc-home") && said.contains("pc-thief"), "{said}");

    // Back where it belongs: nothing is left of it.
    thief.firmware(&taken()).unwrap();
    eventually("both resolved", PATIENCE, || {
        let found = collector.findings_of("pc.part-moved")?;
        Ok(found.iter().all(|one| one["state"] == "resolved").then_some(()))
    })
    .unwrap();
}

#[test]
fn with_the_rule_off_a_moved_part_is_only_a_change() {
    let setup = Setup::new().unwrap().without_rule("pc.part-moved").unwrap();
    let (collector, [_home, thief], _agents) = two_pcs(setup);
    thief.firmware(&with_the_module()).unwrap();
    collector.finding("pc.part-changed", "DIMM_B1", "open").unwrap();
    assert!(collector.findings_of("pc.part-moved").unwrap().is_empty());
}
