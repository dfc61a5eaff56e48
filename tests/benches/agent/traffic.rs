//! Bytes between a real agent and a real collector, counted by a relay: a first report, a changed package, a reconnect
//! with nothing to say.

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use anyhow::{Context as _, Result};
use deskwarden_tests::{
    bench::{
        Limit, Report,
        wire::{Burst, Direction, Wire, sum},
    },
    collector::{Collector, Setup},
    deb,
    pc::Pc,
    program::{self, Program},
};
use tempfile::TempDir;

use crate::scans::Scans;

/// A collector and two agents that stay connected: one of this machine, one of a PC on which nothing happens.
pub(super) struct Office {
    pub(super) machine: Client,
    /// Bytes of a reconnect with nothing to report, up and down.
    pub(super) greeting: [f64; 2],
    // Stays connected as long as the other one is measured.
    _still: Client,
    _pc: Pc,
    _collector: Collector,
}

/// An agent behind a relay of its own.
pub(super) struct Client {
    pub(super) program: Program,
    pub(super) wire: Wire,
    state: TempDir,
}

/// Measures, and leaves the agents connected.
pub(super) fn run(report: &mut Report, scans: &Scans) -> Result<Office> {
    report.about(
        "Bytes on the wire are what a relay between agent and collector saw: TLS records of the real mutual-TLS session,
        records packed inside, TCP below not counted. What a reconnect with nothing to report takes (handshake, hello with digests,
        welcome) is measured alone and taken off the first reports. The software figure is the first report of a PC that has
        this machine's package database and nothing else; one changed package is a real `dpkg --install` of a newer version
        there. FusionInventory's bytes are its XML after zlib, without HTTP and TLS.",
    );
    let collector = Setup::new()?.start()?;
    let pc = Pc::new("pc-still")?;
    let database = pc.file("var/lib/dpkg");
    fs::remove_dir_all(&database)?;
    program::run("cp", [Path::new("-a"), Path::new("/var/lib/dpkg"), &database])?;

    let mut still = Client::enrol(&collector, pc.path())?;
    let first = last_connection(&still.wire.settled(0)?);
    let before = still.wire.bursts().len();
    still.restart(&collector, pc.path())?;
    let greeting = last_connection(&still.wire.settled(before)?);

    let folder = tempfile::tempdir()?;
    deb::install(
        &pc,
        &deb::build(folder.path(), "linuxqq", "3.2.16", "Tencent QQ")?,
    )?;
    still.wire.settled(still.wire.bursts().len().saturating_sub(1))?;
    let before = still.wire.bursts().len();
    deb::install(
        &pc,
        &deb::build(folder.path(), "linuxqq", "3.2.17", "Tencent QQ")?,
    )?;
    let changed = still.wire.settled(before)?;

    let machine = Client::enrol(&collector, Path::new("/"))?;
    let whole = last_connection(&machine.wire.settled(0)?);

    let up = |bursts: &[Burst]| sum(bursts, Direction::Up);
    let down = |bursts: &[Burst]| sum(bursts, Direction::Down);
    let software_bytes = up(&first) - up(&greeting);
    let whole_bytes = up(&whole) - up(&greeting);
    let table = "on the wire";
    for (what, bursts) in [
        ("first session, package database only", &first),
        ("first session, this machine", &whole),
        ("reconnect with nothing to report", &greeting),
        ("one changed package", &changed),
    ] {
        report.figure(table, what, "agent to collector", up(bursts), "bytes");
        report.figure(table, what, "collector to agent", down(bursts), "bytes");
    }
    let table = "FusionInventory's report";
    report.figure(table, "whole", "zlib", scans.fusion_zlib, "bytes");
    report.figure(
        table,
        "software only",
        "zlib",
        scans.fusion_software_zlib,
        "bytes",
    );
    report.budget(
        "wire: software section",
        Limit::AtMost(scans.fusion_software_zlib / 2.0),
        software_bytes,
        "bytes",
        "half of FusionInventory's software report after zlib",
    );
    report.budget(
        "wire: whole first report",
        Limit::AtMost(scans.fusion_zlib * 0.75),
        whole_bytes,
        "bytes",
        "three quarters of FusionInventory's report after zlib",
    );
    report.budget(
        "wire: one changed package",
        Limit::AtMost(300.0),
        up(&changed),
        "bytes",
        "TLS records from agent to collector",
    );
    Ok(Office {
        machine,
        _still: still,
        _pc: pc,
        _collector: collector,
        greeting: [up(&greeting), down(&greeting)],
    })
}

impl Client {
    fn enrol(collector: &Collector, root: &Path) -> Result<Self> {
        let target: SocketAddr = collector
            .agents()?
            .strip_prefix("https://")
            .context("the agents' port has no https address")?
            .parse()?;
        let state = tempfile::Builder::new().prefix("deskwarden-agent-").tempdir()?;
        fs::set_permissions(state.path(), fs::Permissions::from_mode(0o700))?;
        let token = collector.token_file(state.path())?;
        let wire = Wire::to(target)?;
        let program = launch(&wire, collector, root, state.path(), Some(&token))?;
        Ok(Self { program, wire, state })
    }

    fn restart(&mut self, collector: &Collector, root: &Path) -> Result<()> {
        self.program.stop()?;
        self.program = launch(&self.wire, collector, root, self.state.path(), None)?;
        Ok(())
    }
}

fn launch(
    wire: &Wire,
    collector: &Collector,
    root: &Path,
    state: &Path,
    token: Option<&Path>,
) -> Result<Program> {
    let mut command = Command::new(program::product("deskwarden-agent")?);
    command
        .args(["run", "--collector", &format!("https://{}", wire.address())])
        .args(["--pin", collector.pin()?])
        .arg("--state-dir")
        .arg(state)
        .arg("--root")
        .arg(root);
    if let Some(token) = token {
        command.arg("--token-file").arg(token);
    }
    Program::start("agent", &mut command)
}

/// The session: an enrolment before it has a connection of its own.
fn last_connection(bursts: &[Burst]) -> Vec<Burst> {
    let last = bursts.iter().map(|burst| burst.connection).max();
    bursts
        .iter()
        .copied()
        .filter(|burst| Some(burst.connection) == last)
        .collect()
}
