//! A populated first look: simulated office PCs, clearly marked, with breaches of the rules over some weeks. What they
//! report goes through the same decoding, judging and storing as everything else; only its times are of the past.
//! Nothing of this runs unless somebody asks for it by name.

mod facts;
mod office;
mod story;
mod titles;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use deskwarden_domain::{
    advance::Incoming,
    model::{
        Asset, AssetId, AssetState, AuditEntry, FindingAction, FindingState, LedgerEntry, LedgerMode, Millis,
        TokenId, TokenRow,
    },
    port::{AssetFilter, Batch, EnrolOutcome, FindingFilter, NewDevice, Op, Paging, Store, StoreError},
    token::Token,
};
use deskwarden_proto::{
    Message as _, decode, digest,
    ids::DeviceId,
    v1::{Delta, HostHints, Payload, Stamp, payload::Body},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    actions::{self, Decision},
    entropy::{self, Entropy, OsEntropy},
    ingest::{self, Answer, Contexts, Fence, Ingest},
};

use office::{Office, Pc};
use story::{Act, Scene};

/// What the number of every simulated PC begins with.
pub const MARK: &str = "DEMO-";
/// Who did what the simulation did, in the audit log.
const ACTOR: &str = "demo";
pub(crate) const DAY: Millis = 86_400_000;
const HOUR: Millis = 3_600_000;
/// Most PCs of one simulation: more teach nobody more.
pub const MOST: u32 = 2_000;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// PCs.
    pub pcs: u32,
    /// Days of history.
    pub days: u32,
    /// The same seed makes the same office.
    pub seed: u64,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// PCs.
    pub pcs: u64,
    /// Reports that they sent.
    pub reports: u64,
    /// Findings that came of them.
    pub findings: u64,
}

/// Why nothing was simulated.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// There are simulated PCs already.
    #[error(
        "there are simulated PCs already ({MARK}...): a second simulation would mix with the first. Use a data folder of its own"
    )]
    Already,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer.
    #[error("the simulation cannot go on: {0}")]
    Broken(String),
}

fn broken(what: impl ToString) -> DemoError {
    DemoError::Broken(what.to_string())
}

/// Simulates; the rules of this build must be in the store. Blocks, and must not run on a thread of a runtime.
///
/// # Errors
/// A store that has simulated PCs, or that cannot be used.
pub fn populate(store: &Arc<dyn Store>, plan: Plan, now: Millis) -> Result<Made, DemoError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(broken)?;
    runtime.block_on(simulate(store, plan, now))
}

async fn simulate(store: &Arc<dyn Store>, plan: Plan, now: Millis) -> Result<Made, DemoError> {
    refuse_second(store.as_ref())?;
    let start = now - Millis::from(plan.days.max(7)) * DAY;
    let office = Office::new(plan.seed, plan.pcs.clamp(1, MOST));
    let scenes = story::write(&office, plan.seed, start, now);
    let clock = Arc::new(AtomicI64::new(start));
    let contexts = Arc::new(Contexts::load(Arc::clone(store))?);
    contexts.listening(start)?;
    let reading = Arc::clone(&clock);
    let parts = ingest::Parts {
        store: Arc::clone(store),
        contexts,
        entropy: Arc::new(OsEntropy),
        now: Arc::new(move || reading.load(Ordering::Acquire)),
        meter: Arc::default(),
        committed: Box::new(|_| {}),
    };
    let stop = CancellationToken::new();
    let (ingest, writer) = Ingest::start(parts, stop.clone()).map_err(broken)?;
    let mut stage = Stage::new(Arc::clone(store), ingest, &office, start)?;
    for scene in scenes {
        clock.store(scene.at, Ordering::Release);
        stage.play(scene).await?;
    }
    clock.store(now, Ordering::Release);
    stage.close(now).await;
    let mut made = stage.made;
    stop.cancel();
    drop(stage);
    writer.await.map_err(broken)?;
    tell_nobody(store.as_ref())?;
    made.findings = store
        .findings(&FindingFilter::default(), Paging { offset: 0, limit: 1 })?
        .total;
    Ok(made)
}

