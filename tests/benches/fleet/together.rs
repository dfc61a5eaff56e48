//! Ingest while the dashboard is used, and the other way round: an office that changes at a steady rate and people who
//! read pages at a steady rate, each alone and both together, in turns of one run.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use deskwarden_tests::{
    bench::{Limit, Report, percentile},
    dashboard::Visitor,
    sim::{Fleet, agent::SimAgent},
};

/// PCs that change, and how often each does: together a hundred changes a second, which is what 10,000 PCs with a change
/// every minute and a half report.
const CHANGING: u32 = 50;
const EVERY: Duration = Duration::from_millis(500);
/// People who read, and how long each looks at a page: ten pages a second.
const READERS: u32 = 5;
const LOOK: Duration = Duration::from_millis(500);
/// Turns of each kind, and how long one takes.
const ROUNDS: usize = 3;
const WINDOW: Duration = Duration::from_secs(15);
const MS: f64 = 1e3;

/// Pages that people open while they review: each counts over the whole office.
const PAGES: [&str; 8] = [
    "/",
    "/findings",
    "/findings?text=Office",
    "/assets?show=flagged",
    "/assets?text=pc-00",
    "/clauses",
    "/software",
    "/api/v1/findings?limit=200",
];

/// Times of one kind of turn, in milliseconds.
#[derive(Default)]
struct Times {
    acknowledged: Vec<f64>,
    pages: Vec<f64>,
}

/// Measures both, alone and together, over the store called `name`.
pub(crate) fn measure(report: &mut Report, name: &str, fleet: &mut Fleet, visitor: &Visitor) -> Result<()> {
    let (mut changes, mut looks, mut both) = (Times::default(), Times::default(), Times::default());
    // What every page and every PC needs once is no part of it.
    turn(Some(&mut *fleet), Some(visitor), &mut Times::default())?;
    for _ in 0..ROUNDS {
        turn(Some(&mut *fleet), None, &mut changes)?;
        turn(None, Some(visitor), &mut looks)?;
        turn(Some(&mut *fleet), Some(visitor), &mut both)?;
    }
    let table = "reports and pages together";
    let mut row = |kind: &str, times: &Times| {
        let subject = format!("{name}, {kind}");
        let mut figure =
            |what: &str, value: f64, unit: &str| report.figure(table, &subject, what, value, unit);
        let seconds = WINDOW.as_secs_f64() * ROUNDS as f64;
        if !times.acknowledged.is_empty() {
            figure("changes", times.acknowledged.len() as f64 / seconds, "1/s");
            figure("acknowledged, p50", percentile(&times.acknowledged, 50), "ms");
            figure("acknowledged, p99", percentile(&times.acknowledged, 99), "ms");
        }
        if !times.pages.is_empty() {
            figure("pages", times.pages.len() as f64 / seconds, "1/s");
            figure("page, p50", percentile(&times.pages, 50), "ms");
            figure("page, p95", percentile(&times.pages, 95), "ms");
        }
    };
    row("reports alone", &changes);
    row("pages alone", &looks);
    row("both", &both);
    report.budget(
        &format!("page at the 95th percentile while reports come, {name}"),
        Limit::AtMost(100.0),
        percentile(&both.pages, 95),
        "ms",
        "the same budget as a page of a quiet collector",
    );
    report.budget(
        &format!("reports acknowledged while pages are read, {name}"),
        Limit::AtLeast(0.95),
        both.acknowledged.len() as f64 / changes.acknowledged.len() as f64,
        "times",
        "as many as without readers, of those that came at the same rate",
    );
    Ok(())
}

/// One window of reports, pages, or both.
fn turn(fleet: Option<&mut Fleet>, visitor: Option<&Visitor>, times: &mut Times) -> Result<()> {
    let end = Instant::now() + WINDOW;
    thread::scope(|scope| {
        let readers: Vec<_> = visitor
            .into_iter()
            .flat_map(|visitor| (0..READERS).map(move |number| (visitor.clone(), number)))
            .map(|(visitor, number)| scope.spawn(move || read(visitor, number, end)))
            .collect();
        match fleet {
            Some(fleet) => times.acknowledged.extend(change(fleet, end)?),
            None => thread::sleep(end.saturating_duration_since(Instant::now())),
        }
        for reader in readers {
            let read = reader
                .join()
                .map_err(|_| anyhow::anyhow!("a reader broke down"))?;
            times.pages.extend(read?);
        }
        Ok(())
    })
}

/// Reads pages until `end`; what each took, the connection included.
fn read(mut visitor: Visitor, number: u32, end: Instant) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    let mut due = Instant::now() + LOOK * number / READERS;
    for page in PAGES.iter().cycle().skip(number as usize) {
        if due >= end {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let asked = Instant::now();
        let answer = visitor.get(page)?;
        took.push(asked.elapsed().as_secs_f64() * MS);
        ensure!(answer.status == 200, "{page} answered {}", answer.status);
        due += LOOK;
    }
    Ok(took)
}

/// Some PCs change at their pace until `end`; how long each change took until it was acknowledged.
fn change(fleet: &mut Fleet, end: Instant) -> Result<Vec<f64>> {
    let waits = Arc::<Mutex<Vec<f64>>>::default();
    let taken = Arc::<AtomicU32>::default();
    let all = Arc::clone(&waits);
    fleet.each(move |agent| {
        let (all, number) = (Arc::clone(&all), taken.fetch_add(1, Ordering::Relaxed));
        async move {
            if number >= CHANGING {
                return (agent, Ok(()));
            }
            let done = keep_changing(&agent, number, end).await;
            let done = done.map(|mut took| {
                all.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .append(&mut took);
            });
            (agent, done)
        }
    })?;
    let waits = waits.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(waits.clone())
}

async fn keep_changing(agent: &SimAgent, number: u32, end: Instant) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    let mut due = Instant::now() + EVERY * number / CHANGING;
    while due < end {
        tokio::time::sleep_until(due.into()).await;
        // From when it was due: a slow answer does not hide those that had to wait for it.
        agent.mutate().await?;
        agent.settled().await?;
        took.push(due.elapsed().as_secs_f64() * MS);
        due += EVERY;
    }
    Ok(took)
}
