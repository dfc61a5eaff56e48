//! One simulated agent: the agent's library on a simulated PC. Its identity and outbox are in a folder of its own;
//! it can be stopped as a service is, or lost as a process is, and started again on what it left.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use deskwarden_agent::{
    disk::Folder,
    endpoint::Endpoint,
    identity::{self, Enrolment, Outcome, Pin, Store},
    outbox::{Bounds, Outbox},
    scan::{
        engine::{self, Handle, Progress},
        recorder::Recorder,
        tools::Tools,
    },
    session::{Leave, Session},
};
use deskwarden_platform::{Root, ensure_private_dir, host_hints};
use deskwarden_proto::{ids::DeviceId, v1::Trigger};
use tokio::{sync::watch, task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::pc::{Mutation, SimPc};
use crate::folder::copy;

/// Where agents enrol and report.
#[derive(Clone, Debug)]
pub struct Place {
    /// The agents' port.
    pub endpoint: Endpoint,
    /// Further collectors, which agents turn to when the first one is away.
    pub also: Vec<Endpoint>,
    /// Pin of the root.
    pub pin: Pin,
}

/// An agent and its PC.
#[derive(Debug)]
pub struct SimAgent {
    /// The PC.
    pub pc: Arc<SimPc>,
    /// Who it is since it enrolled.
    pub device: DeviceId,
    folder: PathBuf,
    running: Option<Running>,
    last: Progress,
}

#[derive(Debug)]
struct Running {
    handle: Handle,
    cancel: CancellationToken,
    recorder: JoinHandle<()>,
    session: JoinHandle<Result<(), deskwarden_agent::session::Error>>,
}

impl SimAgent {
    /// Enrols; waits where the collector's limit of enrolments per address says so.
    ///
    /// # Errors
    /// When the collector refuses.
    pub async fn enrol(pc: Arc<SimPc>, folder: PathBuf, place: &Place, token: &str) -> Result<Self> {
        let root = folder.join("root");
        fs::create_dir_all(root.join("etc"))?;
        fs::write(root.join("etc/hostname"), pc.name())?;
        let store = Store::open(&folder.join("state"))?;
        let clock = store.clock();
        let device = loop {
            let hints = host_hints(&Root::at(&root));
            let token = Zeroizing::new(token.to_owned());
            let request = Enrolment::pinned(&place.endpoint, place.pin, token, hints);
            match identity::enrol(&store, &clock, request).await {
                Ok(Outcome::Enrolled(identity)) => break identity.device,
                Ok(Outcome::Pending(_)) => bail!("{} waits for approval", pc.name()),
                Err(identity::Error::Refused { code, .. }) if format!("{code:?}") == "ResourceExhausted" => {
                    sleep(Duration::from_millis(200)).await;
                }
                Err(error) => return Err(error).with_context(|| format!("{} cannot enrol", pc.name())),
            }
        };
        Ok(Self {
            pc,
            device,
            folder,
            running: None,
            last: Progress::default(),
        })
    }

    /// The state folder, as the agent's `--state-dir` is one.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Starts on what the last run left, looks at everything, and connects meanwhile; when this returns, all of it
    /// was seen. On the current runtime.
    ///
    /// # Errors
    /// When the state cannot be used: that is a finding, not an accident.
    pub async fn start(&mut self, place: &Place) -> Result<()> {
        let store = Store::open(&self.state())?;
        let identity = store.load()?.context("the identity is gone")?;
        self.device = identity.device;
        let outbox = self.state().join("outbox");
        ensure_private_dir(&outbox)?;
        let device = identity.device.to_string();
        let (outbox, opened) = Outbox::open(Folder::new(outbox), &device, Bounds::default())?;
        let root = Root::at(self.folder.join("root"));
        let recorder = Recorder::new(outbox, &opened, root, self.pc.sources(), Tools::default())?;
        let (handle, attended) = engine::attend(recorder);
        let recorder = tokio::spawn(attended);
        handle.look_at_all(Trigger::Start).await?;
        let cancel = CancellationToken::new();
        let mut session = Session {
            endpoints: [std::slice::from_ref(&place.endpoint), &place.also].concat(),
            clock: store.clock(),
            store,
            identity,
            recorder: handle.clone(),
            department: String::new(),
            // Waits as an agent does, a hundred times shorter.
            jitter: || 0.01,
            updates: std::sync::Arc::default(),
        };
        let session = {
            let leave = Leave::on(cancel.clone());
            tokio::spawn(async move { session.run(&leave).await })
        };
        let seen = handle.clone();
        self.running = Some(Running {
            handle,
            cancel,
            recorder,
            session,
        });
        Ok(seen.settled().await?)
    }

    /// Somebody does something on the PC, and the agent has seen it when this returns. Without a running agent
    /// the next one sees it.
    ///
    /// # Errors
    /// When the recorder is gone.
    pub async fn mutate(&self) -> Result<()> {
        let Mutation { source } = self.pc.mutate();
        if let Some(running) = &self.running {
            running.handle.look(vec![source], Trigger::Watch).await?;
            running.handle.settled().await?;
        }
        Ok(())
    }

    /// Says goodbye and ends.
    ///
    /// # Errors
    /// When the session had failed for good.
    pub async fn stop(&mut self) -> Result<()> {
        if let Some(running) = self.running.take() {
            running.cancel.cancel();
            running.session.await??;
            running.handle.stop().await.ok();
            self.last = *running.handle.progress().borrow();
            running.recorder.await?;
        }
        Ok(())
    }

    /// Ends without a word, between two operations on its files.
    pub async fn lose(&mut self) {
        if let Some(running) = self.running.take() {
            running.session.abort();
            running.recorder.abort();
            running.session.await.ok();
            running.recorder.await.ok();
            self.last = *running.handle.progress().borrow();
        }
    }

    /// How far the recorder is; of an agent that ended, how far it was.
    pub fn progress(&self) -> Progress {
        self.running
            .as_ref()
            .map_or(self.last, |running| *running.handle.progress().borrow())
    }

    /// Follows the recorder's progress while the agent runs.
    pub fn follow(&self) -> Option<watch::Receiver<Progress>> {
        self.running.as_ref().map(|running| running.handle.progress())
    }

    /// Digests of everything that was acknowledged, as a hello would tell them; and the epoch.
    ///
    /// # Errors
    /// When the agent does not run.
    pub async fn introduces(&self) -> Result<deskwarden_agent::scan::recorder::Introduction> {
        let running = self.running.as_ref().context("the agent does not run")?;
        Ok(running.handle.ask(Recorder::introduce).await??)
    }

    /// Returns when the collector has acknowledged everything that was seen.
    ///
    /// # Errors
    /// When the agent ends meanwhile.
    pub async fn settled(&self) -> Result<()> {
        let running = self.running.as_ref().context("the agent does not run")?;
        running.handle.settled().await?;
        let mut progress = running.handle.progress();
        progress
            .wait_for(|now| now.enqueued > 0 && now.acknowledged == now.enqueued)
            .await
            .with_context(|| format!("the agent of {} ended", self.pc.name()))?;
        Ok(())
    }

    /// Copies what the agent left into a folder; it must not run.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn keep(&self, into: &Path) -> Result<()> {
        copy(&self.state(), into)
    }

    /// Puts the kept state in the place of the present one.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn restore(&self, from: &Path) -> Result<()> {
        fs::remove_dir_all(self.state())?;
        copy(from, &self.state())
    }
}
