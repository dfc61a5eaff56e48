//! The collector's MSI on a PC under Wine: set up by one line, used over TLS from this machine by a person and a real agent,
//! stopped, repaired, upgraded and removed.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use deskwarden_tests::{
    dashboard::Visitor,
    https::Client,
    need, ports,
    program::{self, Program},
    wait::{PATIENCE, eventually},
    wine::{Build, WindowsPc},
};
use serde_json::Value;

const SERVICE: &str = "deskwarden-collector";
const SERVICE_KEY: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\deskwarden-collector";
const EVENT_KEY: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\Deskwarden Collector";
const HOME: &str = "ProgramData/Deskwarden Collector";
const FOLDER: &str = "Program Files/Deskwarden Collector";
const PROGRAM: &str = r"C:\Program Files\Deskwarden Collector\deskwarden-collector.exe";
const PASSWORD: &str = "Chang-e 6 brought stones";

struct Server {
    pc: WindowsPc,
    build: Build,
    share: tempfile::TempDir,
    agents: u16,
    dashboard: u16,
}

impl Server {
    fn open(test: &str) -> Option<Self> {
        let build = Build::with_collector(test)?;
        if !need::program(test, "wixl") {
            return None;
        }
        let server = Self {
            pc: WindowsPc::new(test).unwrap()?,
            build,
            share: tempfile::tempdir().unwrap(),
            agents: ports::free().unwrap(),
            dashboard: ports::free().unwrap(),
        };
        // The usual ports may be in use on this machine.
        let home = server.pc.file(HOME);
        fs::create_dir_all(&home).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(
            home.join("collector.toml"),
            format!(
                "[agents]\nlisten = \"127.0.0.1:{}\"\n[dashboard]\nlisten = \"127.0.0.1:{}\"\n",
                server.agents, server.dashboard
            ),
        )
        .unwrap();
        Some(server)
    }

    fn msi(&self, version: &str) -> String {
        WindowsPc::outside(&self.build.collector_msi(version, self.share.path()).unwrap())
    }

    fn home(&self, file: &str) -> PathBuf {
        self.pc.file(HOME).join(file)
    }

    /// A command of the collector, run on the PC beside the service.
    fn cli(&self, arguments: &[&str]) -> Value {
        let told = self
            .pc
            .finish(PROGRAM, arguments.iter().copied().chain(["--json"]))
            .unwrap();
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"))
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.dashboard)
    }

    fn roots(&self) -> PathBuf {
        self.home("data/pki/root.crt")
    }

    fn answers(&self) {
        self.pc.wait_for_service(SERVICE, "RUNNING").unwrap();
        let client = Client::new(&self.url(), &self.roots()).unwrap();
        let answer = client.request("GET", "/healthz", &[], "").unwrap();
        assert_eq!(answer.status, 200);
    }

    fn devices(&self) -> Vec<String> {
        let listed = self.cli(&["device", "list"]);
        let rows = listed.as_array().unwrap().iter();
        rows.map(|device| device["id"].as_str().unwrap().to_owned())
            .collect()
    }

    fn agent(&self, state: &Path, token: &Path, pin: &str) -> Program {
        let mut command = Command::new(program::product("deskwarden-agent").unwrap());
        command
            .args([
                "run",
                "--collector",
                &format!("https://127.0.0.1:{}", self.agents),
            ])
            .args(["--pin", pin, "--token-file"])
            .arg(token)
            .arg("--state-dir")
            .arg(state);
        Program::start("agent", &mut command).unwrap()
    }

    /// Until the collector sees this agent, whether it is new or comes back.
    fn hears(&self, agent: &Program) {
        let heard = eventually("a session", PATIENCE, || {
            let listed = self.cli(&["device", "list"]);
            let row = listed.as_array().and_then(|rows| rows.first()).cloned();
            Ok(row
                .filter(|row| row["goodbye_at"].is_null() && !row["last_seen_at"].is_null())
                .map(drop))
        });
        assert!(heard.is_ok(), "{heard:?}\n{}", agent.log());
    }
}

