//! Clauses beyond software: an open share, a new account; tied to a clause of the company's own, and switched off by it.

use std::fs;

use deskwarden_tests::collector::Setup;

use super::Office;

const SHARE: &str = "[global]\nworkgroup = OFFICE\n[pub]\npath = /srv\nguest ok = yes\n";

/// A file of the company's own in `rules.d`.
fn with(setup: Setup, content: &str) -> Setup {
    fs::write(setup.rules_dir().join("acme.toml"), content).unwrap();
    setup
}

fn account(office: &Office, name: &str, uid: u32) {
    let before = fs::read_to_string(office.pc.file("etc/passwd")).unwrap();
    let line = format!("{name}:x:{uid}:{uid}::/home/{name}:/bin/bash\n");
    office.pc.write("etc/passwd", &(before + &line)).unwrap();
}

#[test]
fn an_open_share_and_a_new_account_are_found_and_resolve_when_they_are_gone() {
    let office = Office::open("pc-clauses", |setup| setup);
    office.items("account", 2);
    let before = fs::read_to_string(office.pc.file("etc/passwd")).unwrap();
    office.pc.write("etc/samba/smb.conf", SHARE).unwrap();
    account(&office, "li", 1001);
    assert_eq!(
        office.finding("pc.share-open", "pub", "open")["clause"],
        "PC 3.2.7"
    );
    let added = office.finding("pc.account-added", "li", "open");
    assert_eq!(added["clause"], "PC 3.1.4.3 b");
    let why = office
        .collector
        .cli(&["rules", "explain", &super::id(&added)])
        .unwrap();
    assert_eq!(why["rule"]["id"], "pc.account-added");
    assert_eq!(why["evidence"][0]["detail"]["change"], "added");

    office
        .pc
        .write("etc/samba/smb.conf", "[global]\nworkgroup = OFFICE\n")
        .unwrap();
    office.pc.write("etc/passwd", &before).unwrap();
    office.finding("pc.share-open", "pub", "resolved");
    office.finding("pc.account-added", "li", "resolved");
}

#[test]
fn a_company_that_switches_the_rules_off_is_told_nothing() {
    let office = Office::open("pc-clauses-off", |setup| {
        with(
            setup,
            "[[adjust]]\nrules = [\"pc.share-open\", \"pc.account-added\"]\nenabled = false\n",
        )
    });
    office.items("account", 2);
    office.pc.write("etc/samba/smb.conf", SHARE).unwrap();
    account(&office, "li", 1001);
    office.items("share", 1);
    office.items("account", 3);
    office.is_silent_about("pc.share-open");
    office.is_silent_about("pc.account-added");
}

#[test]
fn a_shipped_rule_cites_the_companys_own_clause_and_counts_for_both() {
    const MINE: &str = r#"
[[regulation]]
id = "ACME"
title = { zh = "甲公司规定", en = "Rules of ACME" }
version = "1"
[[regulation.clause]]
number = "7.2"
wording = { zh = "不得开放共享", en = "No open shares" }
checkable = "rules"
why = { zh = "共享", en = "Shares" }
[[map]]
clause = "ACME 7.2"
rules = ["pc.share-open"]
"#;
    let office = Office::open("pc-acme", |setup| with(setup, MINE));
    office.pc.write("etc/samba/smb.conf", SHARE).unwrap();
    let finding = office.finding("pc.share-open", "pub", "open");
    assert_eq!(finding["clause"], "ACME 7.2");
    let rows = office.collector.cli(&["clauses"]).unwrap();
    let row = |regulation: &str, number: &str| {
        let found = rows
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["regulation"] == regulation && row["number"] == number);
        found.unwrap().clone()
    };
    let (mine, shipped) = (row("ACME", "7.2"), row("PC", "3.2.7"));
    assert_eq!(mine["rules"], serde_json::json!(["pc.share-open"]));
    assert_eq!((&mine["findings"], &mine["fail"]), (&1.into(), &1.into()));
    assert!(shipped["findings"].as_u64() >= Some(1));
    let audit = row("SVC", "supervision");
    assert_eq!(audit["records"][0]["record"], "audit");
    assert!(audit["records"][0]["count"].as_u64() > Some(0), "{audit}");
    assert_eq!(row("PC", "3.2.8")["checkable"], "no");
}
