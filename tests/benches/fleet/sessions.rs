//! Many sessions that say nothing: all devices of a group connect at once to a collector that just started, and stay.

use std::{fs, sync::Arc, thread, time::Duration};

use anyhow::{Context as _, Result};
use deskwarden_tests::{
    bench::{
        Limit, Report,
        processes::spent,
        resident::{cpu_ms, memory},
    },
    collector::Setup,
    sim::{
        Fleet, Plan,
        device::{Device, Halves},
    },
    wait::{PATIENCE, eventually},
};
use tokio::{
    net::TcpStream,
    runtime::{Builder, Runtime},
    sync::Semaphore,
    task::JoinSet,
    time::sleep,
};
use tokio_rustls::client::TlsStream;

use super::{bare, echo::Echo};

/// Devices that report in one go, before they are only sessions.
const SLICE: u32 = 500;
/// Connections that are being made at a time; a listener's queue is not longer than that.
const TOGETHER: usize = 256;
/// How often a device comes again before the bench gives up.
const TRIES: usize = 50;
/// How long nothing happens.
const QUIET: Duration = Duration::from_secs(60);

/// Measures so many sessions.
pub(crate) fn measure(report: &mut Report, count: u32) -> Result<()> {
    let most = format!("[agents]\nconnections_per_address = {}\n", count + SLICE);
    let mut collector = Setup::new()?.tables(&most).start()?;
    let mut devices = Vec::new();
    let mut seed = 400;
    while devices.len() < count as usize {
        let left = count - u32::try_from(devices.len())?;
        let agents = left.min(SLICE);
        seed += 1;
        let mut fleet = Fleet::enrol(Plan { agents, seed }, &collector)?;
        fleet.start()?;
        fleet.settle()?;
        let place = fleet.place().clone();
        let mut agents: Vec<_> = fleet.agents.drain(..).collect();
        devices.extend(fleet.wait(async {
            let mut taken = Vec::new();
            for agent in &mut agents {
                taken.push(Device::take_over(agent, &place).await?);
            }
            anyhow::Ok(taken)
        })?);
        eprintln!("{} devices have reported", devices.len());
    }
    collector.restart()?;
    let process = collector.program().id();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let before = memory(process)?;
    let (storm, (sessions, refused)) = spent(process, || connected(&runtime, &devices))?;
    let during = memory(process)?;
    let start = cpu_ms(process)?;
    thread::sleep(QUIET);
    let after = cpu_ms(process)?;
    let quiet = memory(process)?;
    thread::sleep(QUIET);
    let (after, idle) = (after - start, cpu_ms(process)? - after);

    // As many sockets again would be more than a process may have.
    drop(sessions);
    closed(devices.len())?;
    let acceptor = Arc::new(Echo::start(bare::SERVE)?);
    let (bare, streams) = spent(acceptor.id(), || handshakes(&runtime, &acceptor, devices.len()))?;
    drop(streams);

    let count = f64::from(count);
    let table = "sessions that say nothing";
    let name = format!("{count:.0} at once");
    let mut figure = |what: &str, value: f64, unit: &str| report.figure(table, &name, what, value, unit);
    let each = (during.anonymous_kib - before.anonymous_kib) / count;
    figure("memory per session", each, "KiB");
    let idles = (quiet.anonymous_kib - before.anonymous_kib) / count;
    figure("after a minute", idles, "KiB");
    figure("memory of the collector", quiet.proportional_kib / 1024.0, "MiB");
    figure("sent away and came again", refused as f64, "");
    figure("CPU per connection", storm * 1e3 / count, "ms");
    figure("CPU of a bare handshake", bare * 1e3 / count, "ms");
    figure("CPU of the minute after, per connection", after / count, "ms");
    figure(
        "CPU of 1,000 sessions",
        idle / QUIET.as_secs_f64() / count * 1e6,
        "µs per s",
    );
    eprintln!(
        "{count} sessions: {each:.1} KiB each, {idles:.1} after a minute, {:.2} of bare handshakes",
        storm / bare
    );
    report.budget(
        "an idle session",
        Limit::AtMost(32.0),
        idles,
        "KiB",
        "memory of the collector that no file backs, a minute after all of them came",
    );
    report.budget(
        "all come at once, CPU beside bare handshakes",
        Limit::AtMost(4.0),
        storm / bare,
        "times",
        "connection, hello, welcome, against handshakes with mutual TLS alone, as many at a time; same run",
    );
    Ok(())
}

/// Waits until most of so many sockets of this process are closed.
fn closed(sockets: usize) -> Result<()> {
    eventually("the sessions to be closed", PATIENCE, || {
        let open = fs::read_dir("/proc/self/fd")?.count();
        Ok((open < sockets / 2 + 100).then_some(()))
    })
}

/// So many handshakes, as many at a time as devices connect.
fn handshakes(runtime: &Runtime, acceptor: &Arc<Echo>, count: usize) -> Result<Vec<TlsStream<TcpStream>>> {
    let gate = Arc::new(Semaphore::new(TOGETHER));
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            let (acceptor, gate) = (Arc::clone(acceptor), Arc::clone(&gate));
            tasks.spawn(async move {
                let _turn = gate.acquire_owned().await?;
                bare::connect(&acceptor).await
            });
        }
        let mut streams = Vec::new();
        while let Some(done) = tasks.join_next().await {
            streams.push(done??);
        }
        anyhow::Ok(streams)
    })
}

/// Connects every device; none is left out. Who is sent away comes again, as an agent does; how often that was is told.
fn connected(runtime: &Runtime, devices: &[Device]) -> Result<(Vec<Halves>, usize)> {
    let gate = Arc::new(Semaphore::new(TOGETHER));
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for device in devices {
            let (device, gate) = (device.clone(), Arc::clone(&gate));
            tasks.spawn(async move {
                let mut refused = 0;
                loop {
                    let turn = Arc::clone(&gate).acquire_owned().await?;
                    let session = async { device.clone().call().await?.welcomed().await };
                    match session.await {
                        Ok(session) => return anyhow::Ok((session, refused)),
                        Err(error) if refused == TRIES => return Err(error),
                        Err(_) => refused += 1,
                    }
                    drop(turn);
                    sleep(Duration::from_millis(fastrand::u64(100..1_000))).await;
                }
            });
        }
        let (mut sessions, mut refused) = (Vec::new(), 0);
        while let Some(done) = tasks.join_next().await {
            let (session, times) = done?.context("a session was refused for good")?;
            sessions.push(session);
            refused += times;
        }
        anyhow::Ok((sessions, refused))
    })
}
