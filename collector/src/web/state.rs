//! What the dashboard is given by the application: store, rules in force, live events, clock, settings.
//! Owns no wiring and starts nothing.

use std::{fmt, sync::Arc, time::Duration};

use deskwarden_domain::{
    ledger::Learned,
    model::{Millis, Role, Sight},
    port::{Store, StoreError},
    register::Proposed,
    rules::RuleSet,
    trend::Trend,
};
use deskwarden_proto::ids::DeviceId;
use serde::Serialize;
use tokio::sync::{Semaphore, broadcast, watch};

use crate::{
    ledger, meter::Meter, net::Counters, notices::Office, notify::DeskSource, register, task::Eyes,
    vouch::Vouchers,
};

use super::{
    counts::{self, Agents, Counts, Morning},
    error::WebError,
    kept::Kept,
    looks::Looks,
    rate::Rates,
    software::Software,
    vouched::Vouched,
};
use crate::actions::{Decision, DecisionError};

/// A PC's name, the department that it has, and the one that is proposed.
pub(super) type OfPc = (String, Option<String>, Proposed);

/// The wall clock, so that tests bring their own.
pub trait Clock: Send + Sync {
    /// Unix milliseconds, UTC.
    fn now(&self) -> Millis;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    }
}

/// What happened while a page was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveKind {
    /// A finding was opened.
    FindingOpened,
    /// A finding changed its state.
    FindingChanged,
    /// Something of a device arrived.
    DeviceSeen,
}

/// Published after the commit that caused it; carries ids only, so that a page asks for what it may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LiveEvent {
    /// What happened.
    pub kind: LiveKind,
    /// The finding, where it is about one.
    pub finding_id: Option<i64>,
    /// The asset, where it is about one.
    pub asset_id: Option<i64>,
    /// When.
    pub at: Millis,
}

/// Carries out decisions on findings: decide, apply, have the asset judged again. Blocks.
pub trait Actions: Send + Sync {
    /// Carries out one decision.
    fn act(&self, decision: &Decision) -> Result<(), DecisionError>;
}

/// Asks a device to look at everything now.
pub type Refresh = Arc<dyn Fn(DeviceId) -> bool + Send + Sync>;

/// What the collector knows of itself.
#[derive(Clone)]
pub struct System {
    /// Where it looks; `None` where there is nothing to look at.
    pub eyes: Option<Arc<Eyes>>,
    /// What it took in.
    pub meter: Arc<Meter>,
    /// How many agents hold a session here.
    pub sessions: Arc<dyn Fn() -> usize + Send + Sync>,
    /// What its ports let in or not.
    pub doors: Vec<(&'static str, Arc<Counters>)>,
    /// When it was started.
    pub since: Millis,
}

impl Default for System {
    fn default() -> Self {
        Self {
            eyes: None,
            meter: Arc::default(),
            doors: Vec::new(),
            sessions: Arc::new(|| 0),
            since: 0,
        }
    }
}

/// How long a sign-in lasts and when guessing ends.
#[derive(Clone, Copy, Debug)]
pub struct SignInPolicy {
    /// Without any use.
    pub idle: Duration,
    /// However much it is used.
    pub absolute: Duration,
    /// Passwords that may be tried per lockout.
    pub threshold: u32,
    /// How long a name is locked.
    pub lockout: Duration,
    /// Roles that ask for a second factor, in the order of [`Role::ALL`].
    pub code_roles: [bool; Role::ALL.len()],
}

impl SignInPolicy {
    /// Whether somebody with these roles needs a second factor.
    pub fn asks_code(&self, roles: &[Role]) -> bool {
        Role::ALL
            .iter()
            .zip(self.code_roles)
            .any(|(role, asks)| asks && roles.contains(role))
    }
}

impl Default for SignInPolicy {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30 * 60),
            absolute: Duration::from_secs(12 * 60 * 60),
            threshold: 5,
            lockout: Duration::from_secs(15 * 60),
            code_roles: [false; Role::ALL.len()],
        }
    }
}

