//! Wiring: from a configuration to a running agent. Holds no logic of its own.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use deskwarden_platform::{Root, ensure_private_dir, host_hints, sources, wait_for_end};
use deskwarden_proto::v1::{Section, Trigger};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::{
    attend::{Call, Calls, Desk},
    config::Config,
    disk::Folder,
    fault,
    identity::{self, Enrolment, Identity, Outcome, Store, clock::Clock},
    outbox::{Bounds, Outbox},
    scan::{engine, recorder::Recorder, tools::Tools, trigger, watch},
    session::{Session, backoff::Backoff, system_jitter},
    setup,
    supervise::Supervisor,
    update::Program,
};

/// What may be another when somebody signed in or out.
const OF_PEOPLE: [Section; 4] = [
    Section::Logon,
    Section::Proxy,
    Section::Security,
    Section::Software,
];
/// Longest token file that is read.
const MAX_TOKEN: u64 = 4 << 10;

/// How an enrolment waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Try once; a person sees the fault.
    Once,
    /// Try until it works: nobody is watching a service.
    Forever,
}

/// A state folder that no other agent uses.
pub struct State {
    store: Store,
    clock: Clock,
    _lock: File,
}

/// Opens and locks the state folder.
pub fn open_state(folder: &Path) -> anyhow::Result<State> {
    let store = Store::open(folder)?;
    let place = folder.join("lock");
    let lock = File::create(&place).with_context(|| format!("{} cannot be written", place.display()))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!(
            "{}: another agent uses this folder; stop it, or choose another --state-dir",
            folder.display()
        ),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("{} cannot be locked", place.display()));
        }
    }
    let clock = store.clock();
    Ok(State {
        store,
        clock,
        _lock: lock,
    })
}

/// What everything of the agent but the recorder runs on: one thread.
pub fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .thread_stack_size(512 << 10)
        .build()
        .context("the runtime cannot start")
}

/// Runs until it is called to end or something fails beyond repair.
pub async fn run(config: Config, program: Program, calls: Calls) -> anyhow::Result<()> {
    let cancel = CancellationToken::new();
    let state = open_state(&config.state_dir)?;
    let updates = Arc::new(program.updates(config.update_key.clone(), &config.state_dir));
    let desk = Arc::new(Desk::default());
    let listener = {
        let (desk, cancel) = (Arc::clone(&desk), cancel.clone());
        tokio::spawn(async move { desk.attend(calls, cancel).await })
    };
    let Some(identity) = own_identity(&config, &state, &cancel).await? else {
        return Ok(());
    };
    tracing::info!(device = %identity.device, "the agent starts");
    if let Err(error) = setup::use_up_token(&config) {
        tracing::warn!(%error, "the used token cannot be removed from the state folder");
    }
    let (handle, thread) = start_recorder(&config, &identity)?;
    let last = handle.clone();
    let mut tasks = Supervisor::new(cancel.clone());
    tasks.spawn("calls", async move { Ok(listener.await??) });
    {
        let (desk, handle, cancel) = (Arc::clone(&desk), handle.clone(), cancel.clone());
        tasks.spawn("people", async move {
            look_when_people_change(&desk, &handle, &cancel).await
        });
    }
    {
        let (handle, cancel) = (handle.clone(), cancel.clone());
        tasks.spawn("watch", async move {
            // Watching begins before the first look, so that nothing falls in between.
            Ok(watch::run(handle, cancel).await?)
        });
    }
    {
        let (handle, cancel) = (handle.clone(), cancel.clone());
        tasks.spawn("clock", async move {
            handle.look_at_all(Trigger::Start).await?;
            Ok(trigger::clock(handle, system_jitter, cancel).await?)
        });
    }
    {
        let (handle, cancel) = (handle.clone(), cancel.clone());
        tasks.spawn("rounds", async move {
            Ok(trigger::rounds(handle, system_jitter(), cancel).await?)
        });
    }
    let session = Session {
        endpoints: config.collectors,
        store: state.store.clone(),
        clock: state.clock.clone(),
        identity,
        recorder: handle,
        department: config.department,
        jitter: system_jitter,
        updates: Arc::clone(&updates),
    };
    let until = cancel.clone();
    tasks.spawn("updates", async move { updates.watch(until).await });
    let until = cancel.clone();
    tasks.spawn("session", async move { Ok(desk.hold(session, until).await?) });
    let ended = tasks.run().await;
    // What is being written is finished first. It may have ended already, which is why the tasks ended.
    last.stop().await.ok();
    if thread.join().is_err() {
        bail!("the recorder broke down");
    }
    ended
}

