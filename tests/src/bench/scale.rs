//! What a fleet of a size needs, reckoned from what was measured per event: the table of `deploy/docs/scale.md`. Pure.

use std::fmt::Write as _;

use super::{result::Report, spread::rounded};

/// Marks around the table on the page.
pub const BEGIN: &str = "<!-- reckoned -->";
/// See [`BEGIN`].
pub const END: &str = "<!-- end -->";

/// What stands on the page until a result of the bench `fleet` is kept.
pub const NOT_YET: &str =
    "No result of `./tests/bench fleet` is kept yet: the table comes with the first one.\n";

/// Sizes of fleets.
const FLEETS: [f64; 4] = [1e3, 1e4, 1e5, 1e6];
/// What a PC says on a working day: heartbeats every ten minutes, reconnects, changes.
const HEARTBEATS: f64 = 144.0;
const RETURNS: f64 = 3.0;
const DELTAS: f64 = 20.0;
const DAY: f64 = 86_400.0;
/// Within which everybody is back after an outage, in seconds.
const BACK: f64 = 330.0;

/// The table, or `None` before both benches were kept.
pub fn table(reports: &[Report]) -> Option<String> {
    let find = |bench: &str, subject: &str, what: &str| -> Option<f64> {
        let report = reports.iter().find(|report| report.bench == bench)?;
        let mut figures = report.figures.iter();
        figures
            .find(|figure| figure.subject == subject && figure.what == what)
            .map(|figure| figure.value)
    };
    let fleet = reports.iter().find(|report| report.bench == "fleet")?;
    let idle = fleet
        .figures
        .iter()
        .find(|figure| figure.what == "memory per session")?;
    let session = |what: &str| find("fleet", &idle.subject, what);
    let store = "PostgreSQL, 2 collectors";
    let (delta, first) = (
        find("fleet", store, "one-item delta")?,
        find("fleet", store, "first report")?,
    );
    // What a return costs where it is durable, and what a collector does in the minute after many.
    let quiet = session("CPU of 1,000 sessions")?;
    // Results of before told both as one.
    let (after, idle_cores) = match session("CPU of the minute after, per connection") {
        Some(after) => (after, quiet / 1e9),
        None => (quiet * 60.0 / 1e6, 0.0),
    };
    let back = find("fleet", store, "coming back")? + after;
    let heartbeat = 1e3 / find("ingest", "heartbeats", "collector")?;
    let day = HEARTBEATS * heartbeat + RETURNS * back + DELTAS * delta;
    let mut page = format!(
        "Of a PC's day ({HEARTBEATS:.0} heartbeats, {RETURNS:.0} returns, {DELTAS:.0} changes) {} ms of CPU, collectors and PostgreSQL together;
{} ms for its first report, once; {} KiB while it is connected.\n\n",
        rounded(day),
        rounded(first),
        rounded(idle.value)
    );
    page.push_str("| PCs | CPU of a day, cores in the mean | cores while all come back within 330 s | cores while all report for the first time within 8 hours | memory of sessions, GiB |\n");
    page.push_str("|--:|--:|--:|--:|--:|\n");
    for pcs in FLEETS {
        let cores = |ms: f64, seconds: f64| rounded(pcs * ms / 1e3 / seconds);
        let gib = rounded(pcs * idle.value / (1024.0 * 1024.0));
        let mean = rounded(pcs * (day / 1e3 / DAY + idle_cores));
        let (storm, rollout) = (cores(back, BACK), cores(first, 8.0 * 3600.0));
        writeln!(page, "| {pcs:.0} | {mean} | {storm} | {rollout} | {gib} |").ok()?;
    }
    Some(page)
}

/// The page with the table between its marks.
pub fn put(page: &str, table: &str) -> Option<String> {
    let (head, rest) = page.split_once(BEGIN)?;
    let (_, tail) = rest.split_once(END)?;
    Some(format!("{head}{BEGIN}\n{table}{END}{tail}"))
}
