//! From a change on a PC to an open dashboard: the real programs, real TLS, real `dpkg`. Each change waits for the
//! live event that an open page gets and then asks, as the page does, until the change is there.
//!
//! The changes go round a small office: an agent whose PC changes again and again looks less often, which is
//! not what is measured.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench talks to a person"
)]

use std::{
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result, ensure};
use deskwarden_tests::{
    agent::Agent,
    bench::{Limit, Report, page, percentile},
    collector::{Collector, Setup},
    dashboard::Visitor,
    deb,
    pc::Pc,
    smbios::{Firmware, Memory},
    wait::PATIENCE,
    webhook::{Delivery, Receiver},
};
use serde_json::json;

/// Changes of each kind.
const CHANGES: usize = 40;
/// PCs of the office; with three kinds of change, one PC's turn comes again after more than ten seconds.
const PCS: usize = 10;
/// Between changes, so that what one causes does not wake the next.
const PAUSE: Duration = Duration::from_millis(400);
const PLAIN: &str = "PATH=\"/usr/bin:/bin\"\n";
const PROXY: &str = "http_proxy=http://10.9.9.9:1080\n";

/// What is changed, and the rule that sees it.
const KINDS: [(&str, &str); 3] = [
    ("proxy line", "pc.proxy-configured"),
    ("package", "pc.chat"),
    ("memory module", "pc.part-changed"),
];

fn main() -> Result<()> {
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let changes: usize = given.unwrap_or(CHANGES);
    let office = Office::open()?;
    let folder = tempfile::tempdir()?;
    let chat = deb::build(folder.path(), "linuxqq", "3.2.17", "Tencent QQ")?;

    let mut times = vec![Vec::new(); KINDS.len()];
    for round in 0..changes {
        for (kind, (name, rule)) in KINDS.into_iter().enumerate() {
            let on = (round / PCS).is_multiple_of(2);
            let Some((pc, _)) = office.pcs.get(round % PCS) else {
                continue;
            };
            let took = office.time(&host(round % PCS), rule, on, || change(pc, name, on, &chat))?;
            if let Some(times) = times.get_mut(kind) {
                times.push(took);
            }
        }
        eprint!("\r{} of {changes}", round + 1);
    }
    eprintln!();

    let mut report = Report::new("latency", "From a change on the PC to the open dashboard")?;
    report.about(&format!(
        "{PCS} PCs made of files, each with a real agent over mutual TLS, one collector, and a dashboard that is open. Each
        change is real (`dpkg -i` and `--purge`, an edited file, exchanged firmware tables). Time runs from the end of the tool
        that made the change until the page's own request shows what the rule makes of it: seen, sent, judged, durable."
    ));
    for ((name, _), times) in KINDS.iter().zip(&times) {
        let table = format!("change, {changes} of each");
        for (what, percent) in [("p50", 50), ("p95", 95), ("slowest", 100)] {
            report.figure(&table, name, what, percentile(times, percent), "ms");
        }
        report.budget(
            &format!("{name}: judged, durable, on an open dashboard"),
            Limit::AtMost(1000.0),
            percentile(times, 95),
            "ms",
            "p95; peers look every minute to every day",
        );
    }
    let receipts = office.receipts()?;
    let table = format!(
        "from the finding to a webhook's receipt, {} alerts",
        receipts.len()
    );
    for percent in [50, 95, 99] {
        report.figure(
            &table,
            "webhook",
            &format!("p{percent}"),
            percentile(&receipts, percent),
            "ms",
        );
    }
    report.budget(
        "alert: judged, committed, planned, sent, received",
        Limit::AtMost(1000.0),
        percentile(&receipts, 99),
        "ms",
        "p99; from the moment of judging, which is before the commit",
    );
    report.raw = json!({"changes": times, "receipts": receipts});
    report.save()?;
    println!("{}", page::part(&report));
    Ok(())
}

