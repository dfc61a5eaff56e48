//! An enrolment that is cut at every step: the real agent is killed while the connection hangs, and started
//! again. However often, one token makes one device.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use deskwarden_tests::{
    collector::{Collector, Setup},
    cut::{Cut, Direction},
    pc::Pc,
    program::{self, Program},
    wait::PATIENCE,
};
use serde_json::Value;

fn enrol(collector: &Collector, address: &str, pc: &Pc, state: &Path, token: &Path) -> Command {
    let mut command = Command::new(program::product("deskwarden-agent").unwrap());
    command
        .args(["enrol", "--collector", address, "--pin", collector.pin().unwrap()])
        .arg("--token-file")
        .arg(token)
        .arg("--state-dir")
        .arg(state)
        .arg("--root")
        .arg(pc.path());
    command
}

fn private(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
}

fn count(collector: &Collector) -> usize {
    collector
        .cli(&["device", "list"])
        .unwrap()
        .as_array()
        .unwrap()
        .len()
}

#[test]
fn an_enrolment_that_is_cut_anywhere_makes_one_device() {
    let collector = Setup::new().unwrap().start().unwrap();
    let port = collector
        .agents()
        .unwrap()
        .trim_start_matches("https://")
        .parse()
        .unwrap();
    let pc = Pc::new("pc-cut").unwrap();
    let home = tempfile::tempdir().unwrap();
    // How much is said when nothing is cut: the cuts are spread over all of it.
    let whole = Cut::start(port, Direction::There, usize::MAX).unwrap();
    let first = home.path().join("whole");
    private(&first);
    let token = collector.token_file(&first).unwrap();
    program::finish(&mut enrol(
        &collector,
        &whole.url(),
        &pc,
        &first.join("state"),
        &token,
    ))
    .unwrap();
    let mut devices = 1;
    for direction in [Direction::There, Direction::Back] {
        let all = whole.passed(direction);
        for step in 0..6 {
            // Signatures are some bytes shorter or longer each time: the last cut keeps away from the end.
            let after = 1 + (all - 40) * step / 5;
            let folder = home.path().join(format!("{direction:?}-{step}"));
            private(&folder);
            let token = collector.token_file(&folder).unwrap();
            let state = folder.join("state");
            let cut = Cut::start(port, direction, after).unwrap();
            let mut command = enrol(&collector, &cut.url(), &pc, &state, &token);
            let mut agent = Program::start("agent", &mut command).unwrap();
            cut.was_reached(PATIENCE)
                .unwrap_or_else(|error| panic!("{error} at {after}: {}", agent.log()));
            agent.kill().unwrap();
            // The next start finishes it, with the same token and on the straight way.
            let told = program::finish(&mut enrol(
                &collector,
                collector.agents().unwrap(),
                &pc,
                &state,
                &token,
            ))
            .unwrap();
            devices += 1;
            assert_eq!(
                count(&collector),
                devices,
                "{direction:?} cut after {after} of {all}"
            );
            let id = told.trim().rsplit(' ').next().unwrap().to_owned();
            let shown = collector.cli(&["device", "show", &id]).unwrap();
            assert_eq!(shown["status"], "active");
        }
    }
    let tokens = collector.cli(&["token", "list"]).unwrap();
    let uses = |row: &Value| row["uses"].as_u64().unwrap();
    let tokens = tokens.as_array().unwrap();
    assert!(tokens.iter().all(|row| uses(row) == 1), "{tokens:?}");
    assert_eq!(tokens.len(), devices);
}
