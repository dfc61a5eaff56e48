//! The collector's .deb in a Debian that boots: installed by dpkg, confined by its unit, used for everything by an agent
//! on this machine, backed up by its timer's service, brought back elsewhere.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, process::Command};

use deskwarden_tests::{
    collector::PASSWORD,
    dashboard::Visitor,
    https::Client,
    machine::{Disk, Machine},
    need,
    packages::{self, Packages, Processor, Product},
    program::{self, Program},
    wait::{PATIENCE, eventually},
    webhook::Receiver,
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
    /// A server with the package under test.
    fn open(test: &str, octet: u8) -> Option<Self> {
        let packages = packages(test)?;
        let server = Self::bare(test, octet)?;
        server.install(&packages);
        Some(server)
    }

    /// A server without any.
    fn bare(test: &str, octet: u8) -> Option<Self> {
        let machine = Disk::new(test).unwrap()?.boot(test, octet).unwrap()?;
        Some(Self { machine })
    }

    /// Installs with nobody to answer; of settings that both sides changed, those on the machine stay.
    fn install(&self, packages: &Packages) {
        let processor = Processor::of_this_machine().unwrap();
        let deb = packages.deb(Product::Collector, processor).unwrap();
        let deb = self.machine.put(&deb).unwrap();
        self.machine
            .run(&format!("dpkg --force-confold --install {deb} </dev/null 2>&1"))
            .unwrap();
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

/// Those under test, where the collector is among them.
fn packages(test: &str) -> Option<Packages> {
    let packages = Packages::of(test)?;
    if !packages.has(Product::Collector, Processor::of_this_machine()?) {
        need::missing(
            test,
            "there is no package of the collector among those under test",
        );
        return None;
    }
    Some(packages)
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

    // As an administrator does: names and a channel into the configuration, then a check and a restart.
    let receiver = Receiver::start_on(&machine.gateway()).unwrap();
    let config = fs::read_to_string(machine.file(CONFIG)).unwrap();
    let named = config.replace(
        "#names = [\"deskwarden.example.com\"]",
        &format!("names = [\"{address}\"]"),
    );
    assert_ne!(config, named);
    let told = named.replace("#observation = false", "observation = false");
    assert_ne!(named, told);
    let hook = format!(
        "\n[[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"\nsecret_file = \"hook.secret\"\nallow = [\"{}\"]\n",
        receiver.url(),
        receiver.place()
    );
    fs::write(machine.file(CONFIG), told + &hook).unwrap();
    machine
        .run("cd /etc/deskwarden; echo wr7q-test-signing-key >hook.secret; chgrp deskwarden-collector hook.secret; chmod 0640 hook.secret")
        .unwrap();
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
    eventually("the alert at the receiver", PATIENCE, || {
        let came = receiver.deliveries();
        let told = came
            .iter()
            .any(|delivery| delivery.json().to_string().contains("pc.unregistered"));
        Ok(told.then_some(()))
    })
    .unwrap();
    somebody_signs_in(&server, &address, &first);
    an_edited_rule_is_seen(&server);

    machine
        .run("systemctl start deskwarden-collector-backup.service")
        .unwrap();
    let backups = format!("{DATA}-backups");
    let names = fs::read_dir(machine.file(&backups)).unwrap().flatten();
    let made = names
        .map(|entry| entry.file_name())
        .find(|name| name.to_string_lossy().starts_with("deskwarden-"))
        .unwrap();
    // Touched, so that a missing one is told; the first one was not missing yet.
    assert!(machine.file(&format!("{backups}/last")).is_file());
    let findings = server.cli("finding list");
    let overdue = findings
        .as_array()
        .unwrap()
        .iter()
        .any(|row| row["rule"] == "ops.backup-overdue");
    assert!(!overdue, "{findings}");
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

/// With the password of the first start, which must be another one then.
fn somebody_signs_in(server: &Server, address: &str, first: &Value) {
    let roots = server.machine.file(&format!("{DATA}/pki/root.crt"));
    let mut visitor = Visitor::new(&format!("https://{address}:8443"), &roots).unwrap();
    let text = |key: &str| first["admin"][key].as_str().unwrap().to_owned();
    visitor
        .first_sign_in(&text("user"), &text("one_time_password"), PASSWORD)
        .unwrap();
    let page = visitor.read("/findings").unwrap();
    assert!(page.contains("Unregistered device"), "{page}");
}

/// A file that is put into the watched folder takes effect, without a restart and without a report.
fn an_edited_rule_is_seen(server: &Server) {
    let folder = server.machine.file(&format!("{DATA}/rules.d"));
    fs::create_dir_all(&folder).unwrap();
    let open = || {
        let findings = server.cli("finding list");
        let mut rows = findings.as_array().unwrap().iter();
        rows.any(|row| row["rule"] == "pc.unregistered" && row["state"] == "open")
    };
    assert!(open());
    let off = "[[adjust]]\nrules = [\"pc.unregistered\"]\nenabled = false\n";
    fs::write(folder.join("acme.toml"), off).unwrap();
    eventually("the finding to be over", PATIENCE, || Ok((!open()).then_some(()))).unwrap();
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

/// The package with settings of its time: those of the newer one are others.
fn with_other_settings(deb: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    program::finish(Command::new("dpkg-deb").arg("--raw-extract").arg(deb).arg(&tree)).unwrap();
    let config = tree.join(CONFIG.trim_start_matches('/'));
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + "# of that time\n").unwrap();
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Znone", "--build"]);
    program::finish(build.arg(&tree).arg(deb)).unwrap();
}

#[test]
fn an_upgrade_keeps_data_and_configuration_and_what_was_switched_off() {
    let test = "an_upgrade_keeps_data_and_configuration_and_what_was_switched_off";
    let Some(packages) = packages(test) else { return };
    let Some(server) = Server::bare(test, 245) else {
        return;
    };
    let machine = &server.machine;
    let folder = tempfile::tempdir().unwrap();
    let processor = Processor::of_this_machine().unwrap();
    let older = packages::renumber(&packages, Product::Collector, processor, "0.0.1", folder.path()).unwrap();
    with_other_settings(&older.deb(Product::Collector, processor).unwrap());
    server.install(&older);
    let first = server.ready();
    let token = server.cli("token create --uses 1 --valid 1h");
    let mut config = fs::read_to_string(machine.file(CONFIG)).unwrap();
    config.push_str("# ours\n");
    fs::write(machine.file(CONFIG), &config).unwrap();
    machine
        .run("systemctl disable --now deskwarden-collector-backup.timer 2>&1")
        .unwrap();
    let old = server.property("deskwarden-collector", "MainPID");

    server.install(&packages);
    let second = eventually("the new program to be ready", PATIENCE, || {
        let ready = server.ready();
        Ok(ready["admin"].is_null().then_some(ready))
    })
    .unwrap();
    assert_eq!(second["pin"], first["pin"]);
    assert_eq!(server.cli("token list")[0]["id"], token["id"]);
    assert_eq!(fs::read_to_string(machine.file(CONFIG)).unwrap(), config);
    let packaged = fs::read_to_string(machine.file(&format!("{CONFIG}.dpkg-dist"))).unwrap();
    assert!(!packaged.contains("# of that time"), "{packaged}");
    for (unit, name, value) in [
        ("deskwarden-collector.service", "ActiveState", "active"),
        ("deskwarden-collector.service", "UnitFileState", "enabled"),
        ("deskwarden-collector.service", "NRestarts", "0"),
        ("deskwarden-collector-backup.timer", "ActiveState", "inactive"),
        ("deskwarden-collector-backup.timer", "UnitFileState", "disabled"),
    ] {
        assert_eq!(server.property(unit, name), value, "{name} of {unit}");
    }
    assert_ne!(server.property("deskwarden-collector", "MainPID"), old);
    let version = machine.run("dpkg-query -W -f '${Version}' deskwarden-collector");
    assert_eq!(version.unwrap(), env!("CARGO_PKG_VERSION"));
    let told = machine
        .run("journalctl --no-pager -u deskwarden-collector")
        .unwrap();
    assert!(!told.contains("Failed with result"), "{told}");
}