struct Office {
    pcs: Vec<(Pc, Agent)>,
    visitor: Visitor,
    events: mpsc::Receiver<String>,
    hook: Receiver,
    _collector: Collector,
}

impl Office {
    fn open() -> Result<Self> {
        let hook = Receiver::start()?;
        let collector = Setup::new()?.webhook(&hook.url(), &hook.place())?.start()?;
        let mut pcs = Vec::new();
        for number in 0..PCS {
            let pc = Pc::new(&host(number))?;
            let agent = Agent::start(&collector, &pc)?;
            collector.finding("pc.unregistered", &host(number), "open")?;
            pcs.push((pc, agent));
        }
        let visitor = collector.administrator()?;
        let lines = visitor.events()?;
        let (sender, events) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.filter(|line| line.starts_with("data:")) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            pcs,
            visitor,
            events,
            hook,
            _collector: collector,
        })
    }

    /// Milliseconds from judging to receipt, of every alert.
    fn receipts(&self) -> Result<Vec<f64>> {
        let deliveries = self.hook.deliveries();
        ensure!(!deliveries.is_empty(), "no alert reached the webhook");
        deliveries.iter().map(receipt).collect()
    }

    /// Milliseconds from a finished change until the dashboard shows what the rule makes of it.
    fn time(&self, host: &str, rule: &str, on: bool, change: impl FnOnce() -> Result<()>) -> Result<f64> {
        thread::sleep(PAUSE);
        while self.events.try_recv().is_ok() {}
        change()?;
        // From here, so that slow tools count as theirs.
        let begun = Instant::now();
        let wanted = if on { "open" } else { "resolved" };
        while !self.shows(host, rule, wanted)? {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            ensure!(!left.is_zero(), "{host}: {rule} did not become {wanted}");
            // The event says that something changed; a missed one costs a second, not the bench.
            self.events.recv_timeout(left.min(Duration::from_secs(1))).ok();
        }
        Ok(begun.elapsed().as_secs_f64() * 1000.0)
    }

    fn shows(&self, host: &str, rule: &str, state: &str) -> Result<bool> {
        let answer = self
            .visitor
            .clone()
            .api(&format!("/api/v1/findings?state=any&rule={rule}"))?;
        let rows = answer["findings"]
            .as_array()
            .with_context(|| format!("no list of findings: {answer}"))?;
        Ok(rows
            .iter()
            .any(|row| row["asset_name"] == host && row["state"] == state))
    }
}

/// Milliseconds from the moment in an alert, as `2026-11-23T12:00:00.123Z`, to its receipt; both of one day or the next.
fn receipt(delivery: &Delivery) -> Result<f64> {
    let json = delivery.json();
    let at = json["at"].as_str().context("an alert without a time")?;
    let time = at.split_once('T').and_then(|(_, time)| time.strip_suffix('Z'));
    let parts: Vec<f64> = time
        .context("a time that is not UTC")?
        .split(':')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [hours, minutes, seconds] = parts.as_slice() else {
        anyhow::bail!("no time of day in {at}");
    };
    let judged = (hours * 3_600.0 + minutes * 60.0 + seconds) * 1_000.0;
    let received = delivery.at.duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64() * 1_000.0;
    Ok((received - judged).rem_euclid(86_400_000.0))
}

fn host(number: usize) -> String {
    format!("pc-bench-{number}")
}

fn change(pc: &Pc, kind: &str, on: bool, chat: &Path) -> Result<()> {
    match (kind, on) {
        ("proxy line", true) => pc.write("etc/environment", PROXY),
        ("proxy line", false) => pc.write("etc/environment", PLAIN),
        ("package", true) => deb::install(pc, chat),
        ("package", false) => deb::purge(pc, "linuxqq"),
        (_, true) => {
            let mut swapped = Firmware::default();
            swapped.memory.pop();
            swapped.memory.push(Memory::of("DIMM_B1", "DEADBE01"));
            pc.firmware(&swapped)
        }
        (_, false) => pc.firmware(&Firmware::default()),
    }
}
