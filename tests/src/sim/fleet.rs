//! Many simulated agents on one runtime, driven together: enrolled with one batch token, changed by a seed, ended and
//! started in any order. Calls block: a test reads from top to bottom.

use std::{
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, ensure};
use deskwarden_proto::ids::DeviceId;
use tempfile::TempDir;
use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

use super::{
    agent::{Place, SimAgent},
    line::Line,
    pc::SimPc,
};
use crate::{collector::Collector, dashboard::text};

/// Threads of all agents together. Some of them wait for disks.
const THREADS: usize = 8;
/// Agents that do the same thing at a time; more only wait for each other.
const TOGETHER: usize = 64;
/// How long a fleet may take for one step. Generous: a loaded machine is slow, not wrong.
const PATIENCE: Duration = Duration::from_secs(170);

/// What fleet to make.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many PCs.
    pub agents: u32,
    /// What decides everything about them.
    pub seed: u64,
}

/// An acknowledgement that an agent heard.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// Unix time in seconds; the collector had promised before.
    pub at: f64,
    /// To whom.
    pub device: DeviceId,
    /// Up to which sequence.
    pub sequence: u64,
}

/// The agents of an office.
#[derive(Debug)]
pub struct Fleet {
    /// In the order of their PCs' numbers.
    pub agents: Vec<SimAgent>,
    place: Place,
    runtime: Runtime,
    _folder: TempDir,
}

impl Fleet {
    /// Enrols all agents; none is started.
    ///
    /// # Errors
    /// When one is refused.
    pub fn enrol(plan: Plan, collector: &Collector) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("deskwarden-fleet-")
            .tempdir_in(memory())?;
        let uses = plan.agents.max(1).to_string();
        let made = collector.cli(&["token", "create", "--uses", &uses, "--valid", "1h"])?;
        let token = text(&made, "token")?.to_owned();
        let place = Place {
            endpoint: collector.agents()?.parse().context("the agents' port")?,
            also: Vec::new(),
            pin: collector.pin()?.parse().context("the pin")?,
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_stack_size(1 << 20)
            .enable_all()
            .build()?;
        let mut fleet = Self {
            agents: Vec::new(),
            place: place.clone(),
            runtime,
            _folder: folder,
        };
        let gate = Arc::new(Semaphore::new(TOGETHER));
        let root = fleet._folder.path().to_owned();
        fleet.agents = fleet.runtime.block_on(async move {
            let mut tasks = JoinSet::new();
            for number in 0..plan.agents {
                let (place, token, gate) = (place.clone(), token.clone(), Arc::clone(&gate));
                let folder: PathBuf = root.join(number.to_string());
                tasks.spawn(async move {
                    let _turn = gate.acquire_owned().await?;
                    let pc = SimPc::new(plan.seed, number);
                    SimAgent::enrol(pc, folder, &place, &token).await
                });
            }
            let mut agents = Vec::new();
            while let Some(agent) = tasks.join_next().await {
                agents.push(agent??);
            }
            agents.sort_by_key(|agent| agent.pc.name());
            anyhow::Ok(agents)
        })?;
        Ok(fleet)
    }

    /// Starts every agent.
    ///
    /// # Errors
    /// When one cannot use what it left.
    pub fn start(&mut self) -> Result<()> {
        let place = self.place.clone();
        self.each(move |mut agent| {
            let place = place.clone();
            async move {
                let done = agent.start(&place).await;
                (agent, done)
            }
        })
    }

    /// Every PC changes `times` times; each agent has seen it all when this returns.
    ///
    /// # Errors
    /// When an agent ended.
    pub fn mutate(&mut self, times: usize) -> Result<()> {
        self.each(move |agent| async move {
            for _ in 0..times {
                if let Err(error) = agent.mutate().await {
                    return (agent, Err(error));
                }
            }
            (agent, Ok(()))
        })
    }

    /// Returns when every agent's reports are acknowledged.
    ///
    /// # Errors
    /// When that does not happen; with who waits for what.
    pub fn settle(&mut self) -> Result<()> {
        let all = async {
            for agent in &self.agents {
                agent.settled().await?;
            }
            anyhow::Ok(())
        };
        let settled = self.runtime.block_on(async { timeout(PATIENCE, all).await });
        settled.unwrap_or_else(|_| {
            let open: Vec<String> = self
                .agents
                .iter()
                .filter(|agent| agent.progress().acknowledged != agent.progress().enqueued)
                .map(|agent| format!("{}: {:?}", agent.pc.name(), agent.progress()))
                .collect();
            Err(anyhow::anyhow!(
                "{} agents are not acknowledged: {:?}",
                open.len(),
                open.first()
            ))
        })
    }

