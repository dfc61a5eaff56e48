//! The .rpm with all of its scripts, installed and removed by Debian's own `rpm` in a tree that has systemd. What it
//! cannot show is a distribution that is made of rpm packages, with its dependencies.

use std::{fs, path::Path, process::Command};

use deskwarden_tests::{
    machine::Disk,
    packages::{Packages, Processor},
    program,
};

#[test]
fn the_rpm_sets_up_enables_and_removes_the_service() {
    let test = "the_rpm_sets_up_enables_and_removes_the_service";
    let Some(packages) = Packages::of(test) else {
        return;
    };
    let Some(disk) = Disk::new(test).unwrap() else {
        return;
    };
    let processor = Processor::of_this_machine().unwrap();
    let at = |path: &str| disk.root().join(path);
    fs::create_dir_all(at("etc/deskwarden")).unwrap();
    let pin = "ab".repeat(32);
    let left =
        format!("collector = \"https://c.example:7443\"\npin = \"sha256:{pin}\"\ntoken = \"dwt-once\"\n");
    fs::write(at("etc/deskwarden/enrol.toml"), left).unwrap();

    let rpm = |action: &str, what: &Path| {
        let mut command = Command::new("rpm");
        command.arg(format!("--root={}", disk.root().display()));
        command.args([action, "--nodeps", "--nosignature"]).arg(what);
        program::finish(&mut command).unwrap()
    };
    rpm("--install", &packages.rpm(processor).unwrap());
    let wanted = at("etc/systemd/system/multi-user.target.wants/deskwarden-agent.service");
    assert!(wanted.is_symlink());
    let config = fs::read_to_string(at("etc/deskwarden/agent.toml")).unwrap();
    assert!(
        config.contains("https://c.example:7443") && !config.contains("dwt-once"),
        "{config}"
    );
    assert_eq!(
        fs::read_to_string(at("var/lib/deskwarden-agent/token")).unwrap(),
        "dwt-once"
    );
    assert!(!at("etc/deskwarden/enrol.toml").exists());
    rpm("--verify", Path::new("deskwarden-agent"));

    rpm("--erase", Path::new("deskwarden-agent"));
    assert!(!wanted.is_symlink() && !at("usr/bin/deskwarden-agent").exists());
    assert!(at("var/lib/deskwarden-agent/token").exists());
}
