//! The collector's .deb in a Debian that boots: installed by dpkg, confined by its unit, used for everything by an agent
//! on this machine, backed up by its timer's service, brought back elsewhere.

use std::{fs, os::unix::fs::MetadataExt as _, process::Command};

use deskwarden_tests::{
    https::Client,
    machine::{Disk, Machine},
    need,
    packages::{Packages, Processor},
    program::{self, Program},
    wait::{PATIENCE, eventually},
};
use serde_json::Value;

/// What keeps the unit's exposure acceptable.
const MOST_EXPOSED: f64 = 1.5;
const CONFIG: &str = "/etc/deskwarden/collector.toml";
const DATA: &str = "/var/lib/deskwarden-collector";

/// A booted server with the collector's package.
struct Server {
    machine: Machine,
}

impl Server {
    fn open(test: &str, octet: u8) -> Option<Self> {
        let packages = Packages::of(test)?;
        let Ok(deb) = packages.collector_deb(Processor::of_this_machine()?) else {
            need::missing(
                test,
                "there is no package of the collector among those under test",
            );
            return None;
        };
        let machine = Disk::new(test).unwrap()?.boot(test, octet).unwrap()?;
        let deb = machine.put(&deb).unwrap();
        machine
            .run(&format!("dpkg --install {deb} </dev/null 2>&1"))
            .unwrap();
        Some(Self { machine })
    }

    /// A command of the collector, run by its account beside the service.
    fn cli(&self, arguments: &str) -> Value {
        let script = format!(
            "setpriv --reuid deskwarden-collector --regid deskwarden-collector --clear-groups deskwarden-collector {arguments} --json"
        );
        serde_json::from_str(&self.machine.run(&script).unwrap()).unwrap()
    }

    /// What the service said when it was ready.
    fn ready(&self) -> Value {
        eventually("the collector to be ready", PATIENCE, || {
            let told = self
                .machine
                .run("journalctl --no-pager -o cat -u deskwarden-collector")?;
            let ready = told
                .lines()
                .rev()
                .find(|line| line.contains("\"event\":\"ready\""));
            Ok(ready.map(serde_json::from_str).transpose()?)
        })
        .unwrap()
    }

    fn property(&self, unit: &str, name: &str) -> String {
        let shown = self
            .machine
            .run(&format!("systemctl show --value --property={name} {unit}"));
        shown.unwrap().trim().to_owned()
    }
}

fn exposure(machine: &Machine, unit: &str) -> f64 {
    let line = machine
        .run(&format!("systemd-analyze security --no-pager {unit} | tail -n 1"))
        .unwrap();
    let number = line.split(": ").nth(1).and_then(|rest| rest.split(' ').next());
    number.unwrap().parse().unwrap()
}

#[test]
fn under_its_unit_the_collector_does_everything_and_a_backup_of_it_lives_again() {
    let test = "under_its_unit_the_collector_does_everything_and_a_backup_of_it_lives_again";
    let Some(server) = Server::open(test, 244) else {
        return;
    };
    let machine = &server.machine;
    let address = machine.address();

    // As an administrator does: names into the configuration, then a check and a restart.
    let config = fs::read_to_string(machine.file(CONFIG)).unwrap();
    let named = config.replace(
        "#names = [\"deskwarden.example.com\"]",
        &format!("names = [\"{address}\"]"),
    );
    assert_ne!(config, named);
    fs::write(machine.file(CONFIG), named).unwrap();
    let first = server.ready();
    assert!(first["admin"]["one_time_password"].is_string(), "{first}");
    machine
        .run("deskwarden-collector check-config && systemctl restart deskwarden-collector")
        .unwrap();
    eventually("the restarted collector", PATIENCE, || {
        let ready = server.ready();
        Ok(ready["agents"]
            .as_str()
            .is_some_and(|url| url.contains(&address))
            .then_some(()))
    })
    .unwrap();

    for unit in [
        "deskwarden-collector.service",
        "deskwarden-collector-backup.service",
    ] {
        let score = exposure(machine, unit);
        assert!(score <= MOST_EXPOSED, "{unit}: {score}");
    }
    let data = fs::metadata(machine.file(DATA)).unwrap();
    assert_ne!(data.uid(), 0);
    assert_eq!(data.mode() & 0o777, 0o700);

    an_agent_reports_to(&server, &address);

    machine
        .run("systemctl start deskwarden-collector-backup.service")
        .unwrap();
    let backups = format!("{DATA}-backups");
    let made = fs::read_dir(machine.file(&backups))
        .unwrap()
        .flatten()
        .next()
        .unwrap()
        .file_name();
    let backup = format!("{backups}/{}", made.to_string_lossy());
    assert_eq!(server.cli(&format!("backup --verify {backup}"))["whole"], true);
    assert_eq!(
        server.property("deskwarden-collector-backup.timer", "ActiveState"),
        "active"
    );

    // The disk is lost; the backup takes its place.
    machine
        .run(&format!(
            "systemctl stop deskwarden-collector && find {DATA} -mindepth 1 -delete"
        ))
        .unwrap();
    server.cli(&format!("restore {backup}"));
    machine.run("systemctl start deskwarden-collector").unwrap();
    assert_eq!(server.cli("device list").as_array().map(Vec::len), Some(1));

    // Records of a company are no configuration: they stay.
    machine
        .run("dpkg --purge deskwarden-collector </dev/null 2>&1")
        .unwrap();
    assert!(machine.file(&backup).join("store.db").exists());
    assert!(!machine.file("/usr/bin/deskwarden-collector").exists());
}

/// Mutual TLS, the database, judging, the dashboard, the journal's alerts: all of it under the unit's limits.
fn an_agent_reports_to(server: &Server, address: &str) {
    let token = server.cli("token create --uses 1 --valid 1h");
    let state = tempfile::tempdir().unwrap();
    let token_file = state.path().join("token");
    fs::write(&token_file, token["token"].as_str().unwrap()).unwrap();
    for (path, mode) in [(state.path(), 0o700), (token_file.as_path(), 0o600)] {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    let mut command = Command::new(program::product("deskwarden-agent").unwrap());
    command
        .args(["run", "--collector", &format!("https://{address}:7443"), "--pin"])
        .arg(token["pin"].as_str().unwrap())
        .arg("--token-file")
        .arg(&token_file)
        .arg("--state-dir")
        .arg(state.path().join("agent"));
    let mut agent = Program::start("agent", &mut command).unwrap();
    let found = eventually("a finding of the agent's PC", PATIENCE, || {
        let findings = server.cli("finding list");
        let there = findings
            .as_array()
            .is_some_and(|rows| rows.iter().any(|row| row["rule"] == "pc.unregistered"));
        Ok(there.then_some(()))
    });
    assert!(found.is_ok(), "{found:?}\n{}", agent.log());
    eventually("its alert in the journal", PATIENCE, || {
        let journal = server
            .machine
            .run("journalctl --no-pager -o cat -u deskwarden-collector")?;
        Ok(journal.contains("pc.unregistered").then_some(()))
    })
    .unwrap();
    let roots = server.machine.file(&format!("{DATA}/pki/root.crt"));
    let dashboard = Client::new(&format!("https://{address}:8443"), &roots).unwrap();
    assert_eq!(dashboard.request("GET", "/healthz", &[], "").unwrap().status, 200);
    agent.stop().unwrap();
}
