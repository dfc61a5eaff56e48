//! The collector, with the same PCs and as many senders.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use deskwarden_store::conformance::postgres::Postgres;
use deskwarden_tests::{
    bench::{
        processes::{cpu_of, cpu_of_family},
        resident::{memory, memory_of_family},
    },
    collector::Setup,
    sim::{
        Fleet, Oracle, Plan, SimAgent,
        device::{Caller, Device},
    },
};
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use crate::peer::{CHANGES, Costs, SEED, SENDERS};

/// A hello costs little: more of them, so that the kernel's ticks do not matter.
const HELLOS: usize = 42;
/// Fewer of them than a device may say in one go before it is read more slowly, and how long it rests then.
const GO: usize = 3;
const REST: Duration = Duration::from_millis(600);

/// The whole course. Everything that was told is compared with the store, item by item.
pub(crate) fn measure(place: Option<Postgres>, count: u32) -> Result<Costs> {
    let setup = Setup::new()?;
    let mut collector = match &place {
        Some(place) => setup.store(place.location()).start()?,
        None => setup.start()?,
    };
    let process = collector.program().id();
    let database = match &place {
        Some(place) => Some(place.server().context("a server of its own")?),
        None => None,
    };
    let cpu = || anyhow::Ok(cpu_of(process)? + database.map_or(Ok(0.0), cpu_of_family)?);
    let mut fleet = Fleet::enrol(
        Plan {
            agents: count,
            seed: SEED,
        },
        &collector,
    )?;

    let begun = cpu()?;
    let whole = fleet.place().clone();
    few(&mut fleet, move |mut agent| {
        let place = whole.clone();
        async move {
            let done = async {
                agent.start(&place).await?;
                agent.settled().await
            };
            let done = done.await;
            (agent, done)
        }
    })?;
    let reported = cpu()?;
    few(&mut fleet, |agent| async move {
        let done = async {
            for _ in 0..CHANGES {
                agent.mutate().await?;
                agent.settled().await?;
            }
            anyhow::Ok(())
        };
        let done = done.await;
        (agent, done)
    })?;
    let changed = cpu()?;
    let server = memory(process)?.proportional_kib / 1024.0;
    let oracle = match &place {
        Some(place) => Oracle::at(place.location())?,
        None => Oracle::on(&collector.data())?,
    };
    oracle.agrees(&fleet)?;

    let callers = callers(&mut fleet)?;
    let calm = cpu()?;
    fleet.wait(hellos(callers))?;
    let greeted = cpu()?;
    let each = |seconds: f64, times: usize| seconds * 1e3 / (f64::from(count) * times as f64);
    let memory_of_database = database.map(|id| anyhow::Ok(memory_of_family(id)? / 1024.0));
    Ok(Costs {
        first: each(reported - begun, 1),
        changed: each(changed - reported, CHANGES),
        unchanged: each(greeted - calm, HELLOS),
        server,
        database: memory_of_database.transpose()?,
    })
}

/// Every agent does something, as many at a time as every store has senders.
fn few<F, W>(fleet: &mut Fleet, what: F) -> Result<()>
where
    F: Fn(SimAgent) -> W,
    W: Future<Output = (SimAgent, Result<()>)> + Send + 'static,
{
    let gate = Arc::new(Semaphore::new(SENDERS));
    fleet.each(|agent| {
        let (work, gate) = (what(agent), Arc::clone(&gate));
        async move {
            let _turn = gate.acquire_owned().await;
            work.await
        }
    })
}

/// Every device on a connection, without its agent.
fn callers(fleet: &mut Fleet) -> Result<Vec<Caller>> {
    let place = fleet.place().clone();
    let mut agents: Vec<_> = fleet.agents.drain(..).collect();
    fleet.wait(async {
        let mut devices = Vec::new();
        for agent in &mut agents {
            devices.push(Device::take_over(agent, &place).await?);
        }
        // Each says hello at once: who connects and says nothing in the time of a handshake is sent away.
        let connecting = devices.into_iter().map(|device| async move {
            let caller = device.call().await?;
            greet(&caller).await?;
            anyhow::Ok(caller)
        });
        let mut connecting: JoinSet<Result<Caller>> = connecting.collect();
        let mut callers = Vec::new();
        while let Some(caller) = connecting.join_next().await {
            callers.push(caller??);
        }
        Ok(callers)
    })
}

/// Says hello, is welcomed and hangs up.
async fn greet(caller: &Caller) -> Result<()> {
    let (frames, mut replies) = caller.welcomed().await?;
    drop(frames);
    while replies.message().await?.is_some() {}
    Ok(())
}

/// Each does so again and again.
async fn hellos(callers: Vec<Caller>) -> Result<()> {
    let gate = Arc::new(Semaphore::new(SENDERS));
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    for caller in callers {
        let gate = Arc::clone(&gate);
        tasks.spawn(async move {
            for _ in 0..HELLOS / GO {
                let turn = Arc::clone(&gate).acquire_owned().await?;
                for _ in 0..GO {
                    greet(&caller).await?;
                }
                drop(turn);
                sleep(REST).await;
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
