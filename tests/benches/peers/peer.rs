//! What every peer is put through: the same PCs, the same reports in the same order, and the question what it has of
//! them afterwards.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{Result, ensure};
use deskwarden_proto::v1::facet::Kind;
use deskwarden_tests::{
    bench::{Report, processes::cpu_of_family, resident::memory_of_family},
    sim::pc::{SOURCES, SimPc},
};

use crate::post::together;

/// Senders at a time, to every store that bears them.
pub(crate) const SENDERS: usize = 4;
/// Other PCs that report before anything is measured.
pub(crate) const WARM: u32 = 60;
/// Reports of each PC without a change.
pub(crate) const REPEATS: usize = 2;
/// Changes of each PC.
pub(crate) const CHANGES: usize = 2;
/// What decides what the PCs are.
pub(crate) const SEED: u64 = 700;
/// The same for those that only warm up.
const SEED_WARM: u64 = 701;
/// Their numbers begin here, so that no name is one of a measured PC.
const NUMBERS_WARM: u32 = 50_000;

/// What a report says of how it came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    First,
    Unchanged,
    Changed,
}

/// A title and its version.
pub(crate) type Titles = BTreeSet<(String, String)>;

/// A store of inventories that runs.
pub(crate) trait Peer: Sync {
    /// Reports a PC and waits until the report is stored.
    fn send(&self, pc: &SimPc, when: When) -> Result<()>;
    /// What is stored of a PC.
    fn titles(&self, pc: &SimPc) -> Result<Titles>;
    /// How many reports at a time it takes without losing any.
    fn senders(&self) -> usize {
        SENDERS
    }
    /// Its server and its database.
    fn processes(&self) -> [u32; 2];
    /// Fails when it wrote of errors that it hid from its senders.
    fn is_sound(&self) -> Result<()>;
}

/// What reports cost, in milliseconds of CPU each; and memory in MiB.
pub(crate) struct Costs {
    pub(crate) first: f64,
    pub(crate) unchanged: f64,
    pub(crate) changed: f64,
    pub(crate) server: f64,
    /// `None` where the database is a part of the server.
    pub(crate) database: Option<f64>,
}

impl Costs {
    /// Into the report.
    pub(crate) fn tell(self, report: &mut Report, name: &str) -> Self {
        let table = "a report, CPU of server and database";
        report.figure(table, name, "first", self.first, "ms");
        report.figure(table, name, "unchanged", self.unchanged, "ms");
        report.figure(table, name, "one item changed", self.changed, "ms");
        let table = "memory after that (PSS)";
        report.figure(table, name, "server", self.server, "MiB");
        if let Some(database) = self.database {
            report.figure(table, name, "database", database, "MiB");
        }
        let both = self.server + self.database.unwrap_or_default();
        report.figure(table, name, "both", both, "MiB");
        eprintln!(
            "{name}: first {:.2} ms, unchanged {:.3} ms, one change {:.3} ms, {both:.0} MiB",
            self.first, self.unchanged, self.changed
        );
        self
    }
}

/// The whole course.
pub(crate) fn measure(peer: &impl Peer, count: u32) -> Result<Costs> {
    let (pcs, first) = begin(peer, count)?;
    let each = |seconds: f64, times: usize| seconds * 1e3 / (f64::from(count) * times as f64);
    let unchanged = spent(peer, || {
        for _ in 0..REPEATS {
            together(&pcs, peer.senders(), |pc| peer.send(pc, When::Unchanged))?;
        }
        Ok(())
    })?;
    let changed = spent(peer, || {
        for _ in 0..CHANGES {
            together(&pcs, peer.senders(), |pc| {
                pc.mutate();
                peer.send(pc, When::Changed)
            })?;
        }
        Ok(())
    })?;
    complete(peer, &pcs)?;
    let [server, database] = peer.processes();
    Ok(Costs {
        first,
        unchanged: each(unchanged, REPEATS),
        changed: each(changed, CHANGES),
        server: memory_of_family(server)? / 1024.0,
        database: Some(memory_of_family(database)? / 1024.0),
    })
}

/// Only what first reports cost. What the peer wrote of errors is its own affair here.
pub(crate) fn first_reports(peer: &impl Peer, count: u32) -> Result<f64> {
    let (pcs, first) = reported(peer, count)?;
    has_all(peer, &pcs)?;
    Ok(first)
}

fn begin(peer: &impl Peer, count: u32) -> Result<(Vec<Arc<SimPc>>, f64)> {
    let (pcs, first) = reported(peer, count)?;
    complete(peer, &pcs)?;
    Ok((pcs, first))
}

fn reported(peer: &impl Peer, count: u32) -> Result<(Vec<Arc<SimPc>>, f64)> {
    let others: Vec<_> = (0..WARM.min(count))
        .map(|number| SimPc::new(SEED_WARM, NUMBERS_WARM + number))
        .collect();
    for when in [When::First, When::Unchanged, When::Changed] {
        together(&others, peer.senders(), |pc| peer.send(pc, when))?;
    }
    let pcs: Vec<_> = (0..count).map(|number| SimPc::new(SEED, number)).collect();
    let first = spent(peer, || {
        together(&pcs, peer.senders(), |pc| peer.send(pc, When::First))
    })?;
    Ok((pcs, first * 1e3 / f64::from(count)))
}

/// Every title of every PC is there, and no error was hidden.
fn complete(peer: &impl Peer, pcs: &[Arc<SimPc>]) -> Result<()> {
    has_all(peer, pcs)?;
    peer.is_sound()
}

fn has_all(peer: &impl Peer, pcs: &[Arc<SimPc>]) -> Result<()> {
    for pc in pcs {
        let (known, stored) = (titles(pc), peer.titles(pc)?);
        let missing: Vec<_> = known.difference(&stored).take(3).collect();
        ensure!(
            missing.is_empty() && stored.len() == known.len(),
            "{} has {} titles, {} are stored; missing: {missing:?}",
            pc.name(),
            known.len(),
            stored.len()
        );
    }
    Ok(())
}

/// What is installed on a PC.
pub(crate) fn titles(pc: &SimPc) -> Titles {
    let facts = SOURCES.into_iter().flat_map(|id| pc.facts(id));
    facts
        .filter_map(|fact| match fact.facet.kind {
            Some(Kind::Software(software)) => Some((software.package, software.version)),
            _ => None,
        })
        .collect()
}

fn spent(peer: &impl Peer, work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let cpu = || -> Result<f64> { peer.processes().into_iter().map(cpu_of_family).sum() };
    let before = cpu()?;
    work()?;
    Ok(cpu()? - before)
}
