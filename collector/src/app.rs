//! Wiring: makes the parts, hands them to each other, and starts their tasks. Decides nothing.

use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use deskwarden_domain::{
    alerting::Observation,
    lifecycle::PRODUCT,
    model::{Millis, Role},
    port::{DeviceFilter, Paging, Store},
};
use deskwarden_proto::v1::{self, directive::What};
use tokio::{runtime, sync::Notify};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    arrivals::LinkRule,
    clock,
    config::{Config, Listener},
    data::DataDir,
    entropy::{self, OsEntropy},
    grpc,
    ingest::{self, Contexts, Ingest, Now},
    meter::Meter,
    net::{self, Limits, ServerIdentity, TlsListener},
    notify::{DeskOf, DeskSource, Dispatcher, OutageWatch, RuleWords, RuleWordsOf, Style, Templates},
    observation,
    people::{self, OneTime},
    pki::{Identity, Pki},
    rules_dir::{self, Importer},
    staff_notice,
    supervise::Supervisor,
    task::{self, Eyes, Lease},
    updates::Shelf,
    vouch::Vouchers,
    web::{self, SignInPolicy, StoreActions, System, SystemClock, WebConfig, WebState},
};

mod live;
mod watched;

/// How long open pages and running sends may take once the collector stops.
const LINGER: Duration = Duration::from_secs(3);

/// What a started collector tells whoever started it.
pub struct Ready {
    /// Address of the agents' port.
    pub agents: String,
    /// Address of the dashboard.
    pub dashboard: String,
    /// Pin of the certificate authority, for the install bundle.
    pub pin: String,
    /// The first administrator's password, at the very first start.
    pub admin: Option<OneTime>,
    /// The first administrator has not replaced that password yet.
    pub first_password_waits: bool,
}

/// What exists before the first task.
struct Base {
    config: Config,
    store: Arc<dyn Store>,
    importer: Arc<Importer>,
    contexts: Arc<Contexts>,
    pki: Arc<Pki>,
    standing: Arc<grpc::Standing>,
}

/// Runs a collector until it is asked to stop or a part of it fails. `listen` begins to hear who asks, and its answer
/// is cancelled then.
pub fn run(
    config: Config,
    listen: impl FnOnce() -> io::Result<CancellationToken>,
    ready: impl FnOnce(&Ready) -> io::Result<()>,
) -> anyhow::Result<()> {
    let _data = DataDir::take(&config.data_dir)?;
    match deskwarden_system::raise_open_files() {
        Ok(Some(files)) => info!(files, "open files that the system allows"),
        Ok(None) => {}
        Err(error) => warn!(%error, "the limit of open files stays as it is"),
    }
    // Before anything else: as the first process of a container nobody would hear who asks, and whoever reads that it is
    // ready can also end it well.
    let asked_to_stop = listen().context("hearing when to stop")?;
    let base = prepare(config)?;
    // A store that is spoken to over a network must be left where nothing else runs: its last holder is here.
    let store = Arc::clone(&base.store);
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let ended = runtime.block_on(serve(base, asked_to_stop, ready));
    // A mail server that does not answer must not hold up the end; what it was sent is sent again.
    runtime.shutdown_timeout(LINGER);
    drop(store);
    info!("stopped");
    ended
}

/// How many devices the store knows.
fn enrolled(store: &dyn Store) -> anyhow::Result<u64> {
    let first = Paging { offset: 0, limit: 1 };
    let devices = store.devices(&DeviceFilter::default(), first);
    Ok(devices.context("looking for enrolled devices")?.total)
}

/// A new authority beside a store with devices would lock all of them out without a word.
fn no_lost_authority(folder: &Path, store: &dyn Store) -> anyhow::Result<()> {
    if ["root.crt", "root.key", "intermediate.crt"]
        .iter()
        .any(|name| folder.join(name).exists())
    {
        return Ok(());
    }
    let enrolled = enrolled(store)?;
    if enrolled > 0 {
        bail!(
            "{} holds no certificate authority, but {enrolled} devices were enrolled under one: restore the \
             folder from a backup, or begin anew with an empty store",
            folder.display()
        );
    }
    Ok(())
}