#[test]
fn one_line_makes_a_pc_the_collector_and_its_data_outlive_repair_upgrade_and_removal() {
    let test = "one_line_makes_a_pc_the_collector_and_its_data_outlive_repair_upgrade_and_removal";
    let Some(server) = Server::open(test) else {
        return;
    };
    server.pc.msiexec(&["/i", &server.msi("1.0.0")]).unwrap();
    server.answers();
    nobody_else_reads_what_is_secret(&server);
    the_first_administrator_signs_in(&server);

    let state = tempfile::tempdir().unwrap();
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let made = server.cli(&["token", "create", "--uses", "1", "--valid", "1h"]);
    let (token, pin) = (state.path().join("token"), made["pin"].as_str().unwrap());
    fs::write(&token, made["token"].as_str().unwrap()).unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let mut agent = server.agent(&state.path().join("agent"), &token, pin);
    server.hears(&agent);
    let judged = eventually("a finding of the agent's PC", PATIENCE, || {
        let findings = server.cli(&["finding", "list"]);
        let there = findings
            .as_array()
            .is_some_and(|rows| rows.iter().any(|row| row["rule"] == "pc.unregistered"));
        Ok(there.then_some(()))
    });
    assert!(judged.is_ok(), "{judged:?}\n{}", agent.log());
    let device = server.devices();
    assert_eq!(device.len(), 1);

    a_stop_leaves_a_store_that_is_whole(&server);
    server.pc.finish("sc", ["start", SERVICE]).unwrap();
    server.answers();
    server.hears(&agent);
    assert!(
        !server.home("first-sign-in.txt").exists(),
        "the password was replaced"
    );
    a_copy_of_everything_is_whole(&server);

    a_repair_keeps_the_data(&server, &device);
    let root = fs::read(server.roots()).unwrap();
    server.pc.msiexec(&["/i", &server.msi("1.1.0")]).unwrap();
    server.answers();
    assert_eq!(server.devices(), device);
    assert_eq!(fs::read(server.roots()).unwrap(), root);
    server.hears(&agent);
    // The same authority over the same device: it was never asked for another token.
    assert!(
        server.pc.msiexec(&["/i", &server.msi("1.0.0")]).is_err(),
        "an older one"
    );
    server.answers();
    agent.stop().unwrap();

    an_open_folder_keeps_the_service_from_starting(&server);

    server.pc.msiexec(&["/x", &server.msi("1.1.0")]).unwrap();
    assert!(!server.pc.file(FOLDER).exists());
    assert!(!server.pc.has_key(SERVICE_KEY).unwrap() && !server.pc.has_key(EVENT_KEY).unwrap());
    assert_eq!(fs::read(server.roots()).unwrap(), root);

    // What was left is taken up again.
    server.pc.msiexec(&["/i", &server.msi("1.1.0")]).unwrap();
    server.answers();
    assert_eq!(server.devices(), device);
    server
        .pc
        .msiexec(&["/x", &server.msi("1.1.0"), "PURGE=1"])
        .unwrap();
    assert!(!server.pc.file(HOME).exists() && !server.pc.file(FOLDER).exists());
}

/// Wine keeps rights as this machine's, and takes Administrators for the group: nobody else may do anything.
fn nobody_else_reads_what_is_secret(server: &Server) {
    let secret = [
        "",
        "first-sign-in.txt",
        "data",
        "data/deskwarden.db",
        "data/pki",
        "data/pki/root.key",
        "data/pki/intermediate.key",
    ];
    for name in secret {
        let mode = fs::metadata(server.home(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "{name}: {mode:o}");
    }
}

fn the_first_administrator_signs_in(server: &Server) {
    let told = fs::read_to_string(server.home("first-sign-in.txt")).unwrap();
    assert!(told.contains(&server.url()), "{told}");
    let password = told
        .lines()
        .find_map(|line| line.split_once("One-time password: "))
        .unwrap_or_else(|| panic!("no password: {told}"))
        .1
        .trim();
    let mut visitor = Visitor::new(&server.url(), &server.roots()).unwrap();
    visitor.first_sign_in("admin", password, PASSWORD).unwrap();
    let overview = visitor.read("/").unwrap();
    assert!(overview.contains("Compliance rate"), "{overview}");
}

/// What the manager hears is a success, and the store was closed: nothing waits in its log.
fn a_stop_leaves_a_store_that_is_whole(server: &Server) {
    server.pc.finish("sc", ["stop", SERVICE]).unwrap();
    server.pc.wait_for_service(SERVICE, "STOPPED").unwrap();
    let (_, told) = server.pc.run("sc", ["query", SERVICE]).unwrap();
    let code = told
        .lines()
        .find_map(|line| line.trim().strip_prefix("WIN32_EXIT_CODE"))
        .unwrap_or_else(|| panic!("no code: {told}"));
    assert!(code.trim_start_matches([' ', ':']).starts_with('0'), "{told}");
    assert!(!server.home("data/deskwarden.db-wal").exists());
    assert!(
        Client::new(&server.url(), &server.roots())
            .unwrap()
            .request("GET", "/healthz", &[], "")
            .is_err()
    );
}

/// While the collector runs, which keeps its lock.
fn a_copy_of_everything_is_whole(server: &Server) {
    let made = server.cli(&["backup", "--to", r"C:\backups"]);
    let backup = made["backup"].as_str().unwrap_or_else(|| panic!("{made}"));
    assert_eq!(server.cli(&["backup", "--verify", backup])["whole"], true);
    // Beside it, a collector that would be lost otherwise.
    server.cli(&["restore", backup, "--data", r"C:\again"]);
    let again = server.pc.file("again");
    assert_eq!(
        fs::read(again.join("pki/root.crt")).unwrap(),
        fs::read(server.roots()).unwrap()
    );
    assert!(again.join("deskwarden.db").is_file());
}

fn a_repair_keeps_the_data(server: &Server, device: &[String]) {
    server.pc.finish("sc", ["stop", SERVICE]).unwrap();
    server.pc.wait_for_service(SERVICE, "STOPPED").unwrap();
    fs::remove_file(server.pc.file(FOLDER).join("deskwarden-collector.exe")).unwrap();
    // The words behind `msiexec /fa`, which Wine's command line does not know.
    let repair = ["/i", &server.msi("1.0.0"), "REINSTALL=ALL", "REINSTALLMODE=amus"];
    server.pc.msiexec(&repair).unwrap();
    server.answers();
    assert_eq!(server.devices(), device);
}

fn an_open_folder_keeps_the_service_from_starting(server: &Server) {
    server.pc.finish("sc", ["stop", SERVICE]).unwrap();
    server.pc.wait_for_service(SERVICE, "STOPPED").unwrap();
    let home = server.pc.file(HOME);
    fs::set_permissions(&home, fs::Permissions::from_mode(0o777)).unwrap();
    server.pc.run("sc", ["start", SERVICE]).unwrap();
    server.pc.wait_for_service(SERVICE, "STOPPED").unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    server.pc.finish("sc", ["start", SERVICE]).unwrap();
    server.answers();
}
