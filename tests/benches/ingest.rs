//! What the collector's process costs per first report, one-item delta, unchanged hello and heartbeat, under a
//! simulated office; beside plain inserts of the same rows, and beside tonic alone. CPU, not time: the agents work
//! on the same machine.
#![expect(clippy::print_stderr, reason = "a bench talks to a person")]

#[path = "ingest/copy.rs"]
mod copy;
#[path = "ingest/echo.rs"]
mod echo;
#[path = "ingest/plain.rs"]
mod plain;
#[path = "ingest/raw.rs"]
mod raw;

use std::{env, path::Path};

use anyhow::{Context as _, Result};
use deskwarden_agent::transport;
use deskwarden_tests::{
    bench::{Limit, Report, processes::spent, resident::cpu_ms},
    collector::Setup,
    sim::{Fleet, Oracle, Plan, device::Device},
};
use tokio::task::JoinSet;

use echo::Echo;
use plain::Plain;

/// PCs of the office.
const AGENTS: u32 = 200;
/// Changes of each.
const DELTAS: usize = 20;
/// Devices that call without an agent, and how often.
const CALLERS: usize = 32;
const HELLOS: usize = 100;
/// Below what a device may send at once.
const HEARTBEATS: usize = 1_800;

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some(echo::SERVE) {
        return echo::serve(Path::new(&arguments.next().context("no folder")?));
    }
    let agents = first.and_then(|text| text.parse().ok()).unwrap_or(AGENTS);
    let mut collector = Setup::new()?.start()?;
    let mut fleet = Fleet::enrol(Plan { agents, seed: 100 }, &collector)?;
    let collector_id = collector.program().id();
    let mut report = Report::new("ingest", "What the collector costs per report")?;
    report.about(&format!(
        "{agents} simulated PCs (the agent's real code, some 350 titles each, drawn so that they overlap as images of each other
        do) over mutual TLS; CPU of the collector's process, user and system, all threads. Nothing else uses the collector.
        The first report of a PC includes its handshake and hello. Afterwards the oracle compares every item."
    ));

    let (first_reports, ()) = spent(collector_id, || {
        fleet.start()?;
        fleet.settle()
    })?;
    let plain = Plain::read(&collector.data().join("deskwarden.db"))?;
    let rows = plain.count() as f64;
    let each = |seconds: f64, count: f64| seconds * 1e3 / count;
    let first = each(first_reports, f64::from(agents));
    report.figure("per event, CPU", "first report", "collector", first, "ms");
    eprintln!("first report {first:.2} ms");

    let (deltas, ()) = spent(collector_id, || {
        fleet.mutate(DELTAS)?;
        fleet.settle()
    })?;
    let delta = each(deltas, f64::from(agents) * DELTAS as f64);
    report.figure("per event, CPU", "one-item delta", "collector", delta, "ms");
    eprintln!("delta {delta:.3} ms");
    Oracle::on(&collector.data())?.agrees(&fleet)?;

    let place = fleet.place().clone();
    let mut taken: Vec<_> = fleet.agents.drain(..).collect();
    let callers = fleet.wait(async {
        let mut callers = Vec::new();
        for agent in taken.iter_mut().take(CALLERS) {
            callers.push(Device::take_over(agent, &place).await?.call().await?);
        }
        for agent in taken.iter_mut().skip(CALLERS) {
            agent.stop().await?;
        }
        anyhow::Ok(callers)
    })?;
    let (hellos, ()) = spent(collector_id, || {
        fleet.wait(together(
            callers.iter().cloned().map(|caller| raw::hellos(caller, HELLOS)),
        ))
    })?;
    let hello = each(hellos, (callers.len() * HELLOS) as f64);
    report.figure("per event, CPU", "unchanged hello", "collector", hello, "ms");
    eprintln!("unchanged hello {hello:.3} ms");

    let frames = (callers.len() * HEARTBEATS) as f64;
    let (heartbeats, ()) = finely(collector_id, || {
        fleet.wait(together(
            callers
                .iter()
                .cloned()
                .map(|caller| raw::heartbeats(caller, HEARTBEATS)),
        ))
    })?;
    let server = Echo::start(echo::SERVE)?;
    let endpoint = format!("https://127.0.0.1:{}", server.port).parse()?;
    let channels = fleet.wait(async {
        let mut channels = Vec::new();
        for _ in 0..callers.len() {
            channels.push(transport::connect(&endpoint, &server.client).await?);
        }
        anyhow::Ok(channels)
    })?;
    let (echoes, ()) = finely(server.id(), || {
        fleet.wait(together(
            channels
                .into_iter()
                .map(|channel| raw::echoed(channel, HEARTBEATS)),
        ))
    })?;
    let (beats, bare) = (frames / heartbeats, frames / echoes);
    report.figure("frames per CPU second", "heartbeats", "collector", beats, "1/s");
    report.figure(
        "frames per CPU second",
        "heartbeats",
        "tonic echo, mutual TLS",
        bare,
        "1/s",
    );
    eprintln!("heartbeats {beats:.0}, echo {bare:.0} per CPU second");

    let (small, large) = (plain.insert(100)?, plain.insert(10_000)?);
    let ours = rows / first_reports;
    report.figure(
        "rows per CPU second",
        "first reports",
        "collector, all of it",
        ours,
        "1/s",
    );
    report.figure(
        "rows per CPU second",
        "first reports",
        "plain inserts, groups of 100",
        rows / small,
        "1/s",
    );
    report.figure(
        "rows per CPU second",
        "first reports",
        "plain inserts, groups of 10,000",
        rows / large,
        "1/s",
    );
    eprintln!(
        "rows {rows}: collector {ours:.0}, plain {:.0} and {:.0} per CPU second",
        rows / small,
        rows / large
    );

    let copied = copy::measure(agents)?;
    if let Some(copied) = &copied {
        let table = "rows per CPU second, PostgreSQL";
        let all = copied.rows / (copied.collector + copied.server);
        for (what, rate) in [
            ("collector and server, all of it", all),
            ("of that the server alone", copied.rows / copied.server),
            (
                "COPY of the same rows, server and client",
                copied.rows / copied.copy,
            ),
        ] {
            report.figure(table, "first reports", what, rate, "1/s");
        }
        eprintln!(
            "PostgreSQL: {} rows, {all:.0} and COPY {:.0} per CPU second",
            copied.rows,
            copied.rows / copied.copy
        );
    } else {
        report.finding(
            "PostgreSQL beside COPY",
            "not measured: there is no server of its own here",
        );
    }

    report.budget(
        "first full report",
        Limit::AtMost(117.0 / 15.0),
        first,
        "ms",
        "CPU; PuppetDB with PostgreSQL takes 117 ms, a fifteenth is asked",
    );
    report.budget(
        "one-item delta",
        Limit::AtMost(70.0 / 300.0),
        delta,
        "ms",
        "CPU; PuppetDB takes 70 ms to be told again, a three-hundredth is asked",
    );
    report.budget(
        "unchanged hello",
        Limit::AtMost(36.0 / 200.0),
        hello,
        "ms",
        "CPU without handshake; PuppetDB takes 36 ms, a two-hundredth is asked",
    );
    report.budget(
        "heartbeats, part of tonic's bare echo",
        Limit::AtLeast(50.0),
        beats / bare * 100.0,
        "%",
        "frames per CPU second, same run",
    );
    report.budget(
        "durable rows, part of plain inserts",
        Limit::AtLeast(50.0),
        ours / (rows / small) * 100.0,
        "%",
        "rows per CPU second of everything from TLS to judging, against inserts alone; groups of 100, same run",
    );
    if let Some(copied) = copied {
        report.budget(
            "durable rows in PostgreSQL, part of COPY",
            Limit::AtLeast(50.0),
            copied.copy / (copied.collector + copied.server) * 100.0,
            "%",
            "rows per CPU second of everything from TLS to the server's disk, against COPY of the same rows alone, same run",
        );
    }
    report.save()
}

/// CPU seconds of work that takes less than the clock of processes ticks.
fn finely<T>(process: u32, work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let before = cpu_ms(process)?;
    let done = work()?;
    Ok(((cpu_ms(process)? - before) / 1e3, done))
}

async fn together<F>(work: impl Iterator<Item = F>) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut tasks: JoinSet<Result<()>> = work.collect();
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
