//! Bits that change on the collector's disk. A database is never believed silently: either the program finds it, at its
//! start or by the walk over the content, or every fact is as it was.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use deskwarden_tests::{
    collector::{Collector, Setup},
    faults,
    folder::copy,
    need,
    program::{self, Program, Stream},
    sim::{Fleet, Oracle, Plan},
    wait::{PATIENCE, eventually},
};
use rusqlite::Connection;
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

/// How a copy is damaged.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Bit,
    End,
}

/// A copy with a bit flipped, or without the end of the database.
fn damaged(from: &Path, rng: &mut fastrand::Rng, harm: Harm) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    copy(from, folder.path()).unwrap();
    let file = folder.path().join(DATABASE);
    let mut bytes = fs::read(&file).unwrap();
    let what = match harm {
        Harm::End => {
            let left = rng.usize(..bytes.len());
            bytes.truncate(left);
            format!("the file ends at {left}")
        }
        Harm::Bit => {
            let at = rng.usize(..bytes.len());
            bytes[at] ^= 1 << rng.u8(..8);
            format!("a bit of byte {at}")
        }
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

/// Rows that are of a minute: who is at work, what of a report came in part.
const OF_A_MINUTE: [&str; 3] = ["leases", "collector_up", "staged"];

/// What every table holds, as text.
fn content(data: &Path) -> BTreeMap<String, Vec<String>> {
    let connection = Connection::open(data.join(DATABASE)).unwrap();
    let list = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let count = statement.column_count();
        let rows = statement.query_map([], |row| {
            let cells = (0..count).map(|at| row.get_ref(at).map(|cell| format!("{cell:?}")));
            Ok(cells.collect::<Result<Vec<_>, _>>()?.join(", "))
        });
        let mut rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
        rows.sort();
        rows
    };
    let mut tables = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .unwrap();
    let names = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    names
        .map(Result::unwrap)
        .filter(|name| !OF_A_MINUTE.contains(&name.as_str()))
        .map(|name| {
            let rows = list(&format!("SELECT * FROM \"{name}\" NOT INDEXED"));
            (name, rows)
        })
        .collect()
}

#[test]
fn a_database_that_changed_on_its_disk_is_never_believed_silently() {
    let (mut collector, mut fleet) = office(96);
    fleet.stop().unwrap();
    collector.program().stop().unwrap();
    assert!(is_whole(&collector.data()), "untouched");
    let whole = content(&collector.data());
    assert!(whole.len() > 40, "{:?}", whole.keys());
    let mut rng = fastrand::Rng::with_seed(97);
    let (mut found, mut without_effect) = (0, 0);
    for _ in 0..rounds() {
        let (folder, what) = damaged(&collector.data(), &mut rng, Harm::Bit);
        if !is_whole(folder.path()) {
            found += 1;
            continue;
        }
        // A free page, an index that is not asked: every table reads as it did.
        assert_eq!(content(folder.path()), whole, "{what} was not found");
        without_effect += 1;
    }
    assert!(found > rounds() / 10, "{found} were found");
    faults::tell(
        "database-bits",
        &format!(
            "{} damaged copies: {found} found, {without_effect} in which every row of every table reads as it was written, 0 believed",
            rounds()
        ),
    );
}

/// What became of a collector that was started on a damaged copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Served {
    /// It did not start, and said why.
    Refused,
    /// It runs and said that its store is damaged.
    Told,
    /// It runs, and every fact of every device is as it was.
    Unharmed,
}

/// Starts the collector on the folder, and ends it.
fn serve(folder: &Path, fleet: &Fleet, what: &str) -> Served {
    let mut command = Command::new(program::product("deskwarden-collector").unwrap());
    command
        .args([
            "serve",
            "--agents-listen",
            "127.0.0.1:0",
            "--dashboard-listen",
            "127.0.0.1:0",
        ])
        .arg("--data")
        .arg(folder);
    let mut collector = Program::start("collector", &mut command).unwrap();
    let ready = |line: &str| line.contains("\"event\":\"ready\"").then_some(());
    if collector.line("its ready line", ready).is_err() {
        let status = collector.ended().unwrap();
        assert!(!status.success(), "{what}");
        let told = collector.lines(Stream::Err).join("\n");
        assert!(
            ["damaged", "malformed", "not a database", "restore a backup"]
                .iter()
                .any(|words| told.contains(words)),
            "{what}: {status}, but it says {told}"
        );
        return Served::Refused;
    }
    let served = match Oracle::on(folder).and_then(|oracle| oracle.equals(fleet)) {
        Ok(_) => Served::Unharmed,
        Err(error) => {
            // The walk over the content begins some time after the start; what the program says until then counts.
            let told = collector
                .lines(Stream::Err)
                .iter()
                .any(|line| line.contains("damaged"));
            assert!(
                told || !is_whole(folder),
                "{what} is believed: {error:#}\n{}",
                collector.log()
            );
            Served::Told
        }
    };
    collector.stop().unwrap();
    served
}

#[test]
fn a_collector_that_is_started_on_a_damaged_database_refuses_or_tells() {
    let (mut collector, mut fleet) = office(88);
    fleet.stop().unwrap();
    collector.program().stop().unwrap();
    let mut rng = fastrand::Rng::with_seed(87);
    let mut counts = |harm, rounds| {
        let mut served = Vec::new();
        for _ in 0..rounds {
            let (folder, what) = damaged(&collector.data(), &mut rng, harm);
            served.push(serve(folder.path(), &fleet, &what));
        }
        [Served::Refused, Served::Told, Served::Unharmed]
            .map(|kind| served.iter().filter(|one| **one == kind).count())
    };
    let ends = counts(Harm::End, rounds() / 4);
    assert_eq!(
        ends,
        [rounds() / 4, 0, 0],
        "a database without its end is never opened"
    );
    let [refused, told, unharmed] = counts(Harm::Bit, rounds() / 2);
    assert!(
        refused > 0,
        "{refused} refused, {told} told, {unharmed} without effect"
    );
    faults::tell(
        "database-served",
        &format!(
            "{} copies without their end: every start refused; {} with a bit flipped: {refused} starts refused, {told} told of by the check, \
             {unharmed} without effect on any fact of a device",
            rounds() / 4,
            rounds() / 2
        ),
    );
}

#[test]
fn a_log_that_lost_its_end_is_completed_by_the_agents() {
    let (mut collector, mut fleet) = office(98);
    // Who enrolled is in the file: what agents send again are reports.
    collector.program().stop().unwrap();
    collector.restart().unwrap();
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
