//! A Windows that does not run, below a folder: every source reads it or says why it cannot, and asks the running one
//! nothing.

use std::{fs, path::Path};

use deskwarden_proto::v1::{Look, facet::Kind};

use super::{Root, sources};
use crate::Reading;

/// Written by hivex out of exports that were synthesised.
const MACHINE: &[u8] = include_bytes!("../../../parse/fixtures/registry/machine.hive");
const SYSTEM: &[u8] = include_bytes!("../../../parse/fixtures/registry/system.hive");
const PERSON: &[u8] = include_bytes!("../../../parse/fixtures/registry/user.hive");
const SID: &str = "S-1-5-21-1004336348-1177238915-682003330-1001";

fn put(folder: &Path, path: &str, bytes: &[u8]) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn a_pc() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "Windows/System32/config/SOFTWARE", MACHINE);
    put(folder.path(), "Windows/System32/config/SYSTEM", SYSTEM);
    put(folder.path(), "Users/李伟/NTUSER.DAT", PERSON);
    folder
}

fn read(root: &Root, source: &str) -> Reading {
    let all = sources();
    let found = all.iter().find(|one| one.id().source == source);
    found.unwrap_or_else(|| panic!("no {source}")).read(root)
}

fn titles(reading: &Reading) -> Vec<(&str, &str)> {
    let told = reading.facts.iter().filter_map(|fact| match &fact.facet.kind {
        Some(Kind::Software(software)) => Some((software.name.as_str(), fact.principal.as_str())),
        _ => None,
    });
    told.collect()
}

#[test]
fn titles_of_the_machine_and_of_its_people_are_read_from_hives() {
    let folder = a_pc();
    let root = Root::at(folder.path());
    let machine = read(&root, "uninstall");
    assert!(titles(&machine).len() > 200, "{}", machine.reason);
    assert!(titles(&machine).contains(&("微信样例", "")));
    let people = read(&root, "uninstall-users");
    assert!(titles(&people).contains(&("钉钉样例", SID)), "{people:?}");
}

#[test]
fn a_joined_pc_says_where_its_directory_keeps_it_and_one_that_left_does_not() {
    let os = |folder: &Path| {
        let reading = read(&Root::at(folder), "windows");
        match reading.facts.into_iter().next().and_then(|fact| fact.facet.kind) {
            Some(Kind::Os(os)) => (os.domain, os.directory),
            other => panic!("{other:?} {}", reading.reason),
        }
    };
    let folder = a_pc();
    let name = r"CN=样例-PC,OU=台式机,OU=研发\, 测试部,OU=总部,DC=corp,DC=example";
    assert_eq!(os(folder.path()), ("corp.example".to_owned(), name.to_owned()));
    fs::remove_file(folder.path().join("Windows/System32/config/SYSTEM")).unwrap();
    assert_eq!(os(folder.path()), (String::new(), String::new()));
}

#[test]
fn every_source_reads_what_does_not_run_or_says_why_not() {
    let folder = a_pc();
    let root = Root::at(folder.path());
    for source in sources() {
        let reading = source.read(&root);
        assert!(
            reading.look == Look::Looked || !reading.reason.is_empty(),
            "{:?}: {reading:?}",
            source.id()
        );
    }
}

#[test]
fn without_hives_nothing_is_taken_for_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::at(folder.path());
    for source in [
        "uninstall",
        "uninstall-users",
        "updates",
        "winhttp",
        "environment",
        "firewall",
        "remote-access",
        "usbstor",
        "crashes",
    ] {
        let reading = read(&root, source);
        assert!(reading.facts.is_empty(), "{source}: {reading:?}");
        assert_ne!(reading.look, Look::Looked, "{source}: {reading:?}");
    }
}

#[test]
fn a_hive_that_is_damaged_is_a_fault_and_no_empty_pc() {
    let folder = a_pc();
    put(folder.path(), "Windows/System32/config/SOFTWARE", &[0; 8_192]);
    let reading = read(&Root::at(folder.path()), "uninstall");
    assert_eq!((reading.look, reading.facts.len()), (Look::Failed, 0));
    assert!(reading.reason.contains("SOFTWARE"), "{}", reading.reason);
}
