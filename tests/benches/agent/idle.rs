//! What stays while nothing happens: memory a minute after the last work, CPU over a window.

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use deskwarden_tests::{
    bench::{
        Limit, Report,
        resident::{cpu_ms, memory},
    },
    ports,
    program::Program,
};

use crate::traffic::Office;

/// After which memory counts as that of an idle program.
const SETTLE: Duration = Duration::from_secs(60);

/// Measures the agent, connected, beside its peers.
pub(super) fn run(report: &mut Report, office: &Office, folder: &Path, window_s: u64) -> Result<()> {
    report.about(&format!(
        "Idle: {} s after the last report, memory from `smaps_rollup`; then CPU of all threads from `schedstat` over
        {window_s} s, all programs at the same time. The agent is connected to a real collector over mutual TLS and watches
        this machine; zabbix-agent2 waits for a server that asks for nothing; collectd reads CPU, memory and load every ten
        seconds and keeps them.",
        SETTLE.as_secs()
    ));
    let mut zabbix = zabbix(folder)?;
    let mut collectd = collectd(folder)?;
    thread::sleep(SETTLE);
    ensure!(
        !zabbix.is_over()? && !collectd.is_over()?,
        "a peer ended:\n{}{}",
        zabbix.log(),
        collectd.log()
    );
    let table = "idle";
    let names = ["deskwarden-agent", "zabbix-agent2", "collectd"];
    let ids = [office.machine.program.id(), zabbix.id(), collectd.id()];
    let mut proportional = Vec::new();
    for (name, id) in names.iter().zip(ids) {
        let memory = memory(id)?;
        proportional.push(memory.proportional_kib / 1024.0);
        report.figure(
            table,
            name,
            "memory (PSS)",
            memory.proportional_kib / 1024.0,
            "MiB",
        );
        report.figure(
            table,
            name,
            "of it anonymous",
            memory.anonymous_kib / 1024.0,
            "MiB",
        );
    }

    let before: Vec<f64> = ids.iter().map(|id| cpu_ms(*id)).collect::<Result<_>>()?;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(window_s) {
        thread::sleep(Duration::from_secs(1).min(Duration::from_secs(window_s)));
    }
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(
        !zabbix.is_over()? && !collectd.is_over()?,
        "a peer ended:\n{}{}",
        zabbix.log(),
        collectd.log()
    );
    let mut idle = Vec::new();
    for ((name, id), before) in names.iter().zip(ids).zip(before) {
        let per_second = (cpu_ms(id)? - before) / seconds;
        idle.push(per_second);
        report.figure(table, name, "CPU", per_second * 1000.0, "µs per s");
    }
    if let ([ours, theirs, ..], [our_cpu, their_cpu, ..]) = (&*proportional, &*idle) {
        let from = "a quarter of zabbix-agent2's";
        report.budget(
            "resident, connected and idle",
            Limit::AtMost(theirs / 4.0),
            *ours,
            "MiB",
            from,
        );
        let from = format!("zabbix-agent2 over the same {window_s} s");
        report.budget(
            "idle CPU",
            Limit::AtMost(their_cpu * 1000.0),
            our_cpu * 1000.0,
            "µs per s",
            &from,
        );
    }
    zabbix.stop()?;
    collectd.stop()?;
    Ok(())
}

fn zabbix(folder: &Path) -> Result<Program> {
    let file = folder.join("zabbix_agent2.conf");
    let place = folder.display();
    fs::write(
        &file,
        format!(
            "LogType=console\nPidFile={place}/zabbix.pid\nServer=127.0.0.1\nListenIP=127.0.0.1\nListenPort=0\n\
             Hostname=bench\nControlSocket={place}/zabbix.sock\nPluginSocket={place}/zabbix-plugin.sock\n"
        )
        .replace("ListenPort=0", &format!("ListenPort={}", ports::free()?)),
    )?;
    Program::start(
        "zabbix_agent2",
        Command::new("/usr/sbin/zabbix_agent2")
            .arg("--foreground")
            .arg("--config")
            .arg(&file),
    )
}

fn collectd(folder: &Path) -> Result<Program> {
    let file = folder.join("collectd.conf");
    let place = folder.display();
    fs::write(
        &file,
        format!(
            "Hostname \"bench\"\nFQDNLookup false\nBaseDir \"{place}\"\nPIDFile \"{place}/collectd.pid\"\nInterval 10\n\
             LoadPlugin cpu\nLoadPlugin memory\nLoadPlugin load\n"
        ),
    )?;
    Program::start(
        "collectd",
        Command::new("/usr/sbin/collectd").arg("-f").arg("-C").arg(&file),
    )
}
