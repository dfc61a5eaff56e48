//! The same office over PostgreSQL: what its rows cost there, and what COPY of the very rows into the very schema costs
//! alone. CPU of every process that takes part: collector, server with all its children, and who copies.

use std::{io::Read as _, io::Write as _};

use anyhow::{Context as _, Result, ensure};
use deskwarden_store::conformance::postgres::Postgres;
use deskwarden_tests::{
    bench::processes::{cpu_of, cpu_of_family as family},
    collector::Setup,
    sim::{Fleet, Plan},
};

use super::plain;

/// Seconds of CPU for the first reports of an office, and for their rows alone.
pub(crate) struct Copied {
    /// Rows that reports wrote.
    pub(crate) rows: f64,
    /// Of the collector.
    pub(crate) collector: f64,
    /// Of the database's server meanwhile.
    pub(crate) server: f64,
    /// Of COPY of these rows: server and client.
    pub(crate) copy: f64,
}

/// Measures; `None` where PostgreSQL is to be skipped.
pub(crate) fn measure(agents: u32) -> Result<Option<Copied>> {
    let Some(place) = Postgres::start() else {
        return Ok(None);
    };
    let Some(server) = place.server() else {
        return Ok(None);
    };
    let mut collector = Setup::new()?.store(place.location()).start()?;
    let mut fleet = Fleet::enrol(Plan { agents, seed: 100 }, &collector)?;
    let id = collector.program().id();
    let (mine, theirs) = (cpu_of(id)?, family(server)?);
    fleet.start()?;
    fleet.settle()?;
    let (mine, theirs) = (cpu_of(id)? - mine, family(server)? - theirs);
    drop(fleet);
    drop(collector);
    let (rows, copy) = copy(&place, server)?;
    Ok(Some(Copied {
        rows,
        collector: mine,
        server: theirs,
        copy,
    }))
}

/// Copies what reports wrote into an empty schema; how many rows, and the CPU of it.
fn copy(from: &Postgres, server: u32) -> Result<(f64, f64)> {
    let into = Postgres::start().context("the server is gone")?;
    drop(deskwarden_store::open(into.location())?);
    let (mut source, mut target) = (from.raw(), into.raw());
    // Assets and devices name each other, and COPY fills one table after the other. No row of a report has this key.
    target.batch_execute("ALTER TABLE assets DROP CONSTRAINT assets_current_device")?;
    let mut read = |table: &str| -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let copy = format!("COPY {table} TO STDOUT (FORMAT binary)");
        source.copy_out(&copy)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let mut put = |table: &str, bytes: &[u8]| -> Result<u64> {
        let mut transaction = target.transaction()?;
        let mut writer = transaction.copy_in(&format!("COPY {table} FROM STDIN (FORMAT binary)"))?;
        writer.write_all(bytes)?;
        let rows = writer.finish()?;
        transaction.commit()?;
        Ok(rows)
    };
    for table in plain::PARENTS {
        put(table, &read(table)?)?;
    }
    let of_reports: Vec<(&str, Vec<u8>)> = plain::TABLES
        .iter()
        .map(|(table, _)| Ok((*table, read(table)?)))
        .collect::<Result<_>>()?;
    let before = family(server)? + plain::cpu()?;
    let mut rows = 0;
    for (table, bytes) in &of_reports {
        rows += put(table, bytes)?;
    }
    let spent = family(server)? + plain::cpu()? - before;
    ensure!(rows > 0, "no report wrote a row");
    Ok((rows as f64, spent))
}
