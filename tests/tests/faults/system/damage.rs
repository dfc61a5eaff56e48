//! Bits that change on the collector's disk. A database is never believed silently: either the program finds it, at its
//! start or by the walk over the content, or every fact is as it was.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use deskwarden_tests::{
    collector::{Collector, Setup},
    faults,
    folder::copy,
    need, program,
    sim::{Fleet, Oracle, Plan},
    wait::{PATIENCE, eventually},
};
use tempfile::TempDir;

const DATABASE: &str = "deskwarden.db";

fn rounds() -> usize {
    if need::soak() { 200 } else { 40 }
}

fn office(seed: u64) -> (Collector, Fleet) {
    let collector = Setup::new().unwrap().start().unwrap();
    let mut fleet = Fleet::enrol(Plan { agents: 10, seed }, &collector).unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    fleet.mutate(3).unwrap();
    fleet.settle().unwrap();
    (collector, fleet)
}

/// A copy with a few bits flipped, or without the end of the database.
fn damaged(from: &Path, rng: &mut fastrand::Rng) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    copy(from, folder.path()).unwrap();
    let file = folder.path().join(DATABASE);
    let mut bytes = fs::read(&file).unwrap();
    let what = if rng.usize(..8) == 0 {
        let left = rng.usize(..bytes.len());
        bytes.truncate(left);
        format!("the file ends at {left}")
    } else {
        let at = rng.usize(..bytes.len());
        bytes[at] ^= 1 << rng.u8(..8);
        format!("a bit of byte {at}")
    };
    fs::write(&file, bytes).unwrap();
    (folder, what)
}

/// What `check-store` says of a data folder: whole, or not.
fn is_whole(data: &Path) -> bool {
    let mut command = Command::new(program::product("deskwarden-collector").unwrap());
    let done = command
        .args(["check-store", "--data"])
        .arg(data)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success() || (done.status.code() == Some(1) && !told.trim().is_empty()),
        "{:?}: {told}",
        done.status
    );
    done.status.success()
}

#[test]
fn a_database_that_changed_on_its_disk_is_never_believed_silently() {
    let (mut collector, mut fleet) = office(96);
    fleet.stop().unwrap();
    collector.program().stop().unwrap();
    assert!(is_whole(&collector.data()), "untouched");
    let mut rng = fastrand::Rng::with_seed(97);
    let (mut found, mut without_effect) = (0, 0);
    for _ in 0..rounds() {
        let (folder, what) = damaged(&collector.data(), &mut rng);
        if !is_whole(folder.path()) {
            found += 1;
            continue;
        }
        // A free page, an index that is not asked, a time: no fact of any device is another one.
        let oracle = Oracle::on(folder.path()).unwrap();
        oracle
            .equals(&fleet)
            .unwrap_or_else(|error| panic!("{what} was not found: {error:#}"));
        without_effect += 1;
    }
    assert!(found > rounds() / 10, "{found} were found");
    faults::tell(
        "database-bits",
        &format!(
            "{} damaged copies: {found} found, {without_effect} without effect on any fact of a device, 0 believed",
            rounds()
        ),
    );
}

#[test]
fn a_log_that_lost_its_end_is_completed_by_the_agents() {
    let (mut collector, mut fleet) = office(98);
    let mut rng = fastrand::Rng::with_seed(99);
    let (mut lost, rounds) = (0, if need::soak() { 50 } else { 6 });
    for _ in 0..rounds {
        fleet.mutate(2).unwrap();
        fleet.settle().unwrap();
        fleet.stop().unwrap();
        // Killed: what the log holds was not moved into the file.
        collector.program().kill().unwrap();
        let log = PathBuf::from(format!("{}-wal", collector.data().join(DATABASE).display()));
        let mut bytes = fs::read(&log).unwrap();
        assert!(bytes.len() > 1_000, "the log is in use");
        if rng.bool() {
            bytes.truncate(rng.usize(32..bytes.len()));
        } else {
            let at = rng.usize(32..bytes.len());
            bytes[at] ^= 1 << rng.u8(..8);
        }
        fs::write(&log, bytes).unwrap();
        collector.restart().unwrap();
        let oracle = Oracle::on(&collector.data()).unwrap();
        lost += usize::from(oracle.equals(&fleet).is_err());
        fleet.start().unwrap();
        fleet
            .settle()
            .unwrap_or_else(|error| panic!("{error:#}\n{}", collector.log()));
        eventually("agreement", PATIENCE, || oracle.equals(&fleet).map(Some)).unwrap();
    }
    assert!(lost > 0, "no round lost anything");
    faults::tell(
        "log-bits",
        &format!(
            "{lost} of {rounds} damaged logs had lost reports; agents and store agreed about everything after each"
        ),
    );
}