/// Nobody is alerted about the past of PCs that do not exist.
fn tell_nobody(store: &dyn Store) -> Result<(), DemoError> {
    loop {
        let fresh: Vec<i64> = store
            .fresh_alerts(500)?
            .iter()
            .map(|fresh| fresh.alert.id)
            .collect();
        if fresh.is_empty() {
            return Ok(());
        }
        store.plan_alerts(&[], &fresh)?;
    }
}

fn refuse_second(store: &dyn Store) -> Result<(), DemoError> {
    let filter = AssetFilter {
        text: Some(MARK.to_owned()),
        ..AssetFilter::default()
    };
    let found = store.assets(&filter, Paging { offset: 0, limit: 1 })?;
    if found.total > 0 {
        Err(DemoError::Already)
    } else {
        Ok(())
    }
}

fn audit(at: Millis, action: &str, object: &str) -> AuditEntry {
    AuditEntry {
        at,
        actor: ACTOR.to_owned(),
        action: action.to_owned(),
        object: object.to_owned(),
        detail: String::new(),
    }
}

/// One simulated installation.
struct Actor {
    device: DeviceId,
    asset: AssetId,
    sequence: u64,
    fence: Fence,
}

/// Where scenes are played.
struct Stage<'o> {
    store: Arc<dyn Store>,
    ingest: Ingest,
    office: &'o Office,
    token: Token,
    actors: BTreeMap<u32, Actor>,
    reply: mpsc::UnboundedSender<Answer>,
    answers: mpsc::UnboundedReceiver<Answer>,
    made: Made,
}

impl<'o> Stage<'o> {
    fn new(
        store: Arc<dyn Store>,
        ingest: Ingest,
        office: &'o Office,
        start: Millis,
    ) -> Result<Self, DemoError> {
        let token = Token::from_random(random()?);
        let row = TokenRow {
            id: TokenId(0),
            label: "demo".to_owned(),
            hash: token.hash(),
            max_uses: MOST,
            uses: 0,
            expires_at: start + 30 * DAY,
            cidr: None,
            needs_approval: false,
            department: None,
            created_at: start,
            created_by: ACTOR.to_owned(),
            revoked_at: None,
        };
        store.create_token(&row, &audit(start, "token.create", "demo"))?;
        let (reply, answers) = mpsc::unbounded_channel();
        Ok(Self {
            store,
            ingest,
            office,
            token,
            actors: BTreeMap::new(),
            reply,
            answers,
            made: Made::default(),
        })
    }

    async fn play(&mut self, scene: Scene) -> Result<(), DemoError> {
        let pc = self.office.pc(scene.pc);
        match scene.act {
            Act::Arrive => {
                self.arrive(pc, scene.at)?;
                self.report(pc.number, facts::first_report(pc), scene.at).await
            }
            Act::Register => self.register(pc, scene.at),
            Act::Report(delta) => self.report(pc.number, delta, scene.at).await,
            Act::Review => {
                self.work(scene.at)?;
                self.review(scene.at)
            }
        }
    }

    fn arrive(&mut self, pc: &Pc, at: Millis) -> Result<(), DemoError> {
        let device = NewDevice {
            id: DeviceId::from_random(random()?),
            token_hash: self.token.hash(),
            key_hash: random()?,
            nonce: random::<16>()?.to_vec(),
            peer: [192, 0, 2, 1].into(),
            hints: HostHints {
                hostname: pc.hostname.clone(),
                ..HostHints::default()
            },
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: pc.platform().to_owned(),
            at,
            certificate_ends_at: at + 365 * DAY,
            resume_key: random()?,
        };
        match self.store.enrol(&device)? {
            EnrolOutcome::Enrolled(device) => {
                let actor = Actor {
                    device: device.id,
                    asset: device.asset,
                    sequence: 1,
                    fence: Fence::default(),
                };
                self.actors.insert(pc.number, actor);
                self.made.pcs += 1;
                Ok(())
            }
            other => Err(broken(format!("a simulated PC was not enrolled: {other:?}"))),
        }
    }

