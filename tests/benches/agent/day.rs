//! A whole day on which nothing changes, in minutes: agent and collector under clocks that run 144 times as fast. So
//! everything that is due within a day comes: heartbeats, full scans, hourly samples, the end of connections.

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use deskwarden_tests::{
    bench::{
        Limit, Report,
        wire::{Direction, Wire, sum},
    },
    collector::{Collector, Setup},
    need,
    program::{self, Program},
};
use serde_json::Value;

/// How fast clocks run.
const FAST: &str = "x144";
/// Seconds that a day takes then.
const DAY: u64 = 600;
/// Until everything was reported, and the first minutes of the clock have passed.
const SETTLE: Duration = Duration::from_secs(15);

/// Measures so many seconds of a fast clock, and tells what a day would be. What a reconnect takes, up and down, is
/// counted apart.
pub(super) fn run(report: &mut Report, seconds: u64, greeting: [f64; 2]) -> Result<()> {
    if !need::program("an unchanged day", "faketime") {
        report.finding("unchanged day", "not measured: faketime is not installed");
        return Ok(());
    }
    report.about(&format!(
        "An unchanged day: agent and collector with clocks that run {} times as fast, {seconds} s of the true time. The agent
        looks at this machine from a namespace of processes in which nothing but itself runs, so that the day is one on which
        nothing changes; everything that is due within it comes. Reconnects (handshake, hello, welcome) are counted apart, each
        with what a reconnect took above.",
        FAST.trim_start_matches('x'),
    ));
    let collector = Setup::new()?.clock(FAST).start()?;
    let target: SocketAddr = collector
        .agents()?
        .strip_prefix("https://")
        .context("the agents' port has no https address")?
        .parse()?;
    let wire = Wire::to(target)?;
    let state = tempfile::Builder::new().prefix("deskwarden-day-").tempdir()?;
    let mut agent = launch(&wire, &collector, state.path())?;
    collector.device("the first report", |shown| {
        (shown["items"]["software"].as_u64()? > 0).then_some(())
    })?;
    thread::sleep(SETTLE);
    let before = items(&collector)?;
    let said = wire.bursts().len();
    let begun = Instant::now();
    thread::sleep(Duration::from_secs(seconds));
    let part = begun.elapsed().as_secs_f64() / DAY as f64;
    ensure!(!agent.is_over()?, "the agent ended:\n{}", agent.log());
    let bursts = wire.bursts();
    let bursts = bursts.get(said..).unwrap_or_default();
    if items(&collector)? != before {
        report.finding(
            "unchanged day",
            "something changed on this machine meanwhile: the figure is too high",
        );
    }
    let connections = bursts.iter().map(|burst| burst.connection).max().unwrap_or(0)
        - bursts.iter().map(|burst| burst.connection).min().unwrap_or(0);
    let connections = connections as f64;
    let [up, down] = [(Direction::Up, greeting[0]), (Direction::Down, greeting[1])]
        .map(|(direction, greeting)| (sum(bursts, direction) - connections * greeting) / part);
    let table = "on the wire, a day on which nothing changes";
    report.figure(table, "day", "agent to collector", up, "bytes");
    report.figure(table, "day", "collector to agent", down, "bytes");
    report.figure(table, "day", "reconnects seen", connections, "");
    report.figure(
        table,
        "day",
        "a reconnect, both directions",
        greeting.iter().sum(),
        "bytes",
    );
    report.budget(
        "wire: unchanged day",
        Limit::AtMost(20_000.0),
        up + down,
        "bytes",
        &format!(
            "both directions, reconnects apart, {:.0} % of a day under fast clocks",
            part * 100.0
        ),
    );
    // In its namespace it is the first process, which no signal but this one reaches.
    agent.kill()?;
    Ok(())
}

fn launch(wire: &Wire, collector: &Collector, state: &Path) -> Result<Program> {
    let token = collector.token_file(state)?;
    let agent = program::at(FAST, "deskwarden-agent")?;
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
    command.arg(agent.get_program());
    for (name, value) in agent.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
        .args(["run", "--collector", &format!("https://{}", wire.address())])
        .args(["--pin", collector.pin()?])
        .arg("--token-file")
        .arg(token)
        .arg("--state-dir")
        .arg(state);
    Program::start("agent", &mut command)
}

/// How many items of each section the collector has.
fn items(collector: &Collector) -> Result<Value> {
    collector.device("the items", |shown| Some(shown["items"].clone()))
}
