//! What the agent takes from a PC, beside programs that people install for the same purpose: CPU and memory of whole
//! programs in interleaved rounds, what stays in memory while nothing happens, bytes on the wire, and what each found.
//!
//! `--rounds N` (5), `--window SECONDS` (660) and `--day SECONDS` (600 are a whole one) for a quick look.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench talks to a person"
)]

#[path = "agent/day.rs"]
mod day;
#[path = "agent/idle.rs"]
mod idle;
#[path = "agent/scans.rs"]
mod scans;
#[path = "agent/traffic.rs"]
mod traffic;

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use deskwarden_tests::{
    bench::{Limit, Report, page, serve_cost},
    program,
};

/// Options of a run.
struct Options {
    rounds: usize,
    window_s: u64,
    day_s: u64,
}

fn main() -> Result<()> {
    if serve_cost()? {
        return Ok(());
    }
    let options = options()?;
    ensure!(
        rustix::process::geteuid().is_root(),
        "the peers read firmware and disks as root: run this as root, so that all look at the same"
    );
    let mut report = Report::new("agent", "What the agent takes from a PC")?;
    let folder = tempfile::tempdir()?;
    let scans = scans::run(&mut report, folder.path(), options.rounds)?;
    binary(&mut report)?;
    let office = traffic::run(&mut report, &scans)?;
    idle::run(&mut report, &office, folder.path(), options.window_s)?;
    let greeting = office.greeting;
    drop(office);
    day::run(&mut report, options.day_s, greeting)?;
    report.save()?;
    println!("{}", page::part(&report));
    Ok(())
}

fn options() -> Result<Options> {
    let mut options = Options {
        rounds: 5,
        window_s: 660,
        day_s: 600,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || -> Result<u64> {
            let value = arguments
                .next()
                .with_context(|| format!("{argument} needs a number"))?;
            Ok(value.parse()?)
        };
        match argument.as_str() {
            "--rounds" => options.rounds = usize::try_from(number()?)?.max(1),
            "--window" => options.window_s = number()?.max(10),
            "--day" => options.day_s = number()?.max(10),
            _ => {}
        }
    }
    Ok(options)
}

/// The programs as they are installed.
fn binary(report: &mut Report) -> Result<()> {
    let size = |path: &Path| -> Result<f64> { Ok(fs::metadata(path)?.len() as f64 / 1e6) };
    let ours = size(&program::product("deskwarden-agent")?)?;
    let theirs = size(Path::new("/usr/sbin/zabbix_agent2"))?;
    let table = "binary";
    report.figure(table, "deskwarden-agent", "size", ours, "MB");
    report.figure(table, "zabbix-agent2", "size", theirs, "MB");
    report.budget(
        "binary, stripped",
        Limit::AtMost(theirs / 3.0),
        ours,
        "MB",
        "a third of zabbix-agent2's",
    );
    Ok(())
}
