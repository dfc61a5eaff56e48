//! A source that cannot be read: *could not look*, with the reason, and nothing resolves by it.

use std::fs;

use deskwarden_tests::{deb, need};

use super::Office;

/// Larger than any package database that is read: what a PC shows whose file was damaged or replaced.
const OVERSIZE: u64 = 1 << 30;

#[test]
fn an_unreadable_package_database_resolves_nothing_and_says_why() {
    let test = "an_unreadable_package_database_resolves_nothing_and_says_why";
    if !need::program(test, "dpkg-deb") {
        return;
    }
    let office = Office::open("pc-blind", |setup| setup);
    let folder = tempfile::tempdir().unwrap();
    deb::install(
        &office.pc,
        &deb::build(folder.path(), "linuxqq", "3.2.17", "Tencent QQ").unwrap(),
    )
    .unwrap();
    let finding = office.finding("pc.chat", "QQ", "open");

    let status = office.pc.file("var/lib/dpkg/status");
    let readable = fs::read(&status).unwrap();
    // In one step: half of it would be another kind of damage.
    let damaged = status.with_extension("damaged");
    fs::File::create(&damaged).unwrap().set_len(OVERSIZE).unwrap();
    fs::rename(&damaged, &status).unwrap();

    let waited = office
        .collector
        .device("a source of software that was not looked at", |device| {
            let sources = device["sources"].as_array()?;
            let blind = sources
                .iter()
                .find(|source| source["source"] == "dpkg" && source["look"] != "looked")?;
            Some((
                blind["look"].as_str()?.to_owned(),
                blind["reason"].as_str()?.to_owned(),
            ))
        });
    let (look, reason) = waited.unwrap();
    assert!(look == "failed" || look == "denied", "{look}");
    assert!(!reason.is_empty());

    // Still a breach by what is known; no pass; nothing resolved.
    let (outcome, _) = office.collector.outcome("pc.chat").unwrap();
    assert_ne!(outcome, "pass");
    assert_eq!(office.finding("pc.chat", "QQ", "open")["id"], finding["id"]);
    // A rule without a finding cannot say that all is well.
    let (outcome, why) = office.collector.outcome("pc.game").unwrap();
    assert_eq!(outcome, "could_not_look");
    assert!(!why.is_empty());

    let mut visitor = office.collector.administrator().unwrap();
    let devices = office.collector.cli(&["device", "list"]).unwrap();
    let page = visitor
        .read(&format!("/devices/{}", devices[0]["id"].as_str().unwrap()))
        .unwrap();
    assert!(
        page.contains(&reason),
        "the page gives the reason {reason:?}: {page}"
    );
    assert!(page.to_lowercase().contains("could not look"), "{page}");

    // Readable again without the program: now it was looked at, and it is gone.
    fs::write(&status, &readable).unwrap();
    deb::purge(&office.pc, "linuxqq").unwrap();
    office.finding("pc.chat", "QQ", "resolved");
    assert_eq!(office.collector.outcome("pc.game").unwrap().0, "pass");
}
