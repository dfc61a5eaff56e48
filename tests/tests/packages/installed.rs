//! The .rpm of each program with all of its scripts, installed, upgraded and removed by Debian's own `rpm` in a tree that
//! has systemd. What it cannot show is a distribution that is made of rpm packages, with its dependencies.

use std::{fs, path::Path, process::Command};

use deskwarden_tests::{
    machine::Disk,
    packages::{self, Packages, Processor, Product},
    program,
};

const CONFIG: &str = "etc/deskwarden/collector.toml";
const DATA: &str = "var/lib/deskwarden-collector";

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

    let rpm = |action: &str, what: &Path| rpm(&disk, action, what);
    rpm("--install", &packages.rpm(Product::Agent, processor).unwrap());
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

#[test]
fn the_collectors_rpm_sets_up_its_account_and_services_and_keeps_what_was_edited() {
    let test = "the_collectors_rpm_sets_up_its_account_and_services_and_keeps_what_was_edited";
    let (older, newer) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(older) = packages::stand_in(test, Product::Collector, "0.0.1", older.path()).unwrap() else {
        return;
    };
    let Some(newer) = Packages::of_collector(test, newer.path()).unwrap() else {
        return;
    };
    let Some(disk) = Disk::new(test).unwrap() else {
        return;
    };
    let processor = Processor::of_this_machine().unwrap();
    let at = |path: &str| disk.root().join(path);
    let wanted = |unit: &str| at("etc/systemd/system").join(unit);
    let service = wanted("multi-user.target.wants/deskwarden-collector.service");
    let timer = wanted("timers.target.wants/deskwarden-collector-backup.timer");
    let package = Path::new("deskwarden-collector");

    rpm(
        &disk,
        "--install",
        &older.rpm(Product::Collector, processor).unwrap(),
    );
    assert!(service.is_symlink() && timer.is_symlink());
    let accounts = fs::read_to_string(at("etc/passwd")).unwrap();
    assert!(accounts.contains("deskwarden-collector:"), "{accounts}");
    rpm(&disk, "--verify", package);

    // What an administrator decided holds across an upgrade, and what the collector keeps is no matter of the package.
    let mut config = fs::read_to_string(at(CONFIG)).unwrap();
    config.push_str("# ours\n");
    fs::write(at(CONFIG), &config).unwrap();
    fs::remove_file(&timer).unwrap();
    fs::create_dir_all(at(DATA)).unwrap();
    fs::write(at(DATA).join("deskwarden.db"), "data").unwrap();
    rpm(
        &disk,
        "--upgrade",
        &newer.rpm(Product::Collector, processor).unwrap(),
    );
    assert_eq!(fs::read_to_string(at(CONFIG)).unwrap(), config);
    assert!(service.is_symlink() && !timer.is_symlink());
    let mut installed = Command::new("rpm");
    installed
        .arg(format!("--root={}", disk.root().display()))
        .args(["-q", "--queryformat", "%{VERSION}"]);
    assert_eq!(
        program::finish(installed.arg(package)).unwrap(),
        env!("CARGO_PKG_VERSION")
    );

    rpm(&disk, "--erase", package);
    assert!(!service.is_symlink() && !at("usr/bin/deskwarden-collector").exists());
    assert!(at(DATA).join("deskwarden.db").exists());
    assert_eq!(
        fs::read_to_string(at(&format!("{CONFIG}.rpmsave"))).unwrap(),
        config
    );
}

fn rpm(disk: &Disk, action: &str, what: &Path) -> String {
    let mut command = Command::new("rpm");
    command.arg(format!("--root={}", disk.root().display()));
    command.args([action, "--nodeps", "--nosignature"]).arg(what);
    program::finish(&mut command).unwrap()
}
