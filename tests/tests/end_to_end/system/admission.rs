//! The admission check (OUT 16) by the real programs: a provider's PC is judged without becoming part of the fleet,
//! and nothing of it stays on its disk.

use std::{fs, path::Path, process::Command};

use deskwarden_tests::{
    collector::{Collector, Setup},
    pc::Pc,
    program,
};
use serde_json::Value;

/// Runs the check as a person does, in an empty folder that stands for everything that it could write to.
fn check(collector: &Collector, pc: &Pc, token: &str, home: &Path, extra: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(program::product("deskwarden-agent").unwrap());
    command
        .args(["check", "--collector", collector.agents().unwrap()])
        .args(["--pin", collector.pin().unwrap(), "--token", token])
        .arg("--root")
        .arg(pc.path())
        .args(extra)
        .current_dir(home)
        .env("HOME", home)
        .env("TMPDIR", home)
        .env("XDG_STATE_HOME", home)
        .env("LC_ALL", "C.UTF-8");
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn token(collector: &Collector) -> String {
    let made = collector
        .cli(&[
            "admission",
            "token",
            "--provider",
            "Eastern IT",
            "--uses",
            "2",
            "--good-for",
            "10",
        ])
        .unwrap();
    made["token"].as_str().unwrap().to_owned()
}

fn rule<'v>(verdict: &'v Value, id: &str) -> &'v Value {
    let rules = verdict["rules"].as_array().unwrap();
    rules
        .iter()
        .find(|rule| rule["rule"] == id)
        .unwrap_or_else(|| panic!("no {id} in {verdict:#}"))
}

#[test]
fn a_providers_pc_is_checked_told_why_and_leaves_nothing_behind() {
    let collector = Setup::new().unwrap().start().unwrap();
    let token = token(&collector);
    let home = tempfile::tempdir().unwrap();
    let forbidden = Pc::new("vendor-pc").unwrap();
    forbidden
        .write("etc/environment", "http_proxy=http://192.0.2.66:3128\n")
        .unwrap();
    let (code, out, err) = check(&collector, &forbidden, &token, home.path(), &["--json"]);
    let verdict: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    assert_eq!(
        (code, verdict["outcome"].as_str()),
        (1, Some("fail")),
        "{verdict:#}"
    );
    let proxy = rule(&verdict, "pc.proxy-configured");
    assert_eq!(proxy["outcome"], "fail");
    assert!(
        proxy["reasons"][0].as_str().unwrap().contains("192.0.2.66")
            && !proxy["remedy"].as_str().unwrap().is_empty(),
        "{proxy}"
    );

    let clean = Pc::new("vendor-pc-2").unwrap();
    let (code, out, err) = check(&collector, &clean, &token, home.path(), &["--all"]);
    // Files of another system show neither screen locks nor sockets: what could not be looked at is no pass. Without an
    // antivirus it fails at once, for there is no second look.
    assert_eq!(code, 1, "{out}{err}");
    assert!(
        out.contains("[pass] PC 3.2.") && out.contains("[could not look]"),
        "{out}"
    );
    let failed: Vec<&str> = out.lines().filter(|line| line.starts_with("[FAIL]")).collect();
    assert_eq!(failed, ["[FAIL] PC 3.2.4 No antivirus is on"], "{out}");

    let (code, _, err) = check(&collector, &clean, &token, home.path(), &[]);
    assert!(
        code == 1 && err.contains("used already") && err.lines().count() == 1,
        "{err}"
    );
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");

    let listed = collector.cli(&["admission", "list"]).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[1]["hostname"], "vendor-pc");
    assert_eq!(
        (&listed[1]["outcome"], &listed[1]["provider"]),
        (&Value::from("fail"), &Value::from("Eastern IT"))
    );
    assert_eq!(
        listed[1]["valid_until"],
        Value::Null,
        "what failed is good for nothing"
    );
    assert_eq!(
        collector.cli(&["device", "list"]).unwrap(),
        Value::Array(Vec::new())
    );
    assert_eq!(
        collector.cli(&["asset", "list"]).unwrap(),
        Value::Array(Vec::new())
    );
}

#[test]
fn a_check_with_a_token_of_the_fleet_or_another_pin_is_refused() {
    let collector = Setup::new().unwrap().start().unwrap();
    let home = tempfile::tempdir().unwrap();
    let pc = Pc::new("vendor-pc").unwrap();
    let nonsense = check(&collector, &pc, "nonsense", home.path(), &[]);
    assert_eq!(nonsense.0, 1);
    let mut command = Command::new(program::product("deskwarden-agent").unwrap());
    command
        .args([
            "check",
            "--collector",
            collector.agents().unwrap(),
            "--token",
            &token(&collector),
        ])
        .args(["--pin", &format!("sha256:{}", "00".repeat(32))]);
    let output = command.output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && err.contains("pin"), "{err}");
}
