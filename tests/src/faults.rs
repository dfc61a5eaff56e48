//! The fault matrix: its rows, the test of each, and the figures that tests leave. The page `deploy/docs/faults.md` is
//! made of this and of the figures that were kept.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use crate::need;

/// A row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Short name, by which a test tells its figure.
    pub id: &'static str,
    /// What goes wrong.
    pub fault: &'static str,
    /// What is asked then.
    pub asked: &'static str,
    /// The file of the test, below the root of the repository.
    pub file: &'static str,
    /// The test in it.
    pub test: &'static str,
}

const fn row(
    id: &'static str,
    fault: &'static str,
    asked: &'static str,
    file: &'static str,
    test: &'static str,
) -> Row {
    Row {
        id,
        fault,
        asked,
        file,
        test,
    }
}

/// The matrix.
pub const ROWS: [Row; 21] = [
    row(
        "outage",
        "the collector is away for 30 minutes, 10,000 agents (simulated time)",
        "all are back within 330 s of its return; in no 10 s more than three times the mean",
        "tests/tests/faults/system/outage.rs",
        "after_half_an_hour_ten_thousand_agents_are_back_in_time_and_not_at_once",
    ),
    row(
        "offline",
        "agents see no collector for 24 hours while their PCs change",
        "everything arrives, in order and once, as soon as there is one",
        "tests/tests/faults/system/offline.rs",
        "a_day_without_a_collector_is_told_whole_afterwards",
    ),
    row(
        "postgres-down",
        "PostgreSQL is killed under load and comes back",
        "nothing acknowledged is lost, nothing doubled; the collector stays up, its pages say what is the matter, a channel is told",
        "tests/tests/faults/system/database.rs",
        "postgresql_may_die_and_come_back",
    ),
    row(
        "failover",
        "the primary PostgreSQL is killed; its synchronous standby takes over",
        "the collector finds the new primary by itself; nothing lost, nothing doubled",
        "tests/tests/faults/system/database.rs",
        "a_standby_that_takes_over_is_found",
    ),
    row(
        "disk-full-collector",
        "the collector's disk is full",
        "pages are still read, nothing is acknowledged, a channel is told; with room it goes on by itself",
        "tests/tests/faults/system/collector_disk.rs",
        "a_full_disk_stops_writing_and_nothing_else",
    ),
    row(
        "disk-full-agent",
        "the agent's disk is full while its PC changes",
        "the log tells; every change arrives by itself when there is room",
        "tests/tests/end_to_end/system/full_disk.rs",
        "what_changes_while_the_disk_is_full_arrives_when_there_is_room",
    ),
    row(
        "disk-full-renewal",
        "the agent's disk is full, at any step of a renewal",
        "the identity that works stays; the renewal comes when there is room",
        "tests/tests/end_to_end/system/full_disk.rs",
        "a_full_disk_during_renewal_costs_no_identity",
    ),
    row(
        "database-bits",
        "bits flip in the collector's database, and it is checked",
        "found, or every row of every table reads as it was written; never silently another",
        "tests/tests/faults/system/damage.rs",
        "a_database_that_changed_on_its_disk_is_never_believed_silently",
    ),
    row(
        "database-served",
        "the collector starts on a database of which bits flipped, or whose end is missing",
        "without the end it refuses to start and says why; with bits flipped it refuses, or a check finds it, or no fact of a device is another one",
        "tests/tests/faults/system/damage.rs",
        "a_collector_that_is_started_on_a_damaged_database_refuses_or_tells",
    ),
    row(
        "log-bits",
        "bits flip in the database's write-ahead log, or its end is missing",
        "what was lost is sent again by the agents; both sides agree",
        "tests/tests/faults/system/damage.rs",
        "a_log_that_lost_its_end_is_completed_by_the_agents",
    ),
    row(
        "outbox-bits",
        "bits flip in an agent's outbox, or its end is missing although it was written",
        "repaired, set aside and told as a gap, or told as a disk that was set back; both sides agree",
        "tests/tests/durability/system/outbox.rs",
        "an_outbox_that_changed_on_its_disk_ends_in_agreement",
    ),
    row(
        "lines",
        "connections are cut after any byte",
        "nothing lost, nothing applied twice",
        "tests/tests/durability/system/lines.rs",
        "a_line_that_breaks_anywhere_loses_and_doubles_nothing",
    ),
    row(
        "silent-line",
        "a line swallows everything and tells neither side",
        "the agent notices that nothing is acknowledged and connects again; nothing lost, nothing applied twice",
        "tests/tests/durability/system/lines.rs",
        "a_line_that_swallows_everything_is_noticed_and_left",
    ),
    row(
        "messages",
        "records and acknowledgements come twice, late, behind younger ones, again on a later connection",
        "nothing lost, nothing applied twice; a record that came before its predecessor shows as a gap and is made up for",
        "tests/tests/durability/system/lines.rs",
        "messages_that_come_twice_late_or_in_another_order_are_taken_once",
    ),
    row(
        "clocks",
        "a PC's clock is wrong by a day or by ten years, either way",
        "it enrols, reports and renews; only a first contact past the end of the collector's certificate is refused, with the reason, until the clock is right",
        "tests/tests/end_to_end/system/clocks.rs",
        "a_clock_that_is_wrong_by_a_day_or_by_ten_years_enrols_reports_and_renews",
    ),
    row(
        "backup",
        "a backup that was made under load is restored by the command, into SQLite and into PostgreSQL",
        "both sides agree by themselves; the gap shows",
        "tests/tests/durability/system/restore.rs",
        "a_restored_backup_of_the_collector_ends_in_agreement",
    ),
    row(
        "disk-set-back",
        "an agent's disk is set back to an older state",
        "both sides agree by themselves; the fork shows",
        "tests/tests/durability/system/restore.rs",
        "a_restored_disk_of_an_agent_ends_in_agreement",
    ),
    row(
        "kills",
        "kill -9 of the collector at any moment under 200 agents",
        "nothing acknowledged is lost, nothing doubled, it starts",
        "tests/tests/durability/system/crash.rs",
        "a_collector_killed_at_any_moment_loses_and_doubles_nothing",
    ),
    row(
        "several",
        "either of two collectors over one PostgreSQL is killed",
        "the other one serves everybody; nothing lost, nothing doubled",
        "tests/tests/durability/system/several.rs",
        "of_several_collectors_any_may_die_and_nothing_is_lost_or_doubled",
    ),
    row(
        "hostile",
        "5,000 connections that stay half open, from many addresses",
        "the process stays and holds them all; nothing of others is lost; the 99th percentile never rises by more than a half, the aim being 10 %",
        "tests/tests/faults/system/hostile.rs",
        "half_open_connections_do_not_slow_others_down",
    ),
    row(
        "flood",
        "an agent with a valid certificate sends as fast as it can",
        "the process stays; nothing of others is lost; in every commit it gives way to them; the 99th percentile never doubles, the aim being 10 %",
        "tests/tests/faults/system/hostile.rs",
        "an_agent_that_sends_as_fast_as_it_can_slows_nobody_down",
    ),
];