/// Settings of the dashboard.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// Address that people type (`https://desk.example.com:8443`), without a slash at the end.
    pub public_url: String,
    /// `host:port` that agents connect to, for the enrolment command.
    pub agent_address: String,
    /// SHA-256 of the root's public key as the agent's `--pin` takes it.
    pub ca_pin: String,
    /// Without a report for this long a device counts as silent on the overview.
    pub reporting_window: Duration,
    /// What takes less than this to count over the fleet is counted anew for everybody, the rest kept for a while.
    pub counted_anew: Duration,
    /// Lifetimes and lockout.
    pub sign_in: SignInPolicy,
    /// Who vouches for people beside the store.
    pub vouchers: Vouchers,
    /// Where channels of alerts come from.
    pub channels: DeskSource,
    /// Who issues rectification notices.
    pub office: Office,
    /// Offset from UTC in minutes for readers without JavaScript; with it the browser's zone is used.
    pub utc_offset_minutes: i16,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            public_url: String::new(),
            agent_address: String::new(),
            ca_pin: String::new(),
            reporting_window: Duration::from_secs(60 * 60),
            counted_anew: Duration::from_millis(20),
            sign_in: SignInPolicy::default(),
            vouchers: Vouchers::default(),
            channels: DeskSource::default(),
            office: Office::default(),
            utc_offset_minutes: 8 * 60,
        }
    }
}

/// Everything that the handlers use. Cheap to clone.
#[derive(Clone)]
pub struct WebState {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Rules in force.
    pub rules: watch::Receiver<Arc<RuleSet>>,
    /// Where the ingest writer and the actions publish after a commit.
    pub events: broadcast::Sender<LiveEvent>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Decisions on findings.
    pub actions: Arc<dyn Actions>,
    /// Settings.
    pub config: Arc<WebConfig>,
    /// Asks a connected device to look at everything; `false` when it is not connected here.
    pub refresh: Refresh,
    /// How often programs and sessions may ask the API.
    pub(super) rates: Arc<Rates>,
    /// Tokens that held lately.
    pub(super) vouched: Arc<Vouched>,
    /// Who looked at whose PC of late.
    pub(super) looks: Arc<Looks>,
    /// The collector itself.
    pub system: System,
    /// How the fleet complied.
    pub(super) trend: Arc<Kept<Trend>>,
    /// Numbers over the fleet.
    counts: Arc<Kept<Counts>>,
    /// What the first page says of everything.
    morning: Arc<Kept<Morning>>,
    /// What reports.
    agents: Arc<Kept<Agents>>,
    /// Addresses that could be learned from reports.
    pub(super) learned: Arc<Kept<Vec<Learned>>>,
    /// Departments that are proposed, with the names of the PCs and the departments that they have.
    pub(super) proposed: Arc<Kept<Vec<OfPc>>>,
    /// Titles of the fleet.
    pub(super) software: Arc<Software>,
    /// Password hashes at work: each takes 19 MiB and a core.
    pub(super) hashing: Arc<Semaphore>,
    /// Open event streams.
    pub(super) streams: Arc<Semaphore>,
    /// Lists that are being written to files.
    pub(super) exports: Arc<Semaphore>,
}

/// Password hashes that may be computed at once.
const HASHES_AT_ONCE: usize = 2;
/// Exports that may be under way at once: each holds a thread, a workbook its rows.
const EXPORTS_AT_ONCE: usize = 4;
/// Event streams that may be open at once.
const STREAMS_AT_ONCE: usize = 512;

