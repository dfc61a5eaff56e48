//! The agent replaces itself by a package that the publisher signed, refuses every other, and comes back when the new
//! program does not report.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use deskwarden_tests::{
    collector::{Collector, Setup},
    pc::Pc,
    program::{self, Program},
    wait::{PATIENCE, eventually},
};
use serde_json::Value;
use tempfile::TempDir;

/// The version of the programs under test.
const OWN: &str = env!("CARGO_PKG_VERSION");

/// A PC on which the agent lies in a folder of its own, so that it may replace itself.
struct Desk {
    collector: Collector,
    pc: Pc,
    folder: TempDir,
    public: String,
}

impl Desk {
    fn open(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::create_dir(folder.path().join("state")).unwrap();
        fs::set_permissions(folder.path().join("state"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::copy(
            program::product("deskwarden-agent").unwrap(),
            folder.path().join("bin/agent"),
        )
        .unwrap();
        let desk = Self {
            collector: Setup::new().unwrap().start().unwrap(),
            pc: Pc::new(name).unwrap(),
            public: String::new(),
            folder,
        };
        let public = desk.key("publisher.key");
        Self { public, ..desk }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn key(&self, name: &str) -> String {
        let made = self
            .collector
            .cli(&["update", "key", "--out", &shown(&self.at(name))])
            .unwrap();
        made["public_key"].as_str().unwrap().to_owned()
    }

    /// The agent under another version, signed and offered to every device.
    fn publish(&self, version: &str, key: &str) {
        let bytes = program::at_version(&program::product("deskwarden-agent").unwrap(), version).unwrap();
        let (program, package) = (self.at("program"), self.at("package"));
        fs::write(&program, bytes).unwrap();
        let platform = deskwarden_platform::platform_name();
        let sign = [
            "update",
            "sign",
            &shown(&program),
            "--key",
            &shown(&self.at(key)),
            "--version",
            version,
        ];
        let rest = ["--platform", &platform, "--out", &shown(&package)];
        self.collector.cli(&[&sign[..], &rest[..]].concat()).unwrap();
        self.collector
            .cli(&["update", "publish", &shown(&package)])
            .unwrap();
        self.collector
            .cli(&["update", "ring", version, "--percent", "100"])
            .unwrap();
    }

    fn start(&self) -> Program {
        let token = self.at("state/token-of-test");
        if !token.exists() {
            let made = self.collector.token_file(&self.at("state")).unwrap();
            fs::rename(made, &token).unwrap();
        }
        let config = format!(
            "collector = \"{}\"\npin = \"{}\"\ntoken_file = \"{}\"\nstate_dir = \"{}\"\nroot = \"{}\"\nupdate_key = \"{}\"\n",
            self.collector.agents().unwrap(),
            self.collector.pin().unwrap(),
            token.display(),
            self.at("state").display(),
            self.pc.path().display(),
            self.public,
        );
        fs::write(self.at("agent.toml"), config).unwrap();
        let mut command = Command::new(self.at("bin/agent"));
        command.args(["run", "--config"]).arg(self.at("agent.toml"));
        Program::start("agent", &mut command).unwrap()
    }

    fn says(&self) -> String {
        program::run(self.at("bin/agent"), ["--version"]).unwrap()
    }

    fn is_reported_as(&self, version: &str) -> Value {
        self.collector
            .device(&format!("version {version}"), |device| {
                (device["agent_version"] == version).then(|| device.clone())
            })
            .unwrap()
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_signed_package_replaces_the_agent_and_one_that_never_reports_is_taken_back() {
    let mut desk = Desk::open("pc-updates");
    desk.publish("0.1.1", "publisher.key");
    let mut agent = desk.start();
    let status = agent.ended().unwrap();
    assert!(!status.success());
    assert!(
        agent.log().contains("version 0.1.1 is in place"),
        "{}",
        agent.log()
    );
    assert!(desk.says().contains("0.1.1"));

    let mut agent = desk.start();
    let device = desk.is_reported_as("0.1.1");
    eventually("the trial to end", PATIENCE, || {
        Ok((fs::read_dir(desk.at("bin")).unwrap().count() == 1).then_some(()))
    })
    .unwrap();
    agent.stop().unwrap();

    // The next one is put in place, and then never reaches its collector.
    desk.publish("0.1.2", "publisher.key");
    desk.start().ended().unwrap();
    assert!(desk.says().contains("0.1.2"));
    desk.collector.program().stop().unwrap();
    for _ in 0..3 {
        let mut agent = desk.start();
        eventually("its state to be locked", PATIENCE, || {
            Ok(agent.log().contains("no session").then_some(()))
        })
        .unwrap();
        agent.kill().unwrap();
    }
    let mut agent = desk.start();
    assert!(!agent.ended().unwrap().success());
    assert!(agent.log().contains("the one before is back"), "{}", agent.log());
    assert!(desk.says().contains("0.1.1"));

    // It is not tried again, and the device is the same.
    desk.collector.restart().unwrap();
    let mut agent = desk.start();
    eventually("the refusal", PATIENCE, || {
        Ok(agent.log().contains("was tried on this PC").then_some(()))
    })
    .unwrap();
    assert_eq!(desk.is_reported_as("0.1.1")["id"], device["id"]);
    assert!(!agent.is_over().unwrap());
}

#[test]
fn what_another_signed_is_refused_and_changes_nothing() {
    let desk = Desk::open("pc-updates-refused");
    desk.key("somebody.key");
    desk.publish("0.1.1", "somebody.key");
    let mut agent = desk.start();
    eventually("the refusal", PATIENCE, || {
        Ok(agent
            .log()
            .contains("the publisher did not sign this")
            .then_some(()))
    })
    .unwrap();
    eventually("the collector to hear of it", PATIENCE, || {
        Ok(desk
            .collector
            .log()
            .contains("the package was not taken")
            .then_some(()))
    })
    .unwrap();
    desk.is_reported_as(OWN);
    assert!(!agent.is_over().unwrap() && desk.says().contains(OWN));
    assert_eq!(fs::read_dir(desk.at("bin")).unwrap().count(), 1);
}
