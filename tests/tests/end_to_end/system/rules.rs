//! The watched folder of rules: an edit takes effect without a restart and without the PCs; a faulty file does
//! not, is shown, and leaves the rules before in force.

use std::fs;

use deskwarden_tests::{
    collector::{PACK, pack_with},
    wait::{PATIENCE, eventually},
};

use super::Office;

const PROXY: &str = "http_proxy=http://10.9.9.9:1080\n";

#[test]
fn an_edited_rule_judges_again_what_is_stored() {
    let mut office = Office::open("pc-edit", |setup| setup);
    office.pc.write("etc/environment", PROXY).unwrap();
    office.finding("pc.proxy-configured", "10.9.9.9", "open");
    // The PC is off: whatever happens now, no report brings it.
    office.agent.program().stop().unwrap();

    let pack = office.collector.rules_dir().join(PACK);
    fs::write(
        &pack,
        pack_with("approved_proxies = []", "approved_proxies = [\"10.9.9.9:1080\"]").unwrap(),
    )
    .unwrap();
    office.finding("pc.proxy-configured", "10.9.9.9", "resolved");
    fs::write(
        &pack,
        pack_with("approved_proxies = []", "approved_proxies = [\"10.1.1.1:8080\"]").unwrap(),
    )
    .unwrap();
    office.finding("pc.proxy-configured", "10.9.9.9", "open");
}

#[test]
fn a_faulty_file_is_shown_and_the_rules_before_stay_in_force() {
    let office = Office::open("pc-faulty", |setup| setup);
    let pack = pack_with(
        "severity = \"high\"\nkind = \"item\"",
        "severity = \"dreadful\"\nkind = \"item\"",
    )
    .unwrap();
    let line = 1 + pack
        .lines()
        .position(|line| line == "severity = \"dreadful\"")
        .unwrap();
    fs::write(office.collector.rules_dir().join(PACK), pack).unwrap();

    let refused = eventually("the refused version", PATIENCE, || {
        let listed = office.collector.cli(&["rules", "list"])?;
        Ok(listed["refused"]
            .as_array()
            .filter(|refused| !refused.is_empty())
            .cloned())
    });
    let refused = serde_json::to_string(&refused.unwrap()).unwrap();
    assert!(
        refused.contains(PACK) && refused.contains(&line.to_string()) && refused.contains("dreadful"),
        "{refused}"
    );

    let mut visitor = office.collector.administrator().unwrap();
    let page = visitor.read("/rules").unwrap();
    assert!(page.contains(PACK) && page.contains("dreadful"), "{page}");

    // The rules before still judge.
    office.pc.write("etc/environment", PROXY).unwrap();
    office.finding("pc.proxy-configured", "10.9.9.9", "open");
}
