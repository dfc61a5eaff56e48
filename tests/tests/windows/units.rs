//! The unit tests of what is different on Windows, built for Windows and run there by Wine.

use std::fs;

use deskwarden_tests::wine::{Build, WindowsPc};

/// Tests that need what Wine does not have, each with what that is.
const NOT_UNDER_WINE: [(&str, &str); 0] = [];

#[test]
fn unit_tests_of_the_platform_pass() {
    pass("unit_tests_of_the_platform_pass", "platform", 20);
}

#[test]
fn unit_tests_of_the_system_pass() {
    pass("unit_tests_of_the_system_pass", "system", 6);
}

/// At least so many of a crate.
fn pass(test: &str, name: &str, least: usize) {
    let Some(build) = Build::of(test) else { return };
    let Some(pc) = WindowsPc::new(test).unwrap() else {
        return;
    };
    fs::copy(build.unit_tests(name), pc.file("units.exe")).unwrap();
    let mut arguments = vec!["--test-threads=2"];
    for (name, _) in NOT_UNDER_WINE {
        arguments.extend(["--skip", name]);
    }
    let (status, told) = pc.run("C:\\units.exe", arguments).unwrap();
    let ran = told
        .lines()
        .filter(|line| line.starts_with("test ") && line.trim_end().ends_with("ok"))
        .count();
    assert!(status.success() && ran >= least, "{ran} passed\n{told}");
}
