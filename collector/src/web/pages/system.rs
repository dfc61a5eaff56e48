//! `GET /system`: how the collector itself is: what comes in, what waits to go out, storage, certificates, the rules in
//! force, agents by version. What is wrong is what its own findings say (`operations`).

use askama::Template;
use axum::{extract::State, response::Response};
use deskwarden_domain::{
    model::Millis,
    operations::{Backup, Disk, Facts, Kind},
    port::{AgentCount, Condition, Paging, Store, StoreResult},
};

use super::{Asked, alerts, lines::FindingLine, render};
use crate::web::{
    chart::{Bar, Part},
    error::WebError,
    list::{Batch, Column, Exports, List, ListAsk},
    page::Page,
    plot::Columns,
    state::WebState,
    text::{Agent, agent_text, bytes},
};

const MINUTE: Millis = 60_000;
/// Minutes of one row of the table beside the chart.
const SPAN: usize = 10;
/// Conditions that are shown.
const CONDITIONS: u32 = 50;

#[derive(Template)]
#[template(path = "system.html")]
struct SystemPage {
    p: Page,
    version: &'static str,
    since: Option<Millis>,
    conditions: Vec<FindingLine>,
    condition: Condition,
    size: String,
    sessions: u64,
    minute: u64,
    hour: u64,
    columns: Columns,
    spans: Vec<(Millis, u64)>,
    queued: Vec<(Agent, u64, u64)>,
    disk: Option<DiskView>,
    backup: Option<Backup>,
    backup_bad: bool,
    certificates: Option<Vec<CertificateLine>>,
    rules: (u64, u64),
    refused: Vec<(Agent, Agent)>,
    agents: Vec<AgentLine>,
    exports: Exports,
}

struct DiskView {
    folder: Agent,
    free: String,
    total: String,
    percent: u64,
    bar: Bar,
    bad: bool,
}

struct CertificateLine {
    name: &'static str,
    ends_at: Millis,
    renews: bool,
    bad: bool,
}

struct AgentLine {
    version: Agent,
    platform: Agent,
    devices: u64,
    reporting: u64,
    off: u64,
    silent: u64,
    last_seen_at: Option<Millis>,
    bar: Bar,
}

/// The page.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let p = asked.page(&state, "/system");
    let now = p.now;
    let counted = state.agents().await?;
    let condition = counted.condition.clone();
    let eyes = state.system.eyes.clone();
    let (facts, queued, found) = state
        .ask(move |store| {
            let facts = match eyes {
                Some(eyes) => eyes.look(store, now)?,
                None => Facts::default(),
            };
            let newest = Paging {
                offset: 0,
                limit: CONDITIONS,
            };
            Ok((
                facts,
                store.queued()?,
                store.findings(&alerts::conditions(), newest)?.rows,
            ))
        })
        .await?;
    let rules = state.rules_now();
    let bad = |kind: Kind, subject: &str| {
        found.iter().any(|row| {
            let key = &row.finding.key;
            key.rule == kind.rule() && key.subject == subject
        })
    };
    let minutes = state.system.meter.hour(now);
    let whole = &minutes[..minutes.len().saturating_sub(1)];
    let hour: u64 = minutes.iter().sum();
    let page = SystemPage {
        version: env!("CARGO_PKG_VERSION"),
        since: (state.system.since > 0).then_some(state.system.since),
        conditions: found
            .iter()
            .map(|row| FindingLine::new(row, &rules, p.lang()))
            .collect(),
        size: bytes(condition.bytes),
        condition,
        sessions: (state.system.sessions)() as u64,
        minute: whole.last().copied().unwrap_or(0),
        hour,
        columns: Columns {
            words: p.n("system.hour", &hour),
            counts: minutes.clone(),
        },
        spans: spans(&minutes, now),
        queued: channels(&queued, &facts),
        disk: facts
            .disk
            .as_ref()
            .map(|disk| disk_view(disk, bad(Kind::DiskFilling, &disk.folder), &p)),
        backup: facts.backup,
        backup_bad: bad(Kind::BackupOverdue, "backup"),
        certificates: facts.certificates.as_ref().map(|all| {
            all.iter()
                .map(|one| CertificateLine {
                    name: certificate_name(&one.name),
                    ends_at: one.ends_at,
                    renews: one.renews,
                    bad: bad(Kind::CertificateEnds, &one.name),
                })
                .collect()
        }),
        rules: (rules.rules().len() as u64, rules.disabled().len() as u64),
        refused: facts
            .refused
            .iter()
            .flatten()
            .map(|(file, fault)| (agent_text(file), agent_text(fault)))
            .collect(),
        agents: counted.agents.iter().map(|one| agent_line(one, &p)).collect(),
        exports: Exports::of("/system/export", &asked),
        p,
    };
    render(&page)
}

