//! A PC under Wine and the real collector on this machine, with what the tests ask of both.

use std::fs;

use deskwarden_tests::{
    collector::{Collector, Setup},
    need,
    wine::{Build, WindowsPc},
};
use serde_json::Value;

pub(crate) const SERVICE: &str = "deskwarden-agent";
pub(crate) const SERVICE_KEY: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\deskwarden-agent";
pub(crate) const HOME: &str = "ProgramData/Deskwarden";
pub(crate) const PROGRAM: &str = "Program Files/Deskwarden/deskwarden-agent.exe";

/// A PC without an agent, and a collector that it can reach.
pub(crate) struct Site {
    // Fields end in this order: the PC goes before what it talks to.
    pub(crate) pc: WindowsPc,
    pub(crate) collector: Collector,
    pub(crate) build: Build,
    pub(crate) share: tempfile::TempDir,
}

impl Site {
    pub(crate) fn open(test: &str) -> Option<Self> {
        let build = Build::of(test)?;
        if !need::program(test, "wixl") {
            return None;
        }
        let pc = WindowsPc::new(test).unwrap()?;
        Some(Self {
            pc,
            collector: Setup::new().unwrap().start().unwrap(),
            build,
            share: tempfile::tempdir().unwrap(),
        })
    }

    pub(crate) fn msi(&self, version: &str) -> String {
        WindowsPc::outside(&self.build.msi(version, self.share.path()).unwrap())
    }

    pub(crate) fn token(&self) -> String {
        let made = self
            .collector
            .cli(&["token", "create", "--uses", "1", "--valid", "1h"])
            .unwrap();
        made["token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn device(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = self
            .collector
            .device(what, |device| wanted(device).then(|| device.clone()));
        found.unwrap_or_else(|error| panic!("{error:#}\n{}", self.collector.log()))
    }

    /// Settings for a PC that is enrolled: where the collector is, and no token.
    pub(crate) fn told(&self) -> String {
        let (collector, pin) = (self.collector.agents().unwrap(), self.collector.pin().unwrap());
        format!("collector = \"{collector}\"\npin = \"{pin}\"\n")
    }

    pub(crate) fn start(&self) {
        self.pc.finish("sc", ["start", SERVICE]).unwrap();
    }

    pub(crate) fn stop(&self) {
        self.pc.finish("sc", ["stop", SERVICE]).unwrap();
        self.pc.wait_for_service(SERVICE, "STOPPED").unwrap();
    }

    /// The service is running, and its session speaks.
    pub(crate) fn is_heard(&self) {
        self.pc.wait_for_service(SERVICE, "RUNNING").unwrap();
        self.device("a session", |device| {
            device["goodbye_at"].is_null() && !device["last_seen_at"].is_null()
        });
    }

    pub(crate) fn finding(&self, rule: &str, subject: &str, state: &str) -> Value {
        let found = self.collector.finding(rule, subject, state);
        found.unwrap_or_else(|error| panic!("{error:#}\n{}", self.collector.log()))
    }

    pub(crate) fn identity(&self) -> String {
        fs::read_to_string(self.pc.file(HOME).join("state/identity/device")).unwrap()
    }
}
