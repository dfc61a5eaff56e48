//! The binary as it is started by a person or a service manager: what it says, what it refuses, how it ends.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_deskwarden-collector");

/// A running collector; killed when a test ends early.
struct Collector {
    child: Child,
    out: BufReader<ChildStdout>,
    ready: Value,
}

impl Collector {
    fn start(data: &Path) -> Self {
        let mut child = serve(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { child, out, ready }
    }

    /// Asks it to stop; its exit code.
    fn stop(mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut self.out, &mut rest).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn serve(data: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.args([
        "serve",
        "--agents-listen",
        "127.0.0.1:0",
        "--dashboard-listen",
        "127.0.0.1:0",
        "--data",
    ]);
    command.arg(data);
    command
}

fn run(args: &[&str], data: &Path) -> Output {
    Command::new(BINARY)
        .args(args)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap()
}

#[test]
fn a_first_start_says_where_it_is_and_who_may_sign_in_once() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let first = Collector::start(&data);
    let said = first.ready.clone();
    assert_eq!(said["event"], "ready");
    for port in ["agents", "dashboard"] {
        assert!(
            said[port].as_str().unwrap().starts_with("https://127.0.0.1:"),
            "{said}"
        );
    }
    assert!(said["pin"].as_str().unwrap().starts_with("sha256:"), "{said}");
    let password = said["admin"]["one_time_password"].as_str().unwrap().to_owned();
    assert_eq!(first.stop(Signal::TERM), Some(0));
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        let held = if path.is_file() {
            std::fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        let found = held
            .windows(password.len())
            .any(|part| part == password.as_bytes());
        assert!(!found, "the password stands in {}", path.display());
    }
    let second = Collector::start(&data);
    assert_eq!(second.ready["admin"], Value::Null);
    assert_eq!(second.ready["pin"], said["pin"], "the pin survives a restart");
    assert_eq!(second.stop(Signal::INT), Some(0));
}

#[test]
fn a_second_collector_on_the_same_data_is_refused_and_commands_work_beside_the_first() {
    let home = tempfile::tempdir().unwrap();
    let first = Collector::start(home.path());
    let second = serve(home.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(second.stdout.is_empty());
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(
        said.contains("another collector") && said.contains(&first.child.id().to_string()),
        "{said}"
    );
    let token = run(&["token", "create", "--json"], home.path());
    let token: Value = serde_json::from_slice(&token.stdout).unwrap();
    assert_eq!(token["pin"], first.ready["pin"]);
    assert_eq!(run(&["audit", "verify"], home.path()).status.code(), Some(0));
    assert_eq!(first.stop(Signal::TERM), Some(0));
}

#[test]
fn a_port_that_is_taken_and_a_damaged_database_are_said_clearly() {
    let home = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(BINARY);
    command.args([
        "serve",
        "--agents-listen",
        &address,
        "--dashboard-listen",
        "127.0.0.1:0",
        "--data",
    ]);
    let refused = command.arg(home.path()).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        refused.status.code() == Some(1) && said.contains(&format!("cannot listen on {address}")),
        "{said}"
    );
    let broken = tempfile::tempdir().unwrap();
    std::fs::write(
        broken.path().join("deskwarden.db"),
        "this is no database, whatever its name says".repeat(99),
    )
    .unwrap();
    let refused = serve(broken.path()).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        refused.status.code() == Some(1) && said.contains("deskwarden.db") && !said.contains("panicked"),
        "{said}"
    );
}

#[test]
fn a_lost_certificate_authority_is_not_replaced_while_devices_are_enrolled() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    assert_eq!(Collector::start(&data).stop(Signal::TERM), Some(0));
    // Nobody is enrolled: a new authority locks nobody out.
    std::fs::remove_dir_all(data.join("pki")).unwrap();
    assert_eq!(Collector::start(&data).stop(Signal::TERM), Some(0));
    enrol_somebody(&data);
    std::fs::remove_dir_all(data.join("pki")).unwrap();
    let refused = serve(&data).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("1 devices were enrolled") && said.contains("backup"),
        "{said}"
    );
    assert!(
        !data.join("pki").join("root.crt").exists(),
        "nothing was made in its place"
    );
}

fn enrol_somebody(data: &Path) {
    use deskwarden_domain::{
        model::{AuditEntry, TokenId, TokenRow},
        port::{EnrolOutcome, NewDevice},
    };
    let store = deskwarden_store::open(&format!("sqlite:{}", data.join("deskwarden.db").display())).unwrap();
    let audit = AuditEntry {
        at: 1,
        actor: "test".into(),
        action: "token.create".into(),
        object: String::new(),
        detail: String::new(),
    };
    let token = TokenRow {
        id: TokenId(0),
        label: String::new(),
        hash: [1; 32],
        max_uses: 1,
        uses: 0,
        expires_at: i64::MAX,
        cidr: None,
        needs_approval: false,
        department: None,
        created_at: 1,
        created_by: "test".into(),
        revoked_at: None,
    };
    store.create_token(&token, &audit).unwrap();
    let device = NewDevice {
        id: deskwarden_proto::ids::DeviceId::from_random([2; 16]),
        token_hash: [1; 32],
        key_hash: [3; 32],
        nonce: vec![4; 16],
        peer: std::net::Ipv4Addr::LOCALHOST.into(),
        hints: deskwarden_proto::v1::HostHints::default(),
        agent_version: "0".into(),
        platform: "linux-x86_64".into(),
        at: 1,
        certificate_ends_at: 2,
        resume_key: [5; 32],
    };
    assert!(matches!(store.enrol(&device).unwrap(), EnrolOutcome::Enrolled(_)));
}

#[test]
fn rules_check_waits_for_nothing_that_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("mkfifo")
        .arg(folder.path().join("pipe.toml"))
        .status()
        .unwrap();
    assert!(made.success());
    let refused = Command::new(BINARY)
        .args(["rules", "check"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("pipe.toml:1:1: not a file"), "{said}");
}

#[test]
fn a_root_is_rotated_and_retired_by_commands_while_the_collector_rests() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let json = |args: &[&str]| {
        let output = run(&[args, &["--json"]].concat(), &data);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let refused = |args: &[&str]| {
        let output = run(args, &data);
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let first = Collector::start(&data);
    let pin = first.ready["pin"].clone();
    assert_eq!(json(&["ca", "status"])["pin"], pin);
    assert!(refused(&["ca", "rotate"]).contains("stop it"));
    assert_eq!(first.stop(Signal::TERM), Some(0));
    assert!(refused(&["ca", "retire"]).contains("nothing to retire"));
    enrol_somebody(&data);
    let rotated = json(&["ca", "rotate"]);
    assert_ne!(rotated["pin"], pin);
    assert_eq!(rotated["earlier"], serde_json::json!([pin]));
    let second = Collector::start(&data);
    assert_eq!(second.ready["pin"], rotated["pin"]);
    assert_eq!(second.stop(Signal::TERM), Some(0));
    assert_eq!(json(&["ca", "status"])["devices_behind"], 1);
    assert!(refused(&["ca", "retire"]).contains("--force"));
    assert_eq!(json(&["ca", "retire", "--force"])["left_behind"], 1);
    assert_eq!(json(&["ca", "status"])["earlier"], serde_json::json!([]));
    assert_eq!(json(&["audit", "verify"])["ok"], true);
}