/// The name in the locales of a certificate that the collector watches.
fn certificate_name(name: &str) -> &'static str {
    match name {
        "root CA" => "root",
        "intermediate CA" => "intermediate",
        "dashboard" => "dashboard",
        _ => "agents",
    }
}

/// What came in, some minutes together: from when, how many.
fn spans(minutes: &[u64], now: Millis) -> Vec<(Millis, u64)> {
    let first = now - now.rem_euclid(MINUTE) - MINUTE * Millis::try_from(minutes.len()).unwrap_or(0) + MINUTE;
    minutes
        .chunks(SPAN)
        .zip((0..).map(|span| first + span * MINUTE * Millis::try_from(SPAN).unwrap_or(1)))
        .map(|(counts, at)| (at, counts.iter().sum()))
        .collect()
}

/// Channels with what waits and what was given up.
fn channels(queued: &[(String, u64)], facts: &Facts) -> Vec<(Agent, u64, u64)> {
    let mut all: std::collections::BTreeMap<&str, (u64, u64)> = std::collections::BTreeMap::new();
    for (channel, waiting) in queued {
        all.entry(channel).or_default().0 = *waiting;
    }
    for (channel, dead) in facts.dead.iter().flatten() {
        all.entry(channel).or_default().1 = *dead;
    }
    all.into_iter()
        .map(|(channel, (waiting, dead))| (agent_text(channel), waiting, dead))
        .collect()
}

fn disk_view(disk: &Disk, bad: bool, p: &Page) -> DiskView {
    let used = disk.total.saturating_sub(disk.free);
    // Parts of a thousand: the bar multiplies.
    let parts =
        |bytes: u64| u64::try_from(u128::from(bytes) * 1000 / u128::from(disk.total.max(1))).unwrap_or(0);
    DiskView {
        folder: agent_text(&disk.folder),
        free: bytes(disk.free),
        total: bytes(disk.total),
        percent: parts(disk.free) / 10,
        bar: Bar {
            parts: vec![Part {
                class: if bad { "out-fail" } else { "out-pass" },
                count: parts(used),
                words: p.t("system.used_per_mille").to_owned(),
            }],
            whole: 1000,
        },
        bad,
    }
}

fn agent_line(one: &AgentCount, p: &Page) -> AgentLine {
    let part = |class, count, key| Part {
        class,
        count,
        words: p.t(key).to_owned(),
    };
    AgentLine {
        version: agent_text(&one.version),
        platform: agent_text(&one.platform),
        devices: one.devices,
        reporting: one.reporting,
        off: one.off,
        silent: one.silent,
        last_seen_at: one.last_seen_at,
        bar: Bar::full(vec![
            part("out-pass", one.reporting, "system.reporting"),
            part("out-blind", one.off, "system.off"),
            part("out-fail", one.silent, "system.silent"),
        ]),
    }
}

/// Agents by version, as a list.
pub(in crate::web) struct AgentList;

impl List for AgentList {
    type Row = AgentCount;
    const NAME: &'static str = "agents";
    const TITLE: &'static str = "system.agents";
    const FILTERS: &'static [(&'static str, &'static str)] = &[];

    fn columns() -> Vec<Column<AgentCount>> {
        vec![
            Column::text("version", "system.version", |row, _| Some(row.version.clone())),
            Column::text("platform", "device.platform", |row, _| Some(row.platform.clone())),
            Column::number("devices", "system.devices", |row| i64::try_from(row.devices).ok()),
            Column::number("reporting", "system.reporting", |row| {
                i64::try_from(row.reporting).ok()
            }),
            Column::number("off", "system.off", |row| i64::try_from(row.off).ok()),
            Column::number("silent", "system.silent", |row| i64::try_from(row.silent).ok()),
            Column::when("last_seen_at", "device.last_seen", |row| row.last_seen_at),
        ]
    }

    fn fetch(
        store: &dyn Store,
        ask: &ListAsk,
        from: Option<i64>,
        limit: u32,
    ) -> StoreResult<Batch<AgentCount>> {
        let rows = store.agents(ask.context.reporting_since)?;
        Ok(Batch::of_whole(rows, from, limit))
    }
}