/// Where the kept figures are, below the root of the repository.
pub const KEPT: &str = "deploy/docs/figures/faults.tsv";

/// A test tells the figure of its row: kept among the results of the run, and printed.
///
/// # Panics
/// When the matrix has no such row, or the result cannot be written.
#[expect(clippy::print_stderr, reason = "the figure of a run")]
pub fn tell(id: &str, figure: &str) {
    assert!(
        ROWS.iter().any(|row| row.id == id),
        "no row of the matrix is called {id}"
    );
    let folder = need::output().join("faults");
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(id), figure));
    assert!(written.is_ok(), "{written:?}");
    eprintln!("{id}: {figure}");
}

/// Figures by row, of lines `ID<TAB>FIGURE`.
pub fn kept(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once('\t')).collect()
}

/// The figures of this run over those that were kept, as lines.
pub fn renewed(before: &str) -> String {
    let folder = need::output().join("faults");
    let mut figures: BTreeMap<String, String> = kept(before)
        .into_iter()
        .map(|(id, figure)| (id.to_owned(), figure.to_owned()))
        .collect();
    for row in ROWS {
        if let Ok(figure) = fs::read_to_string(folder.join(row.id)) {
            figures.insert(row.id.to_owned(), figure.trim().to_owned());
        }
    }
    figures
        .into_iter()
        .map(|(id, figure)| format!("{id}\t{figure}\n"))
        .collect()
}

/// The page.
pub fn page(figures: &str) -> String {
    let figures = kept(figures);
    let mut page = String::from(
        "# The fault matrix\n\nMade of [`tests/src/faults.rs`](../../tests/src/faults.rs) and of the figures that the tests left; a test holds \
         them together. `./tests/run` runs every row and lists what could not run: full disks need root, databases the programs of PostgreSQL, \
         the crowd 12,000 open files, wrong clocks faketime. `DESKWARDEN_DOCUMENT=1 cargo test -p deskwarden-tests --test faults matrix` afterwards \
         keeps its figures. How failing on purpose works is in [durability](durability.md).\n\n| fault | asked | figure of a run | test |\n|---|---|---|---|\n",
    );
    for row in ROWS {
        let figure = figures.get(row.id).copied().unwrap_or("none yet");
        // Writing to a text cannot fail.
        let _ = writeln!(
            page,
            "| {} | {} | {figure} | [`{}`](../../{}) |",
            row.fault, row.asked, row.test, row.file
        );
    }
    page
}