    /// The asset and its address, as the administrator enters them.
    fn register(&self, pc: &Pc, at: Millis) -> Result<(), DemoError> {
        let Some(actor) = self.actors.get(&pc.number) else {
            return Ok(());
        };
        let Some((row, _)) = self.store.asset(actor.asset)? else {
            return Ok(());
        };
        let asset = Asset {
            number: Some(pc.asset_number()),
            name: pc.hostname.clone(),
            custodian: Some(pc.custodian.clone()),
            department: Some(pc.department.to_owned()),
            state: AssetState::InUse,
            provisional: false,
            ..row.asset
        };
        let object = format!("asset:{}", asset.id.0);
        self.store
            .put_asset(&asset, false, &audit(at, "asset.register", &object))?;
        let entry = LedgerEntry {
            address: pc.address.clone(),
            prefix: Some(24),
            gateway: Some(pc.gateway()),
            dns: Vec::new(),
            mode: Some(LedgerMode::Static),
            mac: Some(pc.mac.clone()),
            asset: Some(asset.id),
            owner: None,
            place: Some(pc.place.to_owned()),
        };
        self.store
            .put_ledger_entry(&entry, &audit(at, "ledger.put", &object))?;
        Ok(())
    }

    async fn report(&mut self, pc: u32, delta: Delta, at: Millis) -> Result<(), DemoError> {
        let Some(actor) = self.actors.get_mut(&pc) else {
            return Ok(());
        };
        let stamp = Some(Stamp {
            observed_at_ms: at,
            boot_id: "demo".to_owned(),
            ..Stamp::default()
        });
        let body = Some(Body::Delta(delta));
        let raw = Payload { stamp, body }.encode_to_vec();
        let incoming = Incoming {
            epoch: 1,
            sequence: actor.sequence,
            payload_hash: digest::payload(&raw),
            payload: decode::payload(&raw).map_err(broken)?,
            raw,
        };
        actor.sequence += 1;
        self.ingest.seen(actor.device, at);
        if !self
            .ingest
            .record(actor.device, &actor.fence, incoming, &self.reply)
            .await
        {
            return Err(broken("the writer ended"));
        }
        self.made.reports += 1;
        match self.answers.recv().await {
            Some(Answer::Acknowledged { .. }) => Ok(()),
            other => Err(broken(format!("a report was answered {other:?}"))),
        }
    }

    /// A technician goes through what is open: some of it is acknowledged, a rare one is no breach.
    fn review(&self, at: Millis) -> Result<(), DemoError> {
        let filter = FindingFilter {
            states: vec![FindingState::Open],
            ..FindingFilter::default()
        };
        let open = self.store.findings(
            &filter,
            Paging {
                offset: 0,
                limit: 200,
            },
        )?;
        for row in open.rows {
            let Some(id) = row.finding.id else { continue };
            let action = match id.0 % 11 {
                0 | 3 | 5 | 8 => FindingAction::Acknowledge,
                7 => FindingAction::FalsePositive,
                _ => continue,
            };
            let decision = Decision {
                finding: id,
                action,
                actor: ACTOR.to_owned(),
                note: "模拟数据 / simulated".to_owned(),
                now: at,
            };
            // What cannot be decided on was decided by time; the next review sees it.
            actions::decide(self.store.as_ref(), &decision).ok();
        }
        Ok(())
    }

    /// Most PCs are in use on every day, also where they have nothing to report, and are switched off in the evening.
    fn work(&self, at: Millis) -> Result<(), DemoError> {
        let there = self.actors.iter().filter(|(number, _)| !falls_silent(**number));
        let ops = there.map(|(_, actor)| Op::Seen {
            device: actor.device,
            at,
            goodbye: true,
        });
        let batch = Batch {
            ops: ops.collect(),
            ..Batch::default()
        };
        self.store.apply(&batch)?;
        Ok(())
    }

    /// Most say goodbye, as at the end of a day; a few fall silent.
    async fn close(&self, now: Millis) {
        for (number, actor) in &self.actors {
            self.ingest
                .seen(actor.device, now - Millis::from(number % 50) * 60_000);
            if !falls_silent(*number) {
                self.ingest.goodbye(actor.device).await;
            }
        }
    }
}

/// Whether a PC is left on a shelf between what it reports.
const fn falls_silent(number: u32) -> bool {
    number % 40 == 7
}

fn random<const N: usize>() -> Result<[u8; N], DemoError> {
    entropy::bytes::<N>(&OsEntropy as &dyn Entropy).map_err(broken)
}

#[cfg(test)]
mod tests;