/// The certificate authority of the data folder, made where the store is new.
pub(crate) fn authority(config: &Config, store: &dyn Store, now: Millis) -> anyhow::Result<Pki> {
    let folder = config.data_dir.join("pki");
    no_lost_authority(&folder, store)?;
    Pki::open_or_create(&folder, now, Arc::new(OsEntropy)).context("opening the certificate authority")
}

/// Everything that may wait for a disk.
fn prepare(config: Config) -> anyhow::Result<Base> {
    let now = clock::now();
    let store = deskwarden_store::open(config.store.reveal()).context("opening the store")?;
    let folder = config.data_dir.join("pki");
    let nobody = store.users().context("looking for people")?.is_empty();
    let is_new = nobody && enrolled(store.as_ref())? == 0;
    if is_new && folder.exists() {
        warn!(
            authority = %folder.display(),
            "the store is empty, but there is a certificate authority already: if this collector had a store, stop it and \
             restore that one from a backup, or its devices are refused"
        );
    }
    let pki = authority(&config, store.as_ref(), now)?;
    let importer = Importer::new(Arc::clone(&store), config.rules_dir.clone(), &config.data_dir);
    importer
        .import_built_in(now)
        .context("importing the built-in rules")?;
    importer
        .import_folder(now)
        .context("importing the rules folder")?;
    let contexts = Contexts::load(Arc::clone(&store)).context("loading the rules in force")?;
    contexts
        .listening(now)
        .context("saying that this collector is up")?;
    staff_notice::note(store.as_ref(), now).context("noting the version of the notice to staff")?;
    // A store without anybody is that of a new fleet.
    if config.observation.is_none() && is_new {
        observation::put(store.as_ref(), Observation::fresh(), PRODUCT, now)
            .context("beginning to observe")?;
    }
    let standing = grpc::Standing::load(store.as_ref()).context("reading which devices are barred")?;
    Ok(Base {
        config,
        store,
        importer: Arc::new(importer),
        contexts: Arc::new(contexts),
        pki: Arc::new(pki),
        standing: Arc::new(standing),
    })
}

/// The first administrator with the password, if there was nobody yet, and whether that password waits to be changed.
async fn first_person(store: Arc<dyn Store>) -> anyhow::Result<(Option<OneTime>, bool)> {
    let made = tokio::task::spawn_blocking(move || {
        let admin = people::first_administrator(store.as_ref(), clock::now())
            .context("making the first administrator")?;
        let users = store.users().context("looking for people")?;
        let waits = users
            .iter()
            .any(|user| user.name == people::FIRST && user.must_change_password);
        Ok((admin, waits))
    });
    made.await.context("making the first administrator was cut off")?
}