impl WebState {
    /// From what the application made.
    pub fn new(
        store: Arc<dyn Store>,
        rules: watch::Receiver<Arc<RuleSet>>,
        events: broadcast::Sender<LiveEvent>,
        clock: Arc<dyn Clock>,
        actions: Arc<dyn Actions>,
        config: WebConfig,
    ) -> Self {
        let quick = config.counted_anew;
        Self {
            software: Arc::new(Software::new(Arc::clone(&store), quick)),
            trend: Arc::new(Kept::new(quick)),
            counts: Arc::new(Kept::new(quick)),
            morning: Arc::new(Kept::new(quick)),
            agents: Arc::new(Kept::new(quick)),
            learned: Arc::new(Kept::new(quick)),
            proposed: Arc::new(Kept::new(quick)),
            store,
            rules,
            events,
            clock,
            actions,
            config: Arc::new(config),
            refresh: Arc::new(|_| false),
            system: System::default(),
            rates: Arc::default(),
            looks: Arc::default(),
            vouched: Arc::default(),
            hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            streams: Arc::new(Semaphore::new(STREAMS_AT_ONCE)),
            exports: Arc::new(Semaphore::new(EXPORTS_AT_ONCE)),
        }
    }

    /// With a way to ask devices.
    #[must_use]
    pub fn with_refresh(mut self, refresh: Refresh) -> Self {
        self.refresh = refresh;
        self
    }

    /// With what the collector knows of itself.
    #[must_use]
    pub fn with_system(mut self, system: System) -> Self {
        self.system = system;
        self
    }

    /// Runs a blocking question to the store on a thread of its own.
    pub(super) async fn ask<T, F>(&self, question: F) -> Result<T, WebError>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        let answer = tokio::task::spawn_blocking(move || question(store.as_ref()))
            .await
            .map_err(|_| WebError::Internal("a question to the store was cut off"))?;
        answer.map_err(WebError::from)
    }

    /// Numbers over the fleet as they are, or as they were a moment ago where counting them takes long.
    pub(super) async fn counts(&self) -> Result<Arc<Counts>, WebError> {
        self.counted(&self.counts, counts::count).await
    }

    /// The numbers of the morning, for those who see everything.
    pub(super) async fn morning(&self) -> Result<Arc<Morning>, WebError> {
        let window = self.reporting_window();
        let count = move |store: &dyn Store, now| counts::morning(store, now, window, &Sight::Everything);
        self.counted(&self.morning, count).await
    }

    /// What reports into the store.
    pub(super) async fn agents(&self) -> Result<Arc<Agents>, WebError> {
        let window = self.reporting_window();
        let count = move |store: &dyn Store, now| counts::agents(store, now, window);
        self.counted(&self.agents, count).await
    }

    /// Entries that the ledger could learn from reports.
    pub(super) async fn learned(&self) -> Result<Arc<Vec<Learned>>, WebError> {
        self.counted(&self.learned, |store, _| ledger::learned(store))
            .await
    }

    /// Departments that are proposed.
    pub(super) async fn proposed(&self) -> Result<Arc<Vec<OfPc>>, WebError> {
        self.counted(&self.proposed, |store, _| register::departments(store))
            .await
    }

    async fn counted<T: Send + Sync + 'static>(
        &self,
        kept: &Arc<Kept<T>>,
        count: impl Fn(&dyn Store, Millis) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Arc<T>, WebError> {
        let (kept, store, now) = (Arc::clone(kept), Arc::clone(&self.store), self.clock.now());
        let found = self
            .ask(move |_| kept.get(&store, now, counts::WAIT, count))
            .await?;
        found.map(|(counted, _)| counted).ok_or(WebError::Busy)
    }

    /// How long a device counts as reporting after a report.
    pub(super) fn reporting_window(&self) -> Millis {
        Millis::try_from(self.config.reporting_window.as_millis()).unwrap_or(Millis::MAX)
    }

    /// Since when a device must have reported to count as reporting.
    pub(super) fn reporting_since(&self) -> Millis {
        self.clock.now().saturating_sub(self.reporting_window())
    }

    /// The rules in force now.
    pub(super) fn rules_now(&self) -> Arc<RuleSet> {
        Arc::clone(&self.rules.borrow())
    }
}

impl fmt::Debug for WebState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebState")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
