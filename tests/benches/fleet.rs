//! A fleet: how many sessions a collector holds and at what cost, how fast changes of many PCs become durable, and what
//! it costs when all come at once. Over SQLite and PostgreSQL, one collector and two; beside plain inserts of the same
//! rows and bare TLS handshakes of the same run.
#![expect(clippy::print_stderr, reason = "a bench talks to a person")]

#[path = "fleet/bare.rs"]
mod bare;
#[path = "ingest/echo.rs"]
mod echo;
#[path = "fleet/office.rs"]
mod office;
#[path = "ingest/plain.rs"]
mod plain;
#[path = "fleet/sessions.rs"]
mod sessions;
#[path = "fleet/together.rs"]
mod together;

use std::{env, path::Path};

use anyhow::{Context as _, Result};
use deskwarden_store::conformance::postgres::Postgres;
use deskwarden_tests::{bench::Report, collector::Setup, sim::Oracle};

use office::Office;
use plain::Plain;

/// PCs with a real agent each.
const AGENTS: u32 = 1_000;
/// Devices that are connected at once, all from one address.
const SESSIONS: u32 = 10_000;

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1).filter(|argument| argument != "--bench");
    let first = arguments.next();
    if let Some(serve) = first.as_deref().filter(|first| first.starts_with("--serve")) {
        let folder = arguments.next().context("no folder")?;
        return match serve {
            echo::SERVE => echo::serve(Path::new(&folder)),
            _ => bare::serve(Path::new(&folder)),
        };
    }
    let number = |text: Option<String>, default| text.and_then(|text| text.parse().ok()).unwrap_or(default);
    let (agents, connected) = (number(first, AGENTS), number(arguments.next(), SESSIONS));
    let mut report = Report::new("fleet", "What a fleet costs its collectors")?;
    report.about(&format!(
        "{agents} simulated PCs (the agent's real code, some 350 titles each, drawn so that they overlap as images of each
        other do) enrol, report, and change over mutual TLS, all at once; 64 of them change at a time, and each waits for the
        acknowledgement, which comes after the commit. Agents and collectors share this machine, so times are those of a busy
        one. CPU is that of the collectors and, with PostgreSQL, of the server with all its children. Afterwards the oracle
        compares every item. Before that the office changes at a steady hundred times a second while five people read ten pages a
        second that count over all of it, each alone and both together, in three rounds of 15 s. Then {connected} devices that have reported connect at once to a collector that just started,
        and stay: all from one address, for which `agents.connections_per_address` is raised."
    ));
    report.about(
        "The raw limits: plain inserts of the same rows into the same schema, 100 in a transaction; and as many
        handshakes with mutual TLS at a time with a process that does nothing but accept them (rustls).",
    );

    let collector = Setup::new()?.start()?;
    let visitor = collector.administrator()?;
    let office = Office {
        name: "SQLite, 1 collector",
        agents,
        server: None,
    };
    let (collectors, mut fleet) = office.run(&mut report, vec![collector])?;
    together::measure(&mut report, office.name, &mut fleet, &visitor)?;
    let data = collectors.first().context("a collector")?.data();
    Oracle::on(&data)?.agrees(&fleet)?;
    let plain = Plain::read(&data.join("deskwarden.db"))?;
    drop((fleet, collectors));
    let rows = plain.count() as f64;
    report.figure(
        "a fleet, raw limits",
        "plain inserts, SQLite",
        "rows per CPU second",
        rows / plain.insert(100)?,
        "1/s",
    );
    report.figure(
        "a fleet, raw limits",
        "plain inserts, SQLite",
        "rows per device",
        rows / f64::from(agents),
        "",
    );
    drop(plain);

    for (name, count) in [("PostgreSQL, 1 collector", 1), ("PostgreSQL, 2 collectors", 2)] {
        let Some(place) = Postgres::start() else {
            report.finding(name, "not measured: there is no PostgreSQL here");
            continue;
        };
        let mut collectors = vec![Setup::new()?.store(place.location()).start()?];
        for _ in 1..count {
            let next = Setup::new()?.beside(&collectors[0])?.start()?;
            collectors.push(next);
        }
        let visitor = collectors[0].administrator()?;
        let office = Office {
            name,
            agents,
            server: place.server(),
        };
        let (_collectors, mut fleet) = office.run(&mut report, collectors)?;
        if count == 1 {
            together::measure(&mut report, name, &mut fleet, &visitor)?;
        }
        Oracle::at(place.location())?.agrees(&fleet)?;
    }

    sessions::measure(&mut report, connected)?;
    report.save()
}
