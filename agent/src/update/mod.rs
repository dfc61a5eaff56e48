//! The agent replaces itself: by packages that the configured publisher signed, and by nothing else. Verified before
//! anything is replaced, taken back when the new program does not report. Off unless a key is configured.

mod incoming;
mod offer;
mod trial;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use deskwarden_platform::{ensure_private_dir, platform_name};
use deskwarden_proto::v1::{self, session_client::SessionClient};
use tokio::{
    sync::{Mutex, oneshot, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

pub use incoming::{Incoming, NotWhole};
pub use offer::{NotAPublisher, Package, Publisher, Refusal, Version, examine};
pub use trial::{Bench, Error, Start};

use crate::transport::Channel;

/// A new program that has not been heard by the collector for so long is taken back.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long nothing may come of a package that is fetched.
const PORTION: Duration = Duration::from_secs(60);
/// How long a program may take to say its version.
const SAYS: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(50);

/// Takes packages, and watches over a program that is on trial.
#[derive(Debug)]
pub struct Updates {
    publisher: Option<Publisher>,
    running: Version,
    bench: Option<Bench>,
    /// Private folder that a package comes into.
    folder: PathBuf,
    /// One package at a time.
    busy: Mutex<()>,
    state: watch::Sender<State>,
}

/// What is known of the own program before the settings are.
#[derive(Debug)]
pub struct Program {
    bench: Option<Bench>,
    running: Version,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Ordinary,
    OnTrial,
    /// A new program is in place and is to be started.
    Replaced(Version),
}

impl Program {
    /// Looks at what the last run left. Fails when the program before was put back: it is to be started instead.
    pub fn start() -> anyhow::Result<Self> {
        let running: Version = env!("CARGO_PKG_VERSION").parse().map_err(anyhow::Error::msg)?;
        // Asked before anything replaces it: afterwards the system may name another file.
        let Ok(program) = std::env::current_exe() else {
            return Ok(Self {
                bench: None,
                running,
                state: State::Ordinary,
            });
        };
        let bench = Bench::new(program);
        let state = match bench.start(&running)? {
            Start::Ordinary => State::Ordinary,
            Start::OnTrial => State::OnTrial,
            Start::TakenBack(version) => {
                bail!("version {version} started again and again without reporting; the one before is back")
            }
        };
        Ok(Self {
            bench: Some(bench),
            running,
            state,
        })
    }

    /// With the settings: whose packages are taken, and where they come into.
    pub fn updates(self, publisher: Option<Publisher>, state_dir: &Path) -> Updates {
        Updates {
            publisher,
            running: self.running,
            bench: self.bench,
            folder: state_dir.join("update"),
            busy: Mutex::new(()),
            state: watch::Sender::new(self.state),
        }
    }
}

impl Default for Updates {
    /// Takes none.
    fn default() -> Self {
        let program = Program {
            bench: None,
            running: Version::default(),
            state: State::Ordinary,
        };
        program.updates(None, Path::new(""))
    }
}

impl Updates {
    /// The collector took this program: a trial is over.
    pub fn welcomed(&self) {
        if *self.state.borrow() != State::OnTrial {
            return;
        }
        if let Some(bench) = &self.bench
            && let Err(error) = bench.confirm()
        {
            tracing::warn!(%error, "the program before cannot be removed");
        }
        tracing::info!(version = %self.running, "the new version reported and stays");
        self.state.send_replace(State::Ordinary);
    }

    /// Waits until another program is to be started, and says so as an error.
    pub async fn watch(&self, cancel: CancellationToken) -> anyhow::Result<()> {
        let mut state = self.state.subscribe();
        if *state.borrow_and_update() == State::OnTrial {
            let reported = timeout(PATIENCE, state.wait_for(|state| *state != State::OnTrial));
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                reported = reported => if reported.is_err() {
                    let bench = self.bench.as_ref().context("a trial without a program")?;
                    bench.take_back(&self.running)?;
                    bail!(
                        "version {} did not reach the collector within {} minutes; the one before is back",
                        self.running,
                        PATIENCE.as_secs() / 60
                    );
                }
            }
        }
        tokio::select! {
            () = cancel.cancelled() => Ok(()),
            replaced = state.wait_for(|state| matches!(state, State::Replaced(_))) => match &*replaced? {
                State::Replaced(version) => bail!("version {version} is in place and starts now"),
                _ => Ok(()),
            },
        }
    }

    /// Takes an offer: looks at it, fetches the package, and puts it in place. The answer is for the collector.
    pub async fn take(&self, offer: &v1::Update, channel: Channel) -> Result<Version, String> {
        let told = |error: &dyn std::fmt::Display| {
            let text = format!("{error:#}");
            tracing::warn!(reason = text, "a package is not taken");
            text
        };
        let package = self.looked_at(offer).map_err(|refusal| told(&refusal))?;
        self.fetched(&package, channel)
            .await
            .map_err(|error| told(&error))?;
        tracing::info!(version = %package.version, "a new version is in place");
        Ok(package.version)
    }

    /// What was taken is to be started.
    pub fn begin(&self, version: Version) {
        self.state.send_replace(State::Replaced(version));
    }

    fn looked_at(&self, offer: &v1::Update) -> Result<Package, Refusal> {
        let failed = self.bench.as_ref().map(Bench::failed).unwrap_or_default();
        examine(
            offer,
            self.publisher.as_ref(),
            &platform_name(),
            &self.running,
            &failed,
        )
    }

    async fn fetched(&self, package: &Package, channel: Channel) -> anyhow::Result<()> {
        let bench = self.bench.clone().context("updates are off")?;
        let _one = self
            .busy
            .try_lock()
            .ok()
            .context("another package is being fetched")?;
        ensure!(
            *self.state.borrow() == State::Ordinary,
            "the last package is still on trial"
        );
        ensure_private_dir(&self.folder)?;
        let mut incoming = Incoming::begin(&self.folder, package)?;
        let origin = channel.origin();
        let mut client = SessionClient::with_origin(channel, origin);
        let request = v1::PackageRequest {
            sha256: package.sha256.to_vec(),
        };
        let mut pieces = client
            .package(request)
            .await
            .map_err(|status| anyhow::anyhow!("the package cannot be fetched: {}", status.message()))?
            .into_inner();
        while let Some(piece) = timeout(PORTION, pieces.message())
            .await
            .context("the package stopped coming")?
            .map_err(|status| anyhow::anyhow!("the package stopped coming: {}", status.message()))?
        {
            incoming.push(&piece.data)?;
        }
        let file = incoming.finish()?;
        let version = package.version.clone();
        let (tell, told) = oneshot::channel();
        thread::spawn(move || tell.send(put_in_place(&bench, &file, &version)));
        told.await.context("the package could not be put in place")?
    }
}

/// Lays the verified package out, has it say its version, and swaps.
fn put_in_place(bench: &Bench, file: &Path, version: &Version) -> anyhow::Result<()> {
    let new = bench.lay_out(file)?;
    fs::remove_file(file).ok();
    says(&new, version)?;
    Ok(bench.swap(version)?)
}

/// Whether a program runs on this PC and is the version that was signed. The only program that the agent ever starts,
/// and only after the publisher's signature was found on it.
fn says(program: &Path, version: &Version) -> anyhow::Result<()> {
    let mut child = Command::new(program)
        .arg("--version")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("the new program does not start on this PC")?;
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > SAYS {
            child.kill().ok();
            child.wait().ok();
            bail!("the new program does not say its version");
        }
        thread::sleep(GLANCE);
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let found = said
        .split_whitespace()
        .last()
        .and_then(|word| word.parse::<Version>().ok());
    ensure!(
        output.status.success() && found.as_ref() == Some(version),
        "the new program says that it is {:.60}",
        said.trim()
    );
    Ok(())
}