/// Runs everything. Asks the store for nothing by itself, as that would hold up whoever shares the thread.
async fn serve(
    base: Base,
    asked_to_stop: CancellationToken,
    ready: impl FnOnce(&Ready) -> io::Result<()>,
) -> anyhow::Result<()> {
    let Base {
        config,
        store,
        importer,
        contexts,
        pki,
        standing,
    } = base;
    let mut tasks = Supervisor::new();
    let cancel = tasks.token();
    let now: Now = Arc::new(clock::now);

    let names = names(&config.agents);
    let agents_identity = Renewed::agents(&pki, names)?;
    let tls = net::agents_config(Arc::clone(&agents_identity.served), pki.roots())?;
    let agents = TlsListener::bind(config.agents.listen, tls, config.connections, cancel.clone()).await?;
    let dashboard_identity = Renewed::dashboard(&pki, &config)?;
    let tls = net::dashboard_config(Arc::clone(&dashboard_identity.served))?;
    let listen = config.dashboard.listener.listen;
    let dashboard = TlsListener::bind(listen, tls, Limits::default(), cancel.clone()).await?;
    // A password is shown once: not before nothing stands in the way of saying so.
    let (admin, first_password_waits) = first_person(Arc::clone(&store)).await?;
    let doors = vec![("agents", agents.counters()), ("dashboard", dashboard.counters())];
    let told = Ready {
        agents: url(agents.address(), &config.agents),
        dashboard: url(dashboard.address(), &config.dashboard.listener),
        pin: pki.root_pin(),
        admin,
        first_password_waits,
    };
    let public_url = config
        .public_url
        .clone()
        .unwrap_or_else(|| told.dashboard.clone());

    let wake = Arc::new(Notify::new());
    let events = live::channel();
    let writer_stop = CancellationToken::new();
    let (across, tell) = (
        Arc::new(Notify::new()),
        live::after_commit(events.clone(), Arc::clone(&wake)),
    );
    let ring = Arc::clone(&across);
    let meter = Arc::new(Meter::default());
    let counted = Arc::clone(&meter);
    let committed = move |done: &ingest::Committed| {
        counted.add(clock::now(), done.reports);
        tell(done);
        ring.notify_one();
    };
    let parts = ingest::Parts {
        store: Arc::clone(&store),
        contexts: Arc::clone(&contexts),
        entropy: Arc::new(OsEntropy),
        now: Arc::clone(&now),
        meter: Arc::clone(&meter),
        committed: Box::new(committed),
    };
    let (ingest, writer) = Ingest::start(parts, writer_stop.clone())?;
    tasks.spawn("ingest", writer);

    let sessions = grpc::Sessions::default();
    let session_settings = grpc::SessionSettings::default();
    let policy = session_settings.policy.clone();
    let observing = grpc::observe(
        sessions.clone(),
        Arc::clone(&store),
        session_settings.policy.clone(),
        cancel.clone(),
    );
    tasks.spawn("observers", endless(observing));
    let (asked, told_of_people, live) = (sessions.clone(), sessions.clone(), sessions.clone());
    let links = grpc::hand_out_links(
        sessions.clone(),
        Arc::clone(&store),
        public_url.clone(),
        cancel.clone(),
    );
    tasks.spawn("links", endless(links));
    let parts = grpc::Parts {
        store: Arc::clone(&store),
        contexts: Arc::clone(&contexts),
        pki: Arc::clone(&pki),
        ingest,
        standing: Arc::clone(&standing),
        sessions,
        entropy: Arc::new(OsEntropy),
        now,
        settings: session_settings,
        anonymous: None,
        link: LinkRule {
            serials: config.link_serials,
            expected: config.link_expected,
        },
        shelf: Arc::new(Shelf::of(&config.data_dir)),
        meter: Arc::clone(&meter),
    };
    let stop = cancel.clone();
    tasks.spawn("agents", async move {
        // The writer ends after the last session has handed over what it had, however that comes about.
        let _then = writer_stop.drop_guard();
        grpc::serve(agents, parts, stop).await
    });
    let watched = grpc::watch_standing(
        standing,
        told_of_people,
        policy,
        Arc::clone(&store),
        cancel.clone(),
    );
    tasks.spawn("standing", endless(watched));

    // The decision leaves the asset due, which the writer sees within a second.
    let actions = StoreActions::new(Arc::clone(&store), events.clone(), Box::new(|_| {}));
    let settings = WebConfig {
        public_url: public_url.clone(),
        agent_address: told.agents.trim_start_matches("https://").to_owned(),
        ca_pin: told.pin.clone(),
        channels: DeskSource::of(&config),
        office: config.office.clone(),
        utc_offset_minutes: i16::try_from(config.zone / 60_000).unwrap_or(0),
        sign_in: SignInPolicy {
            idle: config.people.idle,
            absolute: config.people.longest,
            code_roles: Role::ALL.map(|role| config.people.second_factor.contains(&role)),
            ..SignInPolicy::default()
        },
        vouchers: Vouchers::of(&config.people).context("setting up sign-in")?,
        ..WebConfig::default()
    };
    let (live_events, wake_alerts) = (events.clone(), Arc::clone(&wake));
    let holder = data_encoding::HEXLOWER.encode(&entropy::bytes::<16>(&OsEntropy)?);
    // The lease that is renewed all the time: who dispatches alerts also looks through the store.
    let dispatching = Arc::new(Lease::new("dispatch", holder.clone()));
    let verdict = task::Verdict::default();
    let (found, walks, walked) = (verdict.clone(), Arc::clone(&dispatching), Arc::clone(&store));
    let eyes = Arc::new(Eyes {
        data_dir: config.data_dir.clone(),
        backup_mark: config.backup_mark.clone(),
        certificates: watched::certificates(&config, &agents_identity.served, &dashboard_identity.served),
        damaged: Box::new(move || {
            let here = walks.hold(walked.as_ref(), clock::now()).unwrap_or(false);
            here.then(|| found.found()).flatten()
        }),
    });
    let state = WebState::new(
        Arc::clone(&store),
        contexts.rules(),
        events,
        Arc::new(SystemClock),
        Arc::new(actions),
        settings,
    )
    .with_refresh(Arc::new(move |device| {
        asked.direct(device, What::Refresh(v1::Refresh::default()))
    }))
    .with_system(System {
        eyes: Some(Arc::clone(&eyes)),
        meter: Arc::clone(&meter),
        sessions: Arc::new(move || live.count()),
        doors,
        since: clock::now(),
    });
    tasks.spawn("looks", endless(web::settle_looks(state.clone(), cancel.clone())));
    tasks.spawn(
        "dashboard",
        web::serve(dashboard, web::router(state), cancel.clone()),
    );

    let rules = contexts.rules();
    let words: RuleWordsOf = Arc::new(move |id| {
        let rule = rules.borrow().rule(id).map(RuleWords::from);
        rule.or_else(|| RuleWords::of_condition(id))
    });
    let (templates, faults) = Templates::load(&config.templates_dir);
    for fault in &faults {
        warn!(%fault, "a template is not used");
    }
    let desk = DeskSource::of(&config);
    let desk: DeskOf = Arc::new(move |store| desk.load(store));
    let outage = OutageWatch {
        store: Arc::clone(&store),
        meter,
        holder: holder.clone(),
        desk: Arc::clone(&desk),
        words: Arc::clone(&words),
        templates: templates.clone(),
        style: Style {
            lang: config.language,
            public_url: None,
        },
        clock: Arc::new(clock::now),
    };
    tasks.spawn("outage", endless(outage.run(cancel.clone())));
    let dispatcher = Dispatcher {
        store: Arc::clone(&store),
        desk,
        words,
        templates,
        clock: Arc::new(clock::now),
        style: Style {
            lang: config.language,
            public_url: Some(public_url),
        },
        wake,
        lease: Arc::clone(&dispatching),
    };
    tasks.spawn("alerts", endless(dispatcher.run(cancel.clone())));
    tasks.spawn("up", endless(stay_up(Arc::clone(&contexts), cancel.clone())));
    tasks.spawn("rules", rules_dir::watch(importer, cancel.clone()));
    let tell = live::after_commit(live_events.clone(), Arc::clone(&wake_alerts));
    let watch = task::Watch {
        store: Arc::clone(&store),
        lease: Lease::new("watch", holder.clone()),
        limits: config.limits.clone(),
        eyes,
        committed: Box::new(move |applied| {
            tell(&ingest::Committed {
                devices: Vec::new(),
                reports: 0,
                applied,
            });
        }),
    };
    tasks.spawn("watch", endless(watch.run(cancel.clone())));
    let tell = live::after_commit(live_events, wake_alerts);
    let cross = task::Cross {
        store: Arc::clone(&store),
        contexts: Arc::clone(&contexts),
        lease: Lease::new("cross", holder.clone()),
        wake: across,
        committed: Box::new(move |applied| {
            tell(&ingest::Committed {
                devices: Vec::new(),
                reports: 0,
                applied,
            });
        }),
    };
    tasks.spawn("cross", endless(cross.run(cancel.clone())));
    let inspecting = task::inspect(
        Arc::clone(&store),
        Lease::new("inspection", holder.clone()),
        config.inspection,
        config.zone,
        cancel.clone(),
    );
    tasks.spawn("inspections", endless(inspecting));
    let walking = task::verify(Arc::clone(&store), dispatching, verdict, cancel.clone());
    tasks.spawn("verification", endless(walking));
    let lease = Lease::new("housekeeping", holder);
    let (longest, audit_days) = (config.people.longest, config.people.audit_days);
    let tidy = task::housekeeping(store, lease, longest, audit_days, cancel.clone());
    tasks.spawn("housekeeping", endless(tidy));
    tasks.spawn("heap", endless(task::heap(cancel.clone())));
    tasks.spawn(
        "certificates",
        endless(renew(vec![agents_identity, dashboard_identity], cancel)),
    );

    info!(agents = told.agents, dashboard = told.dashboard, "ready");
    ready(&told).context("saying that the collector is ready")?;
    drop(told);
    tasks.run(asked_to_stop.cancelled_owned()).await?;
    Ok(())
}

