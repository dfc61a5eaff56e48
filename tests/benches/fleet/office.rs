//! One office on one kind of store: it enrols at once, reports at once, changes, and comes back at once.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, Result};
use deskwarden_agent::endpoint::Endpoint;
use deskwarden_tests::{
    bench::{
        Report, percentile,
        processes::{cpu_of, cpu_of_family},
        resident::memory,
    },
    collector::Collector,
    sim::{Fleet, Plan, agent::Place},
};

/// Changes of each PC.
const DELTAS: usize = 10;
const MS: f64 = 1e3;

pub(crate) struct Office<'a> {
    /// Store and collectors, as a person reads it.
    pub(crate) name: &'a str,
    /// How many PCs.
    pub(crate) agents: u32,
    /// The process of PostgreSQL.
    pub(crate) server: Option<u32>,
}

impl Office<'_> {
    /// Runs the day of an office; agents and collectors still run afterwards, and everything is acknowledged.
    pub(crate) fn run(
        &self,
        report: &mut Report,
        mut collectors: Vec<Collector>,
    ) -> Result<(Vec<Collector>, Fleet)> {
        let agents = f64::from(self.agents);
        let processes: Vec<u32> = collectors.iter_mut().map(|one| one.program().id()).collect();
        let begun = self.cpu(&processes)?;
        let before = anonymous(&processes)?;
        let plan = Plan {
            agents: self.agents,
            seed: 300,
        };
        let mut fleet = Fleet::enrol(plan, collectors.first().context("a collector")?)?;
        let enrolled = self.cpu(&processes)?;
        let places = places(&fleet, &collectors)?;

        let clock = Instant::now();
        start(&mut fleet, &places)?;
        fleet.settle()?;
        let first = clock.elapsed().as_secs_f64();
        let reported = self.cpu(&processes)?;
        let after = anonymous(&processes)?;

        let clock = Instant::now();
        let waits = changes(&mut fleet)?;
        let changing = clock.elapsed().as_secs_f64();
        let changed = self.cpu(&processes)?;

        fleet.lose()?;
        let lost = self.cpu(&processes)?;
        let clock = Instant::now();
        start(&mut fleet, &places)?;
        fleet.settle()?;
        let back = clock.elapsed().as_secs_f64();
        let returned = self.cpu(&processes)?;

        let mut figure = |table: &str, what: &str, value: f64, unit: &str| {
            report.figure(table, self.name, what, value, unit);
        };
        let each = |from: f64, to: f64, count: f64| (to - from) * MS / count;
        let deltas = agents * DELTAS as f64;
        let table = "a fleet, CPU per event";
        figure(table, "enrolment", each(begun, enrolled, agents), "ms");
        figure(table, "first report", each(enrolled, reported, agents), "ms");
        figure(table, "one-item delta", each(reported, changed, deltas), "ms");
        figure(table, "coming back", each(lost, returned, agents), "ms");
        let table = "a fleet, all at once on this machine";
        figure(table, "first reports", agents / first, "1/s");
        figure(table, "deltas", deltas / changing, "1/s");
        figure(table, "returns", agents / back, "1/s");
        figure(table, "acknowledged, p50", percentile(&waits, 50), "ms");
        figure(table, "acknowledged, p99", percentile(&waits, 99), "ms");
        let table = "a fleet, memory of the collectors";
        let mib = |kib: f64| kib / 1024.0;
        figure(table, "at the start", mib(before), "MiB");
        figure(
            table,
            "per 1,000 devices",
            mib(after - before) / agents * 1e3,
            "MiB",
        );
        eprintln!(
            "{}: {:.0} deltas/s, acknowledged p50 {:.1} ms, p99 {:.1} ms",
            self.name,
            deltas / changing,
            percentile(&waits, 50),
            percentile(&waits, 99)
        );
        Ok((collectors, fleet))
    }

    /// CPU of everything on the collectors' side so far, in seconds.
    fn cpu(&self, collectors: &[u32]) -> Result<f64> {
        let mut sum = self.server.map_or(Ok(0.0), cpu_of_family)?;
        for process in collectors {
            sum += cpu_of(*process)?;
        }
        Ok(sum)
    }
}

/// A place per collector: where an agent goes first, and where else.
fn places(fleet: &Fleet, collectors: &[Collector]) -> Result<Vec<Place>> {
    let endpoints: Vec<Endpoint> = collectors
        .iter()
        .map(|collector| collector.agents()?.parse().context("the agents' port"))
        .collect::<Result<_>>()?;
    let others = |at: usize| {
        endpoints
            .iter()
            .enumerate()
            .filter(move |(other, _)| *other != at)
    };
    Ok((0..endpoints.len())
        .map(|at| Place {
            endpoint: endpoints[at].clone(),
            also: others(at).map(|(_, endpoint)| endpoint.clone()).collect(),
            pin: fleet.place().pin,
        })
        .collect())
}

/// Starts every agent, spread over the places.
fn start(fleet: &mut Fleet, places: &[Place]) -> Result<()> {
    let turn = AtomicUsize::new(0);
    fleet.each(move |mut agent| {
        let place = places[turn.fetch_add(1, Ordering::Relaxed) % places.len()].clone();
        async move {
            let done = agent.start(&place).await;
            (agent, done)
        }
    })
}

/// Every PC changes, one change after the other; how long each took until it was acknowledged, in milliseconds.
fn changes(fleet: &mut Fleet) -> Result<Vec<f64>> {
    let waits = Arc::<Mutex<Vec<f64>>>::default();
    let all = Arc::clone(&waits);
    fleet.each(move |agent| {
        let all = Arc::clone(&all);
        async move {
            for _ in 0..DELTAS {
                let begun = Instant::now();
                let done = async {
                    agent.mutate().await?;
                    agent.settled().await
                };
                if let Err(error) = done.await {
                    return (agent, Err(error));
                }
                let took = begun.elapsed().as_secs_f64() * MS;
                all.lock().unwrap_or_else(PoisonError::into_inner).push(took);
            }
            (agent, Ok(()))
        }
    })?;
    let waits = waits.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(waits.clone())
}

fn anonymous(processes: &[u32]) -> Result<f64> {
    let each = processes
        .iter()
        .map(|process| Ok(memory(*process)?.anonymous_kib));
    each.sum()
}
