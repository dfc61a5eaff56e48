//! Somebody gives the PC another address: clause 3.2.5, with a real address in a namespace of its own.

use deskwarden_tests::{
    agent::Agent,
    collector::{Collector, Setup},
    need,
    netns::Netns,
    wait::{PATIENCE, eventually},
};

/// Namespaces have only virtual interfaces, which the rule leaves alone: here it looks at them too.
const KINDS: (&str, &str) = (
    "select = { kind = [\"ethernet\", \"wifi\"] }",
    "select = { kind = [\"ethernet\", \"wifi\", \"virtual\"] }",
);

fn can_run(test: &str) -> bool {
    need::program(test, "ip") && need::program(test, "nsenter") && need::root(test)
}

fn change(netns: &Netns) {
    netns
        .ip(&["address", "add", &netns.address(77), "dev", "office0"])
        .unwrap();
    netns
        .ip(&["address", "del", &netns.address(2), "dev", "office0"])
        .unwrap();
    // The default route went with its address.
    netns
        .ip(&["route", "replace", "default", "via", &netns.gateway()])
        .unwrap();
}

fn start(netns: &Netns, setup: Setup) -> (Collector, Agent) {
    let collector = setup.start_on(&format!("{}:0", netns.gateway())).unwrap();
    let agent = Agent::start_in(netns, &collector).unwrap();
    let seen = collector.finding("pc.unregistered", "", "open");
    seen.unwrap_or_else(|error| panic!("{error:#}\n{}{}", agent.log(), collector.log()));
    (collector, agent)
}

fn shows(collector: &Collector, address: &str) {
    let mut visitor = collector.administrator().unwrap();
    let devices = collector.cli(&["device", "list"]).unwrap();
    let page = format!("/devices/{}", devices[0]["id"].as_str().unwrap());
    let shown = eventually(address, PATIENCE, || {
        let text = visitor.read(&page)?;
        if text.contains(address) {
            Ok(Some(()))
        } else {
            anyhow::bail!("the page says {text}")
        }
    });
    shown.unwrap();
}

#[test]
fn a_changed_address_is_found_and_resolves_when_it_is_put_back() {
    if !can_run("a_changed_address_is_found_and_resolves_when_it_is_put_back") {
        return;
    }
    let netns = Netns::new(31).unwrap();
    let (collector, agent) = start(
        &netns,
        Setup::new().unwrap().edited_pack(KINDS.0, KINDS.1).unwrap(),
    );
    change(&netns);
    let found = collector.finding("pc.address-changed", "", "open");
    let found = found.unwrap_or_else(|error| panic!("{error:#}\n{}{}", agent.log(), collector.log()));
    assert_eq!(found["clause"], "PC 3.2.5");
    let shown = collector
        .cli(&["finding", "show", &found["id"].to_string()])
        .unwrap()
        .to_string();
    assert!(
        shown.contains("10.213.31.2") && shown.contains("10.213.31.77"),
        "before and after: {shown}"
    );

    netns
        .ip(&["address", "add", &netns.address(2), "dev", "office0"])
        .unwrap();
    netns
        .ip(&["address", "del", &netns.address(77), "dev", "office0"])
        .unwrap();
    netns
        .ip(&["route", "replace", "default", "via", &netns.gateway()])
        .unwrap();
    let resolved = collector.finding("pc.address-changed", "", "resolved").unwrap();
    assert_eq!(resolved["id"], found["id"]);
}

#[test]
fn with_the_rule_off_a_changed_address_is_nothing() {
    if !can_run("with_the_rule_off_a_changed_address_is_nothing") {
        return;
    }
    let netns = Netns::new(32).unwrap();
    let (collector, _agent) = start(
        &netns,
        Setup::new().unwrap().without_rule("pc.address-changed").unwrap(),
    );
    shows(&collector, "10.213.32.2");
    change(&netns);
    shows(&collector, "10.213.32.77");
    assert_eq!(collector.findings_of("pc.address-changed").unwrap().len(), 0);
}
