//! What pages of the dashboard cost the server at 1,000, 10,000 and 100,000 PCs: the time until the whole answer is
//! there. One store after the other, in one run.
#![expect(clippy::print_stderr, reason = "a bench talks to a person")]

#[path = "rejudge/office.rs"]
#[expect(dead_code, reason = "this bench edits no rules")]
mod office;

use std::{
    env,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use deskwarden_tests::{
    bench::{Limit, Report},
    collector::{Collector, Setup},
    dashboard::Visitor,
    wait::eventually,
};
use rusqlite::{Connection, OpenFlags};

/// PCs of the offices, and titles of each.
const SIZES: [u32; 3] = [1_000, 10_000, 100_000];
const TITLES: u32 = 40;
/// How often a page is read, and after how long no more.
const TIMES: usize = 21;
const ENOUGH: Duration = Duration::from_secs(5);
/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// What is read: words for the table, and the address. `{asset}`, `{device}` and `{finding}` stand for one of the office.
const PAGES: [(&str, &str); 54] = [
    ("nothing but the connection", "/healthz"),
    ("overview", "/"),
    ("findings", "/findings"),
    ("findings, any state", "/findings?state=any"),
    ("findings, critical", "/findings?severity=critical"),
    ("findings of a clause", "/findings?clause=PC+3.1.1"),
    ("findings of a rule", "/findings?rule=pc.unregistered"),
    ("findings, a word", "/findings?text=pc-00777"),
    (
        "findings, a word that nothing has",
        "/findings?text=nothing-has-this",
    ),
    ("findings, page 1,000", "/findings?page=1000"),
    ("a finding", "/findings/{finding}"),
    ("record of violations", "/forms/violations"),
    ("record of changes", "/forms/changes"),
    ("machines", "/assets"),
    ("machines, a word", "/assets?text=pc-00777"),
    ("machines, a word that none has", "/assets?text=nothing-has-this"),
    ("machines with findings", "/assets?show=flagged"),
    ("silent machines", "/assets?show=silent"),
    ("a machine", "/assets/{asset}"),
    ("a device", "/devices/{device}"),
    ("a device, its software", "/devices/{device}?tab=software"),
    ("titles", "/software"),
    ("titles, a word", "/software?text=Rare"),
    ("a title that every PC has", "/software/{title}"),
    ("clauses", "/clauses"),
    ("rules", "/rules"),
    ("a rule that every PC breaches", "/rules/pc.unregistered"),
    ("register of assets", "/register/assets"),
    ("register of assets, a row", "/register/assets?asset={asset}"),
    ("register of people", "/register/people"),
    ("register of departments", "/register/departments"),
    ("ledger", "/ledger"),
    ("approvals", "/approvals"),
    ("notices", "/notices"),
    ("admission checks", "/admissions"),
    ("users", "/users"),
    ("enrolment tokens", "/tokens"),
    ("API tokens", "/api-tokens"),
    ("channels", "/channels"),
    ("acknowledgements", "/acknowledgements"),
    ("personal data", "/subjects"),
    ("own account", "/account"),
    ("new devices", "/arrivals"),
    ("inspections", "/inspections"),
    ("alerts", "/alerts"),
    ("audit log", "/audit"),
    ("system", "/system"),
    ("API: findings", "/api/v1/findings?limit=500"),
    ("API: machines", "/api/v1/assets?limit=500"),
    ("API: devices", "/api/v1/devices?limit=500"),
    (
        "API: a device's items",
        "/api/v1/devices/{device}/items?section=software",
    ),
    ("API: register", "/api/v1/register/assets?limit=500"),
    ("API: ledger", "/api/v1/ledger?limit=500"),
    ("API: titles", "/api/v1/software?limit=500"),
];

fn main() -> Result<()> {
    let given: Vec<u32> = env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let sizes = if given.is_empty() { SIZES.to_vec() } else { given };
    let mut report = Report::new("dashboard", "What pages of the dashboard cost the server")?;
    report.about(&format!(
        "Offices whose PCs have {TITLES} titles each and break rules as shipped, in SQLite; nobody is registered. No agent is
        connected. A page is read up to {TIMES} times after once; the time is from the first byte of a new TLS connection
        to the last byte of the answer, so the first row is what everything else contains. Medians and 95th percentiles."
    ));
    let mut worst: f64 = 0.0;
    for size in &sizes {
        let office = Office::of(*size)?;
        let table = format!("{size} PCs");
        for (name, page) in PAGES {
            let spent = office.read(page).with_context(|| page.to_owned())?;
            report.figure(&table, name, "p50", spent.p50, "ms");
            report.figure(&table, name, "p95", spent.p95, "ms");
            report.figure(&table, name, "page", spent.kib, "KiB");
            eprintln!(
                "{size}: {name}: {:.1} ms, {:.1} ms, {:.0} KiB",
                spent.p50, spent.p95, spent.kib
            );
            if Some(size) == sizes.last() {
                worst = worst.max(spent.p95);
            }
        }
    }
    report.budget(
        "every page at 100,000 devices, p95",
        Limit::AtMost(100.0),
        worst,
        "ms",
        "the slowest page of the largest office, its connection included",
    );
    report.save()
}

struct Spent {
    p50: f64,
    p95: f64,
    kib: f64,
}

/// A collector over a filled store, and somebody who may read all of it.
struct Office {
    _collector: Collector,
    visitor: Visitor,
    places: [(&'static str, String); 4],
}

impl Office {
    fn of(devices: u32) -> Result<Self> {
        let mut collector = Setup::new()?.start()?;
        collector.administrator()?;
        collector.program().stop()?;
        let database = collector.data().join("deskwarden.db");
        let began = Instant::now();
        office::fill(&database, devices, TITLES)?;
        eprintln!("{devices} PCs in {:.0} s", began.elapsed().as_secs_f64());
        collector.restart()?;
        let [asset, device, finding] = judged(&database)?;
        // The dashboard has another port after a restart.
        let mut visitor = Visitor::new(collector.dashboard()?, &collector.roots())?;
        visitor.sign_in("admin", deskwarden_tests::collector::PASSWORD)?;
        let title = eventually("titles of the fleet", PATIENCE, || {
            let found = visitor.api("/api/v1/software?text=Office+Title+0&limit=1")?;
            Ok(found["software"][0]["id"].as_str().map(str::to_owned))
        })?;
        Ok(Self {
            _collector: collector,
            visitor,
            places: [asset, device, finding, ("{title}", title)],
        })
    }

    fn read(&self, page: &str) -> Result<Spent> {
        let mut visitor = self.visitor.clone();
        let mut path = page.to_owned();
        for (name, value) in &self.places {
            path = path.replace(name, value);
        }
        let first = visitor.get(&path)?;
        ensure!(
            first.status == 200,
            "{path} answered {}: {}",
            first.status,
            first.body
        );
        let (mut times, began) = (Vec::new(), Instant::now());
        while times.len() < TIMES && (times.len() < 3 || began.elapsed() < ENOUGH) {
            let asked = Instant::now();
            visitor.get(&path)?;
            times.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        let at = |share: f64| {
            times
                .get(((times.len() - 1) as f64 * share).round() as usize)
                .copied()
        };
        Ok(Spent {
            p50: at(0.5).unwrap_or_default(),
            p95: at(0.95).unwrap_or_default(),
            kib: first.body.len() as f64 / 1024.0,
        })
    }
}

/// Waits until every PC is judged, and gives one of each kind.
fn judged(database: &Path) -> Result<[(&'static str, String); 3]> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let one = |sql: &str| -> Result<String> {
        connection
            .query_row(sql, [], |row| row.get(0))
            .with_context(|| sql.to_owned())
    };
    eventually("every PC judged", PATIENCE, || {
        let behind = one(
            "SELECT CAST(COUNT(*) AS TEXT) FROM assets WHERE judged_generation < (SELECT generation FROM context_generation)",
        )?;
        Ok((behind == "0").then_some(()))
    })?;
    Ok([
        ("{asset}", one("SELECT CAST(MAX(id) / 2 AS TEXT) FROM assets")?),
        (
            "{device}",
            one("SELECT LOWER(HEX(uid)) FROM devices WHERE id = (SELECT MAX(id) / 2 FROM devices)")?,
        ),
        (
            "{finding}",
            one("SELECT CAST(MAX(id) / 2 AS TEXT) FROM findings")?,
        ),
    ])
}
