//! The page of sources tells of every source that the Linux agent has, and of no other. With `DESKWARDEN_DOCUMENT=1` its
//! table is renewed.

use std::fs;

use deskwarden_platform::{Root, sources};
use deskwarden_tests::{architecture::tree, sources_page};

#[test]
fn the_page_of_sources_is_what_the_agent_has() {
    let file = tree::root().join("deploy/docs/sources.md");
    let page = fs::read_to_string(&file).unwrap();
    // A PC with a person and nothing else: what is watched does not depend on the machine that runs the test.
    let empty = tempfile::tempdir().unwrap();
    fs::create_dir_all(empty.path().join("etc")).unwrap();
    fs::create_dir_all(empty.path().join("home/wang")).unwrap();
    let passwd = "wang:x:1000:1000::/home/wang:/bin/bash\n";
    fs::write(empty.path().join("etc/passwd"), passwd).unwrap();
    let made = sources_page::renewed(&page, &sources(), &Root::at(empty.path())).unwrap();
    if std::env::var_os("DESKWARDEN_DOCUMENT").is_some() {
        fs::write(file, made).unwrap();
        return;
    }
    assert!(
        page == made,
        "renew the table: DESKWARDEN_DOCUMENT=1 cargo test -p deskwarden-tests --test sources\n{made}"
    );
    let undescribed = sources_page::undescribed(&made).unwrap();
    assert!(undescribed.is_empty(), "say what they read: {undescribed:?}");
}