/// Says that this collector is up: silence of an agent counts only while somebody listens.
async fn stay_up(contexts: Arc<Contexts>, cancel: CancellationToken) {
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(ingest::BEAT) => {}
        }
        let contexts = Arc::clone(&contexts);
        match tokio::task::spawn_blocking(move || contexts.listening(clock::now())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the store cannot be told that this collector is up"),
            Err(error) => warn!(%error, "saying that this collector is up was cut off"),
        }
    }
}

/// A task that ends only when it is cancelled, in the supervisor's form.
async fn endless(task: impl Future<Output = ()>) -> Result<(), std::convert::Infallible> {
    task.await;
    Ok(())
}

/// A listener's certificate and how to make the next.
struct Renewed {
    served: Arc<ServerIdentity>,
    make: Box<dyn Fn() -> anyhow::Result<Identity> + Send + Sync>,
}

impl Renewed {
    fn new(make: impl Fn() -> anyhow::Result<Identity> + Send + Sync + 'static) -> anyhow::Result<Self> {
        Ok(Self {
            served: Arc::new(ServerIdentity::new(&make()?)?),
            make: Box::new(make),
        })
    }

    fn agents(pki: &Arc<Pki>, names: Vec<String>) -> anyhow::Result<Self> {
        let pki = Arc::clone(pki);
        Self::new(move || {
            pki.server_identity(&names, clock::now())
                .context("the agents' port's certificate")
        })
    }

