//! The one command that a newcomer runs, on this very machine, with the programs that the tests use.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use deskwarden_tests::{
    architecture::tree,
    need,
    program::{self, Program, Stream},
    wait::{PATIENCE, eventually},
};
use rustix::process::Signal;
use serde_json::Value;

fn quickstart(home: &Path) -> Command {
    let mut command = Command::new(tree::root().join("deploy/quickstart"));
    let programs = program::product("deskwarden-agent").unwrap();
    command
        .env("DESKWARDEN_BIN_DIR", programs.parent().unwrap())
        .env("DESKWARDEN_HOME", home);
    command.env("DESKWARDEN_NO_INSTALL", "1").stdin(Stdio::null());
    command
}

fn check(home: &Path) -> Value {
    let text = program::finish(quickstart(home).arg("--check")).unwrap();
    assert_eq!(
        text.lines().count(),
        1,
        "exactly one line on standard output: {text}"
    );
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_check_judges_this_machine_and_a_second_one_goes_on_with_its_data() {
    if !need::program(
        "a_check_judges_this_machine_and_a_second_one_goes_on_with_its_data",
        "jq",
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let first = check(&home);
    assert_eq!(first["devices"], 1, "{first}");
    assert!(first["items"]["software"].as_u64().unwrap() > 10, "{first}");
    assert_eq!(first["items"]["os"], 1, "{first}");
    assert!(
        first["findings"].as_u64().unwrap() >= 1,
        "an unregistered PC is a finding: {first}"
    );
    assert!(
        first["seconds_to_first_judgement"].as_f64().unwrap() < 60.0,
        "{first}"
    );
    let mode = std::fs::metadata(&home).unwrap();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777,
        0o700
    );

    // One PC is no fleet to be observed first: what is found is told at once.
    let observation = collector_says(&home, &["observation", "show"]);
    assert!(
        observation["began"].is_string(),
        "a new collector would observe from here on: {observation}"
    );
    assert_eq!(observation["on"], false, "{observation}");

    let second = check(&home);
    assert_eq!(second["devices"], 1, "nobody enrols twice: {second}");
    assert!(!left_behind(&home), "a program was left running");
}

/// What a command says of the store of a quickstart.
fn collector_says(home: &Path, arguments: &[&str]) -> Value {
    let mut command = Command::new(program::product("deskwarden-collector").unwrap());
    command
        .args(arguments)
        .args(["--json", "--data"])
        .arg(home.join("collector"))
        .stdin(Stdio::null());
    serde_json::from_str(&program::finish(&mut command).unwrap()).unwrap()
}

#[test]
fn a_demo_fills_every_page_and_counts_for_nothing_of_this_pc() {
    if !need::program("a_demo_fills_every_page_and_counts_for_nothing_of_this_pc", "jq") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let run = |more: &[&str]| -> Value {
        let text = program::finish(quickstart(&home).args(more)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let first = run(&["--demo", "12", "--check"]);
    assert_eq!(first["devices"], 13, "{first}");
    assert!(
        first["findings"].as_u64().unwrap() > 1,
        "more than this unregistered PC: {first}"
    );
    assert!(
        first["items"]["software"].as_u64().unwrap() > 10,
        "this PC, not a simulated one: {first}"
    );
    let second = run(&["--demo", "12", "--check"]);
    assert_eq!(second["devices"], 13, "nothing is simulated twice: {second}");

    for wrong in [&["--demo"][..], &["--demo", "many"], &["--demo", "0"]] {
        let refused = program::finish(quickstart(&home).args(wrong)).unwrap_err();
        assert!(
            format!("{refused:#}").contains("number of simulated PCs"),
            "{refused:#}"
        );
    }
}

#[test]
fn ctrl_c_ends_everything() {
    if !need::program("ctrl_c_ends_everything", "jq") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let mut running = Program::start("quickstart", &mut quickstart(&home)).unwrap();
    let line = running.line("a line per finding", |line| {
        line.contains("PC 3.1.1").then(|| line.to_owned())
    });
    assert!(line.unwrap().contains("medium"));
    let said = running.lines(Stream::Err).join("\n");
    assert!(
        said.contains("https://127.0.0.1:") && said.contains("one-time password"),
        "{said}"
    );
    assert!(left_behind(&home), "collector and agent run");
    // Secrets stay out of the arguments, which every user of the machine may read.
    let arguments = program::run("ps", ["-eo", "args"]).unwrap();
    let secret = said
        .lines()
        .find_map(|line| line.split("one-time password:").nth(1))
        .unwrap()
        .trim()
        .to_owned();
    assert!(secret.len() >= 8 && !arguments.contains(&secret));

    running.signal(Signal::INT).unwrap();
    assert_eq!(running.ended().unwrap().code(), Some(130));
    eventually("everything to end", PATIENCE, || {
        Ok((!left_behind(&home)).then_some(()))
    })
    .unwrap();
}

#[test]
fn an_unknown_argument_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = quickstart(folder.path()).arg("--fast").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--fast"));
    assert!(output.stdout.is_empty());
}

/// Whether a program that works below a folder is there.
fn left_behind(home: &Path) -> bool {
    let arguments = program::run("ps", ["-eo", "args"]).unwrap();
    let below = home.display().to_string();
    arguments
        .lines()
        .any(|line| line.contains("deskwarden-") && line.contains(&below))
}