/// Looks at what is theirs when somebody signs in or out. Holds the desk: whoever else leaves it at the end, this
/// waits for the cancellation and not for a desk that is gone.
async fn look_when_people_change(
    desk: &Desk,
    handle: &engine::Handle,
    cancel: &CancellationToken,
) -> anyhow::Result<()> {
    let mut people = desk.people();
    loop {
        tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            changed = people.changed() => changed?,
        }
        let concerned = handle.ask(|recorder| recorder.matching(&OF_PEOPLE, "")).await?;
        handle.look(concerned, Trigger::Watch).await?;
    }
}

/// Enrols with a token that the caller brings; for the command line.
pub async fn enrol(config: &Config, token: Zeroizing<String>) -> anyhow::Result<Outcome> {
    let state = open_state(&config.state_dir)?;
    if let Some(identity) = state.store.load()? {
        return Ok(Outcome::Enrolled(identity));
    }
    ask(config, &state, token).await
}

/// The token of a file, without white space around it.
pub fn read_token(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let place = file.display();
    let size = fs::metadata(file)
        .with_context(|| format!("{place}: the token file cannot be read"))?
        .len();
    if size > MAX_TOKEN {
        bail!("{place}: too large for a token");
    }
    let text = Zeroizing::new(
        fs::read_to_string(file).with_context(|| format!("{place}: the token file cannot be read"))?,
    );
    let token = Zeroizing::new(text.trim().to_owned());
    if token.is_empty() {
        bail!(
            "{place}: the token file is empty; write the token that `deskwarden-collector token create` printed"
        );
    }
    Ok(token)
}

/// The root that a configuration names.
pub fn root(path: Option<&Path>) -> Root {
    match path {
        Some(path) if path != Path::new("/") => Root::at(path),
        _ => Root::host(),
    }
}

/// The stored identity, or a new one; `None` when the agent is to end before there is one.
async fn own_identity(
    config: &Config,
    state: &State,
    cancel: &CancellationToken,
) -> anyhow::Result<Option<Identity>> {
    if let Some(identity) = state.store.load()? {
        return Ok(Some(identity));
    }
    let Some(file) = &config.token_file else {
        bail!(
            "{}: this PC is not enrolled; run `deskwarden-agent enrol`, or set token_file and pin",
            state.store.folder().display()
        );
    };
    let mut backoff = Backoff::default();
    loop {
        let token = read_token(file)?;
        let asked = tokio::select! {
            () = cancel.cancelled() => return Ok(None),
            asked = ask(config, state, token) => asked,
        };
        let wait = match asked {
            Ok(Outcome::Enrolled(identity)) => return Ok(Some(identity)),
            Ok(Outcome::Pending(wait)) => {
                tracing::info!("a technician has to approve this PC; asking again later");
                wait
            }
            Err(error) => {
                if let Some(fatal @ identity::Error::Private(_)) = error.downcast_ref() {
                    bail!("{fatal}");
                }
                tracing::warn!(error = fault::told(&error), "not enrolled yet");
                Duration::ZERO
            }
        };
        let wait = backoff.next(wait, system_jitter());
        tokio::select! {
            () = cancel.cancelled() => return Ok(None),
            () = sleep(wait) => {}
        }
    }
}

async fn ask(config: &Config, state: &State, token: Zeroizing<String>) -> anyhow::Result<Outcome> {
    let endpoint = config.collectors.first().context("no collector is configured")?;
    let Some(pin) = config.pin else {
        bail!(
            "no pin: set pin = \"sha256:...\" or give --pin, as `deskwarden-collector token create` prints it"
        );
    };
    let mut hints = host_hints(&root(config.root.as_deref()));
    config.department.clone_into(&mut hints.department);
    let request = Enrolment::pinned(endpoint, pin, token, hints);
    Ok(identity::enrol(&state.store, &state.clock, request).await?)
}

fn start_recorder(
    config: &Config,
    identity: &Identity,
) -> anyhow::Result<(engine::Handle, std::thread::JoinHandle<()>)> {
    let folder = config.state_dir.join("outbox");
    ensure_private_dir(&folder)?;
    let device = identity.device.to_string();
    let (outbox, opened) = Outbox::open(Folder::new(folder), &device, Bounds::default())?;
    if let Some(gap) = opened.gap() {
        tracing::error!(reason = %gap.reason, "the outbox was not as it was left");
    }
    let mut recorder = Recorder::new(
        outbox,
        &opened,
        root(config.root.as_deref()),
        sources(),
        Tools::default(),
    )?;
    recorder.remember_in(config.state_dir.join("seen"));
    Ok(engine::start(recorder)?)
}

/// The calls of a program that a signal or a console ends. On a thread that nobody joins: a wait for a signal has no
/// other end.
pub fn signals() -> Calls {
    let (caller, calls) = mpsc::channel(1);
    std::thread::spawn(move || caller.blocking_send(wait_for_end().map(|()| Call::End)));
    calls
}