    fn dashboard(pki: &Arc<Pki>, config: &Config) -> anyhow::Result<Self> {
        let (pki, names) = (Arc::clone(pki), names(&config.dashboard.listener));
        let configured = config.dashboard.certificate.clone();
        Self::new(move || {
            let identity = match &configured {
                Some((certificate, key)) => Identity::configured(certificate, key),
                None => pki.issue_dashboard(&names, clock::now()),
            };
            identity.context("the dashboard's certificate")
        })
    }
}

/// How often certificates are made or read anew. Far below their shortest life.
const RENEW: Duration = Duration::from_secs(12 * 3_600);

/// Serves fresh certificates: own ones are issued anew, configured ones read again.
async fn renew(identities: Vec<Renewed>, cancel: CancellationToken) {
    let identities = Arc::new(identities);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(RENEW) => {}
        }
        let identities = Arc::clone(&identities);
        let renewed = tokio::task::spawn_blocking(move || {
            for one in identities.iter() {
                let made = (one.make)().and_then(|identity| Ok(one.served.replace(&identity)?));
                if let Err(error) = made {
                    tracing::error!(
                        error = format!("{error:#}"),
                        "the certificate before stays in use"
                    );
                }
            }
        });
        if renewed.await.is_err() {
            tracing::error!("renewing certificates was cut off; trying again later");
        }
    }
}

/// Names that a listener's certificate bears: those configured, the machine's, and the address itself.
fn names(listener: &Listener) -> Vec<String> {
    let mut names = listener.names.clone();
    let host = deskwarden_system::machine_name();
    let ip = listener.listen.ip();
    let own = (!ip.is_unspecified()).then(|| ip.to_string());
    for name in [
        Some(host),
        own,
        Some("localhost".into()),
        Some("127.0.0.1".into()),
        Some("::1".into()),
    ] {
        let usable = name.filter(|name| rustls_pki_types::ServerName::try_from(name.as_str()).is_ok());
        names.extend(usable.filter(|name| !names.contains(name)));
    }
    names
}

/// Where people and agents reach a bound port.
fn url(bound: SocketAddr, listener: &Listener) -> String {
    let port = bound.port();
    match listener.names.first() {
        Some(name) if bound.ip().is_unspecified() && name.contains(':') => format!("https://[{name}]:{port}"),
        Some(name) if bound.ip().is_unspecified() => format!("https://{name}:{port}"),
        None if bound.ip().is_unspecified() => format!("https://127.0.0.1:{port}"),
        _ => format!("https://{bound}"),
    }
}