    /// Whether every agent's reports are acknowledged now.
    pub fn is_settled(&self) -> bool {
        self.agents.iter().all(|agent| {
            let progress = agent.progress();
            progress.acknowledged == progress.enqueued
        })
    }

    /// Every agent says goodbye and ends.
    ///
    /// # Errors
    /// When a session had failed for good.
    pub fn stop(&mut self) -> Result<()> {
        self.each(|mut agent| async move {
            let done = agent.stop().await;
            (agent, done)
        })
    }

    /// Every agent ends without a word.
    ///
    /// # Errors
    /// Never by itself.
    pub fn lose(&mut self) -> Result<()> {
        self.each(|mut agent| async move {
            agent.lose().await;
            (agent, Ok(()))
        })
    }

    /// What the collector has promised to every device so far: the highest acknowledged sequence.
    pub fn promised(&self) -> Vec<(DeviceId, u64)> {
        self.agents
            .iter()
            .map(|agent| (agent.device, agent.progress().acknowledged))
            .collect()
    }

    /// Runs something on the agents' runtime.
    pub fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    /// Where the agents report to.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The agents report through this line from their next start on; `None` for the direct way.
    ///
    /// # Errors
    /// When the line has no address.
    pub fn through(&mut self, line: Option<&Line>, collector: &Collector) -> Result<()> {
        let endpoint = match line {
            Some(line) => format!("https://{}", line.address()),
            None => collector.agents()?.to_owned(),
        };
        self.place.endpoint = endpoint.parse().context("the agents' port")?;
        Ok(())
    }

    /// The agents know this collector too, from their next start on.
    ///
    /// # Errors
    /// When it has no address.
    pub fn also(&mut self, collector: &Collector) -> Result<()> {
        let endpoint = collector.agents()?.parse().context("the agents' port")?;
        self.place.also.push(endpoint);
        Ok(())
    }

    /// A line that cuts the connections of these agents; see [`Line::open`].
    ///
    /// # Errors
    /// When there is no port.
    pub fn line(&self, collector: &Collector, seed: u64, longest: usize) -> Result<Line> {
        let address = collector.agents()?.trim_start_matches("https://").parse()?;
        Line::open(self.runtime.handle(), address, seed, longest)
    }

    /// Writes down, from now on, when the agents heard of which acknowledgement.
    pub fn promises(&self) -> Arc<Mutex<Vec<Promise>>> {
        let heard = Arc::<Mutex<Vec<Promise>>>::default();
        for agent in &self.agents {
            let (Some(mut progress), device) = (agent.follow(), agent.device) else {
                continue;
            };
            let heard = Arc::clone(&heard);
            self.runtime.spawn(async move {
                loop {
                    let sequence = progress.borrow_and_update().acknowledged;
                    let at = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64();
                    heard
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(Promise { at, device, sequence });
                    if progress.changed().await.is_err() {
                        return;
                    }
                }
            });
        }
        heard
    }

    /// Does something with every agent, a number of them at a time; agents that fail stay in the fleet.
    ///
    /// # Errors
    /// What the first one that failed said.
    pub fn each<F, W>(&mut self, what: F) -> Result<()>
    where
        F: Fn(SimAgent) -> W,
        W: Future<Output = (SimAgent, Result<()>)> + Send + 'static,
    {
        let agents = std::mem::take(&mut self.agents);
        let count = agents.len();
        let gate = Arc::new(Semaphore::new(TOGETHER));
        let done = self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for agent in agents {
                let (work, gate) = (what(agent), Arc::clone(&gate));
                tasks.spawn(async move {
                    let _turn = gate.acquire_owned().await;
                    work.await
                });
            }
            let mut done = Vec::new();
            while let Some(Ok(agent)) = tasks.join_next().await {
                done.push(agent);
            }
            done
        });
        ensure!(done.len() == count, "an agent broke down");
        let mut result = Ok(());
        for (agent, outcome) in done {
            self.agents.push(agent);
            result = result.and(outcome);
        }
        self.agents.sort_by_key(|agent| agent.pc.name());
        result
    }
}

/// Agents' files are many and small; what survives a power cut is proved elsewhere. In memory where there is such
/// a place.
fn memory() -> PathBuf {
    let shm = PathBuf::from("/dev/shm");
    if shm.is_dir() { shm } else { std::env::temp_dir() }
}

/// Resident memory of this process in bytes.
///
/// # Errors
/// When the kernel does not say.
pub fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = status.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.context("smaps_rollup has no Rss")? << 10)
}
