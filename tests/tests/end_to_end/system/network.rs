//! Somebody gives the PC another address: clause 3.2.5, with a real address in a namespace of its own.

use deskwarden_tests::{
    agent::Agent,
    collector::{Collector, Setup},
    dashboard::Visitor,
    need,
    netns::Netns,
    wait::{PATIENCE, eventually},
};

fn can_run(test: &str) -> bool {
    need::program(test, "ip") && need::program(test, "nsenter") && need::root(test)
}

/// Gives the interface another address and the route that goes with it. Removing the first address of a subnet
/// takes the others along, so that goes first.
fn change(netns: &Netns, from: u8, to: u8) {
    netns
        .ip(&["address", "del", &netns.address(from), "dev", "office0"])
        .unwrap();
    netns
        .ip(&["address", "add", &netns.address(to), "dev", "office0"])
        .unwrap();
    netns
        .ip(&["route", "replace", "default", "via", &netns.gateway()])
        .unwrap();
}

fn start(netns: &Netns, setup: Setup) -> (Collector, Agent) {
    let collector = setup.start_on(&format!("{}:0", netns.gateway())).unwrap();
    let agent = Agent::start_in(netns, &collector).unwrap();
    let seen = collector.finding("pc.unregistered", "", "open");
    seen.unwrap_or_else(|error| panic!("{error:#}\n{}{}", agent.log(), collector.log()));
    // Judged before anything changes: what is first seen after the change is no change.
    let known = collector.device("the network of the PC", |device| {
        device["items"]["network"].as_u64().filter(|n| *n > 0)
    });
    known.unwrap_or_else(|error| panic!("{error:#}\n{}{}", agent.log(), collector.log()));
    (collector, agent)
}

fn shows(collector: &Collector, visitor: &mut Visitor, address: &str) {
    let devices = collector.cli(&["device", "list"]).unwrap();
    let page = format!("/devices/{}?tab=network", devices[0]["id"].as_str().unwrap());
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
    let (collector, agent) = start(&netns, Setup::new().unwrap());
    change(&netns, 2, 77);
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

    change(&netns, 77, 2);
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
    let mut visitor = collector.administrator().unwrap();
    shows(&collector, &mut visitor, "10.213.32.2");
    change(&netns, 2, 77);
    shows(&collector, &mut visitor, "10.213.32.77");
    assert_eq!(collector.findings_of("pc.address-changed").unwrap().len(), 0);
}

#[test]
fn a_vpn_and_a_bridge_of_containers_cry_no_wolf() {
    if !can_run("a_vpn_and_a_bridge_of_containers_cry_no_wolf") {
        return;
    }
    let netns = Netns::new(36).unwrap();
    let (collector, _agent) = start(&netns, Setup::new().unwrap());
    let mut visitor = collector.administrator().unwrap();
    netns.ip(&["link", "add", "docker0", "type", "bridge"]).unwrap();
    netns
        .ip(&["address", "add", "172.17.0.1/16", "dev", "docker0"])
        .unwrap();
    netns.ip(&["link", "set", "docker0", "up"]).unwrap();
    shows(&collector, &mut visitor, "172.17.0.1");
    // Not every kernel lets a test make one.
    if netns.ip(&["tuntap", "add", "dev", "tun0", "mode", "tun"]).is_ok() {
        netns
            .ip(&["address", "add", "10.8.0.2/24", "dev", "tun0"])
            .unwrap();
        netns.ip(&["link", "set", "tun0", "up"]).unwrap();
        shows(&collector, &mut visitor, "10.8.0.2");
    }
    for rule in [
        "pc.address-changed",
        "pc.address-conflict",
        "pc.address-stolen",
        "pc.mac-changed",
        "pc.connection-sharing",
    ] {
        assert_eq!(
            collector.findings_of(rule).unwrap(),
            Vec::<serde_json::Value>::new(),
            "{rule}"
        );
    }
}
